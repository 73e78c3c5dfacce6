/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "registry.h"
#include "soft-fixture.h"

#define ENTRIES 64

struct accel_registry *soft_registry;
struct accel_device *soft_device;
struct accel_context *soft_context;

static unsigned threads;

/* ---- waiting and counting ---------------------------------------------------------- */

static unsigned count_entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;

	cr_assert(ne(ptr, dir, NULL));
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/*
 * Memory freed while importers hold it stays charged until the device queries it again.
 */
static void sweep(void)
{
	struct accel_device *device;

	for (size_t i = 0; (device = accel_device_at(soft_registry, i)); i++)
		soft_info(device);
}

uint64_t fixture_charged(void)
{
	uint64_t sum = 0;

	sweep();
	for (int i = 0; i < ACCEL_RES_COUNT; i++)
		sum += owner_charged[i];
	return sum;
}

/* ---- contexts ---------------------------------------------------------------------- */

int soft_try_open(struct accel_device *device, struct accel_context **ret_context)
{
	return owner_open(&owner_counting, device, ret_context);
}

struct accel_context *soft_open(struct accel_device *device)
{
	struct accel_context *context = NULL;

	cr_assert(zero(int, soft_try_open(device, &context)));
	return context;
}

/* ---- devices ----------------------------------------------------------------------- */

struct accel_device *soft_add_device(const char *name,
				     const struct accel_backend *backend, bool exclusive)
{
	struct accel_device_params params = {
		.size = sizeof(params),
		.queues = SOFT_QUEUES,
		.memory = SOFT_MEMORY,
		.exclusive = exclusive,
	};
	struct accel_device *device;

	snprintf(params.name, sizeof(params.name), "%s", name);
	cr_assert(zero(int,
		       accel_device_create(soft_registry, backend ?: &accel_soft_backend,
					   &params, &device)));
	return device;
}

struct accel_device_info soft_info(struct accel_device *device)
{
	struct accel_device_info info = {.size = sizeof(info)};

	accel_device_query(device, &info);
	return info;
}

/* Without those of the reaper, which stay once they were started. */
static unsigned count_threads(void)
{
	struct worker *worker = &soft_registry->services.reaper.worker;
	unsigned n;

	pthread_mutex_lock(&worker->lock);
	n = worker->n_alive;
	pthread_mutex_unlock(&worker->lock);
	return (unsigned)count_entries("/proc/self/task") - n;
}

void soft_init(void)
{
	cr_assert(zero(int, accel_registry_create(NULL, NULL, &soft_registry)));
	soft_device = soft_add_device("soft", NULL, false);
	soft_context = soft_open(soft_device);
	threads = count_threads();
}

static bool no_more_threads(void *data)
{
	return count_threads() == threads;
}

void soft_drain(void)
{
	accel_registry_settle(soft_registry, WAIT_MS);
}

void soft_settle(void)
{
	/* Engines and cleaners queue memory for the reaper, so they exit first. */
	cr_assert(wait_until(no_more_threads, NULL), "a thread does not exit");
	soft_drain();
}

/* All objects are gone; memory of an exclusive device can stay with its importers. */
static bool is_unused(void *data)
{
	struct accel_device_info info = soft_info(data);

	return !info.contexts && !info.asids && info.queues_free == info.queues &&
	       (info.memory_free == info.memory || info.flags & ACCEL_DEVICE_EXCLUSIVE);
}

static void expect_unused(struct accel_device *device)
{
	struct accel_device_info info;

	if (wait_until(is_unused, device))
		return;
	info = soft_info(device);
	cr_expect(zero(u32, info.contexts));
	cr_expect(zero(u32, info.asids));
	cr_expect(eq(u32, info.queues_free, info.queues));
	cr_assert(eq(u64, info.memory_free, info.memory));
}

void soft_finish(void)
{
	struct accel_device *device;

	accel_context_destroy(soft_context);
	for (size_t i = 0; (device = accel_device_at(soft_registry, i)); i++)
		expect_unused(device);
	cr_assert(accel_registry_destroy(soft_registry), "a thread does not exit");
	for (int i = 0; i < ACCEL_RES_COUNT; i++)
		cr_expect(zero(u64, owner_charged[i]), "resource %d stays charged", i);
	cr_expect(eq(uint, owner_released, owner_opened),
		  "an owner was not released exactly once");
}

/* ---- objects ----------------------------------------------------------------------- */

uint32_t soft_buffer(struct accel_context *context, uint64_t bytes, uint32_t flags)
{
	struct accel_buffer_alloc arg = {
		.size = sizeof(arg),
		.flags = flags,
		.bytes = bytes,
	};

	cr_assert(zero(int, accel_buffer_alloc(context, &arg)));
	return arg.id;
}

uint32_t soft_asid(struct accel_context *context, uint32_t set)
{
	struct accel_asid_create arg = {.size = sizeof(arg), .set = set};

	cr_assert(zero(int, accel_asid_create(context, &arg)));
	return arg.id;
}

uint32_t soft_set(struct accel_context *context, uint32_t quota)
{
	struct accel_set_create arg = {.size = sizeof(arg), .quota = quota};

	cr_assert(zero(int, accel_set_create(context, &arg)));
	return arg.id;
}

uint32_t soft_fence(struct accel_context *context, uint64_t value)
{
	struct accel_fence arg = {.size = sizeof(arg), .value = value};

	cr_assert(zero(int, accel_fence_create(context, &arg)));
	return arg.id;
}

