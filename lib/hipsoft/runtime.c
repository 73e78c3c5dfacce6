/* SPDX-License-Identifier: MIT */
#include "runtime.h"

#include <ctype.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include <same_process.h>

#include "context.h"
#include "stream.h"

#define MIB        (UINT64_C(1) << 20)
#define MEMORY_MAX (UINT64_C(1) << 26) /* MiB: what a device of libaccel can have */
#define QUEUES     1024                /* of each device: its streams */
#define SETTLE_MS  1000

/* The process that uses the runtime. */
struct process {
	_Atomic uint32_t *mark;
	bool mark_is_reliable;
	pid_t pid;
};

/* Set once, never freed. A child that was forked before finds none and sets its own. */
static struct process *_Atomic process;

/* What follows is complete; changed under the lock, which comes before all others. */
static atomic_bool ready;
static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static struct accel_registry *registry;
static struct device devices[HIPSOFT_MAX_DEVICES];
static int n_devices;

/* ---- which process this is --------------------------------------------------------- */

/*
 * Without a lock: one that a thread holds stays locked for ever in the child that another
 * thread forks, and by then there has to be a mark that tells him so.
 */
static int mark_process(struct process **ret_process)
{
	struct process *mine = malloc(sizeof(*mine)), *first = NULL;
	int r;

	if (!mine)
		return -ENOMEM;
	r = same_process_create(&mine->mark, &mine->mark_is_reliable);
	if (r < 0) {
		free(mine);
		return r;
	}
	mine->pid = getpid();
	if (!atomic_compare_exchange_strong(&process, &first, mine)) {
		same_process_destroy(mine->mark);
		free(mine);
		mine = first;
	}
	*ret_process = mine;
	return 0;
}

static bool is_this_process(const struct process *user)
{
	return atomic_load_explicit(user->mark, memory_order_relaxed) &&
	       (user->mark_is_reliable || getpid() == user->pid);
}

/* ---- environment ------------------------------------------------------------------- */

/* -ENODEV: a program that asked for something else than it would get gets nothing. */
static int read_number(const char *name, uint64_t highest, uint64_t otherwise,
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

/* On failure what was made stays for unmake_devices(). */
static int make_device(struct device *device, int ordinal, uint64_t memory)
{
	struct accel_device_params params = {.queues = QUEUES, .memory = memory};
	struct accel_asid_create asid = {.size = sizeof(asid)};
	int r;

	*device = (struct device){.ordinal = ordinal};
	pthread_mutex_init(&device->lock, NULL);
	snprintf(params.name, sizeof(params.name), "hipsoft%d", ordinal);
	r = accel_device_create(registry, &accel_soft_backend, &params, &device->accel);
	if (r == 0)
		r = accel_context_create(device->accel, NULL, &device->context);
	if (r == 0)
		r = accel_asid_create(device->context, &asid);
	if (r < 0)
		return r;
	device->asid = asid.id;
	return context_create(device, &device->primary);
}

static void unmake_devices(int n)
{
	for (int i = 0; i < n; i++) {
		context_free(devices[i].primary);
		accel_context_destroy(devices[i].context);
		pthread_mutex_destroy(&devices[i].lock);
	}
	/* It stays where an engine of it does not end; nothing is lost but memory. */
	accel_registry_destroy(registry);
	registry = NULL;
}

static int make_devices(uint64_t n, uint64_t memory)
{
	int r = accel_registry_create(NULL, NULL, &registry);
	int made = 0;

	if (r < 0)
		return r;
	while (made < (int)n && r == 0) {
		r = make_device(&devices[made], made, memory);
		made++;
	}
	if (r < 0)
		unmake_devices(made);
	else
		n_devices = made;
	return r;
}

/* The lock is held. A failure is not for ever: the next call tries again. */
static int start(void)
{
	uint64_t n, mib;
	int r = read_number("HIPSOFT_DEVICES", HIPSOFT_MAX_DEVICES, 1, &n);

	if (r == 0)
		r = read_number("HIPSOFT_MEMORY", MEMORY_MAX, 1024, &mib);
	if (r == 0)
		r = make_devices(n, mib * MIB);
	if (r == 0)
		atomic_store_explicit(&ready, true, memory_order_release);
	/* Of pthread_create(3), which says it of anything that is used up. */
	return r == -EAGAIN ? -ENOMEM : r;
}

static int start_once(void)
{
	int r = 0;

	pthread_mutex_lock(&start_lock);
	if (!atomic_load_explicit(&ready, memory_order_relaxed))
		r = start();
	pthread_mutex_unlock(&start_lock);
	return r;
}

int runtime_enter(void)
{
	struct process *user = atomic_load_explicit(&process, memory_order_acquire);
	int r = 0;

	if (!user)
		r = mark_process(&user);
	if (r < 0)
		return r;
	if (!is_this_process(user))
		return -ECHILD;
	if (atomic_load_explicit(&ready, memory_order_acquire))
		return 0;
	return start_once();
}

int runtime_n_devices(void)
{
	return n_devices;
}

struct device *runtime_device(int ordinal)
{
	return ordinal >= 0 && ordinal < n_devices ? &devices[ordinal] : NULL;
}

void runtime_synchronize(void)
{
	for (int i = 0; i < n_devices; i++)
		stream_wait_for_device(&devices[i]);
}

bool runtime_settled(int r)
{
	if (r != -EMFILE && r != -ENFILE)
		return false;
	accel_registry_settle(registry, SETTLE_MS);
	return true;
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
		*ret_count = n_devices;
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
	accel_device_query(context_current()->device->accel, &info);
	*ret_free = info.memory_free;
	*ret_total = info.memory;
	return runtime_result(0);
}
