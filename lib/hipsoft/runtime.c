/* SPDX-License-Identifier: MIT */
/* runtime.c - the start of the runtime, its devices, and calls about all of it */
#include "runtime.h"

#include <ctype.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include <same_process.h>

#include "context.h"
#include "freed.h"
#include "stream.h"

#define MIB        (UINT64_C(1) << 20)
#define MEMORY_MAX (UINT64_C(1) << 26) /* MiB; the limit of a libaccel device */
#define QUEUES     1024                /* per device, and so the limit of streams */

/* The process that uses the runtime. */
struct runtime_process {
	_Atomic uint32_t *mark;
	bool mark_is_reliable;
	pid_t pid;
};

/* Set once, never freed. A child forked before that finds NULL and sets its own. */
static struct runtime_process *_Atomic runtime_process;

/* Set when what follows is complete. The lock is the outermost one. */
static atomic_bool runtime_ready;
static pthread_mutex_t runtime_start_lock = PTHREAD_MUTEX_INITIALIZER;
static struct accel_registry *runtime_registry;
static struct device runtime_devices[HIPSOFT_MAX_DEVICES];
static int runtime_device_count;

/* ---- which process this is --------------------------------------------------------- */

/*
 * Takes no lock: a mutex that is held when another thread forks stays locked in the
 * child, which must be recognized as a child before it tries to take one.
 */
static int runtime_mark_process(struct runtime_process **ret_process)
{
	struct runtime_process *mine = malloc(sizeof(*mine)), *first = NULL;
	int r;

	if (!mine)
		return -ENOMEM;
	r = same_process_create(&mine->mark, &mine->mark_is_reliable);
	if (r < 0) {
		free(mine);
		return r;
	}
	mine->pid = getpid();
	if (!atomic_compare_exchange_strong(&runtime_process, &first, mine)) {
		same_process_destroy(mine->mark);
		free(mine);
		mine = first;
	}
	*ret_process = mine;
	return 0;
}

static bool runtime_is_this_process(const struct runtime_process *user)
{
	return atomic_load_explicit(user->mark, memory_order_relaxed) &&
	       (user->mark_is_reliable || getpid() == user->pid);
}

/* ---- environment ------------------------------------------------------------------- */

/* -ENODEV: an invalid value is an error, not replaced by the default. */
static int runtime_read_number(const char *name, uint64_t highest, uint64_t otherwise,
			       uint64_t *ret_number)
{
	const char *text = secure_getenv(name);
	unsigned long long number;
	char *end;

	if (!text || !*text) {
		*ret_number = otherwise;
		return 0;
	}
	errno = 0;
	number = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || !number ||
	    number > highest)
		return -ENODEV;
	*ret_number = number;
	return 0;
}

/* ---- devices ----------------------------------------------------------------------- */

/* On failure the caller undoes the steps so far with runtime_unmake_devices(). */
static int runtime_make_device(struct device *device, int ordinal, uint64_t memory)
{
	struct accel_device_params params = {
		.size = sizeof(params),
		.queues = QUEUES,
		.memory = memory,
	};
	struct accel_asid_create asid = {.size = sizeof(asid)};
	int r;

	*device = (struct device){.ordinal = ordinal};
	list_init(&device->streams);
	pthread_mutex_init(&device->lock, NULL);
	snprintf(params.name, sizeof(params.name), "hipsoft%d", ordinal);
	r = accel_device_create(runtime_registry, &accel_soft_backend, &params,
				&device->accel);
	if (r == 0)
		r = accel_context_create(device->accel, NULL, &device->context);
	if (r == 0)
		r = accel_asid_create(device->context, &asid);
	if (r < 0)
		return r;
	device->asid = asid.id;
	return context_create(device, &device->primary);
}