uint32_t soft_queue(struct accel_context *context, uint32_t flags, uint32_t set)
{
	struct accel_queue_create arg = {
		.size = sizeof(arg),
		.flags = flags,
		.entries = ENTRIES,
		.set = set,
	};

	cr_assert(zero(int, accel_queue_create(context, &arg)));
	return arg.id;
}

int soft_call(struct accel_context *context,
	      int (*call)(struct accel_context *context, struct accel_object *arg),
	      uint32_t id)
{
	struct accel_object arg = {.size = sizeof(arg), .id = id};

	return call(context, &arg);
}

uint64_t soft_map(struct accel_context *context, uint32_t asid, uint32_t buffer,
		  uint64_t bytes)
{
	struct accel_asid_map arg = {
		.size = sizeof(arg),
		.flags = RW,
		.asid = asid,
		.buffer = buffer,
		.length = bytes,
	};

	cr_assert(zero(int, accel_asid_map(context, &arg)));
	return arg.iova;
}

int64_t soft_unmap(struct accel_context *context, uint32_t asid, uint64_t iova,
		   uint64_t length)
{
	struct accel_asid_unmap arg = {
		.size = sizeof(arg),
		.asid = asid,
		.iova = iova,
		.length = length,
	};
	int r = accel_asid_unmap(context, &arg);

	return r < 0 ? r : (int64_t)arg.length;
}

int soft_attach(struct accel_context *context, uint32_t queue, uint32_t asid)
{
	struct accel_queue_attach arg = {
		.size = sizeof(arg),
		.queue = queue,
		.asid = asid,
	};

	return accel_queue_attach(context, &arg);
}

int soft_detach(struct accel_context *context, uint32_t queue, uint32_t asid)
{
	struct accel_queue_attach arg = {
		.size = sizeof(arg),
		.queue = queue,
		.asid = asid,
	};

	return accel_queue_detach(context, &arg);
}

int soft_fd(struct accel_context *context, uint32_t buffer, int access)
{
	int fd = -1;

	cr_assert(zero(int, accel_buffer_open(context, buffer, access, &fd)));
	return fd;
}

void *soft_view(int fd, uint64_t bytes)
{
	int access = fcntl(fd, F_GETFL) & O_ACCMODE;
	int prot = access == O_RDWR ? PROT_READ | PROT_WRITE : PROT_READ;
	void *view = mmap(NULL, bytes, prot, MAP_SHARED, fd, 0);

	cr_assert(ne(ptr, view, MAP_FAILED));
	return view;
}

/* ---- commands ---------------------------------------------------------------------- */

struct accel_command soft_fill(uint32_t asid, uint64_t address, uint64_t value)
{
	return (struct accel_command){
		.op = ACCEL_OP_FILL,
		.dst_asid = asid,
		.dst = address,
		.length = sizeof(value),
		.value = value,
	};
}

int64_t soft_submit(struct accel_context *context, uint32_t queue,
		    const struct accel_command *command)
{
	static struct accel_queue_submit arg;
	int r;

	arg = (struct accel_queue_submit){
		.size = sizeof(arg),
		.queue = queue,
		.count = 1,
		.commands = {*command},
	};
	r = accel_queue_submit(context, &arg);
	return r < 0 ? r : (int64_t)arg.index;
}

struct accel_queue_info soft_queue_info(struct accel_context *context, uint32_t queue)
{
	struct accel_queue_info arg = {.size = sizeof(arg), .id = queue};

	cr_assert(zero(int, accel_queue_get_info(context, &arg)));
	return arg;
}

struct waiting {
	struct accel_context *context;
	uint32_t queue;
	uint64_t n;
	enum accel_queue_state state;
};

static bool has_completed(void *data)
{
	const struct waiting *waiting = data;

	return soft_queue_info(waiting->context, waiting->queue).completed >= waiting->n;
}

static bool is_in_state(void *data)
{
	const struct waiting *waiting = data;

	return soft_queue_info(waiting->context, waiting->queue).state == waiting->state;
}

bool soft_completed(struct accel_context *context, uint32_t queue, uint64_t n)
{
	struct waiting waiting = {.context = context, .queue = queue, .n = n};

	return wait_until(has_completed, &waiting);
}

bool soft_in_state(struct accel_context *context, uint32_t queue,
		   enum accel_queue_state state)
{
	struct waiting waiting = {.context = context, .queue = queue, .state = state};

	return wait_until(is_in_state, &waiting);
}

static bool has_event(void *data)
{
	return accel_events_pending(data);
}

bool soft_next_event(struct accel_context *context, struct accel_event *ret_event)
{
	return wait_until(has_event, context) &&
	       accel_events_read(context, ret_event, 1) == 1;
}

void soft_job_init(struct soft_job *job, struct accel_context *context, uint32_t flags)
{
	job->context = context;
	job->buffer = soft_buffer(context, PAGE, 0);
	job->asid = soft_asid(context, 0);
	job->iova = soft_map(context, job->asid, job->buffer, PAGE);
	job->queue = soft_queue(context, flags, 0);
	cr_assert(zero(int, soft_attach(context, job->queue, job->asid)));
	job->fd = soft_fd(context, job->buffer, O_RDWR);
	job->memory = soft_view(job->fd, PAGE);
}

void soft_job_finish(struct soft_job *job)
{
	munmap(job->memory, PAGE);
	close(job->fd);
}