static void runtime_unmake_devices(int n)
{
	for (int i = 0; i < n; i++) {
		context_free(runtime_devices[i].primary);
		accel_context_destroy(runtime_devices[i].context);
		pthread_mutex_destroy(&runtime_devices[i].lock);
	}
	/* If an engine does not stop, its device is leaked, which costs memory only. */
	accel_registry_destroy(runtime_registry);
	runtime_registry = NULL;
}

static int runtime_make_devices(uint64_t n, uint64_t memory)
{
	int r = accel_registry_create(NULL, NULL, &runtime_registry);
	int made = 0;

	if (r < 0)
		return r;
	while (made < (int)n && r == 0) {
		r = runtime_make_device(&runtime_devices[made], made, memory);
		made++;
	}
	if (r < 0)
		runtime_unmake_devices(made);
	else
		runtime_device_count = made;
	return r;
}

/* A failure is not final: the next call tries again. */
static int runtime_start_locked(void)
{
	uint64_t n, mib;
	int r = runtime_read_number("HIPSOFT_DEVICES", HIPSOFT_MAX_DEVICES, 1, &n);

	ASSERT_LOCKED(&runtime_start_lock);
	if (r == 0)
		r = runtime_read_number("HIPSOFT_MEMORY", MEMORY_MAX, 1024, &mib);
	if (r == 0)
		r = runtime_make_devices(n, mib * MIB);
	if (r == 0)
		atomic_store_explicit(&runtime_ready, true, memory_order_release);
	/* pthread_create(3) fails with EAGAIN for any lack of resources. */
	return r == -EAGAIN ? -ENOMEM : r;
}

static int runtime_start_once(void)
{
	int r = 0;

	pthread_mutex_lock(&runtime_start_lock);
	if (!atomic_load_explicit(&runtime_ready, memory_order_relaxed))
		r = runtime_start_locked();
	pthread_mutex_unlock(&runtime_start_lock);
	return r;
}

int runtime_enter(void)
{
	struct runtime_process *user =
		atomic_load_explicit(&runtime_process, memory_order_acquire);
	int r = 0;

	if (!user)
		r = runtime_mark_process(&user);
	if (r < 0)
		return r;
	if (!runtime_is_this_process(user))
		return -ECHILD;
	if (atomic_load_explicit(&runtime_ready, memory_order_acquire))
		return 0;
	return runtime_start_once();
}

int runtime_n_devices(void)
{
	return runtime_device_count;
}

struct device *runtime_device(int ordinal)
{
	return ordinal >= 0 && ordinal < runtime_device_count ? &runtime_devices[ordinal]
							      : NULL;
}

void runtime_synchronize(void)
{
	for (int i = 0; i < runtime_device_count; i++)
		stream_wait_for_device(&runtime_devices[i]);
}

void runtime_settle(unsigned ms)
{
	accel_registry_settle(runtime_registry, ms);
}

/* ---- calls ------------------------------------------------------------------------- */

_public_ hipError_t hipInit(unsigned int flags)
{
	int r = runtime_enter();

	if (r == 0 && flags)
		r = -EINVAL;
	return runtime_result(r);
}

_public_ hipError_t hipGetDeviceCount(int *ret_count)
{
	int r = runtime_enter();

	if (r == 0 && !ret_count)
		r = -EINVAL;
	if (r == 0)
		*ret_count = runtime_device_count;
	return runtime_result(r);
}

_public_ hipError_t hipDeviceSynchronize(void)
{
	int r = runtime_enter();

	if (r == 0)
		r = stream_synchronize_device(context_current()->device);
	return runtime_result(r);
}

_public_ hipError_t hipMemGetInfo(size_t *ret_free, size_t *ret_total)
{
	struct accel_device_info info = {.size = sizeof(info)};
	int r = runtime_enter();

	if (r == 0 && (!ret_free || !ret_total))
		r = -EINVAL;
	if (r < 0)
		return runtime_result(r);
	freed_wait(context_current()->device, FREED_INFO_MS);
	accel_device_query(context_current()->device->accel, &info);
	*ret_free = info.memory_free;
	*ret_total = info.memory;
	return runtime_result(0);
}
