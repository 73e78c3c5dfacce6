/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <accel-backend.h>

#include "guard.h"
#include "loop.h"
#include "memfd.h"
#include "sva.h"
#include "util.h"

#define PAGE_BYTES     4096
#define ADDRESS_BITS   48
#define SCRUB_BYTES    ((size_t)64 << 10)
#define ALL_OPERATIONS ((UINT64_C(1) << ACCEL_OP_COUNT) - 1)

struct area {
	void *memory;
	size_t bytes;
};

struct soft_device {
	uint32_t latency_ns;
};

/* ---- device ------------------------------------------------------------------------ */

/* Tried on this process: it needs PROCMAP_QUERY, Linux 6.11, and a /proc. */
static bool soft_has_sva(void)
{
	_cleanup_close_ int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	struct accel_sva sva;

	return mem >= 0 && maps >= 0 && accel_sva_init(&sva, mem, maps) == 0;
}

static int soft_device_start(const struct accel_device_params *params,
			     struct accel_properties *ret_properties, void **ret_device)
{
	struct soft_device *device = malloc(sizeof(*device));

	if (!device)
		return -ENOMEM;
	device->latency_ns = params->latency_ns;
	*ret_properties = (struct accel_properties){
		.operations = ALL_OPERATIONS,
		.flags = ACCEL_DEVICE_REVOCABLE | (soft_has_sva() ? ACCEL_DEVICE_SVA : 0),
		.page_size = PAGE_BYTES,
		.aperture = {.last = (UINT64_C(1) << ADDRESS_BITS) - 1},
		.n_reserved = 2,
		.reserved =
			{
				/* A null pointer, and where interrupts of x86 would be.
				 */
				{.first = 0, .last = 0xfff},
				{.first = 0xfee00000, .last = 0xfeefffff},
			},
	};
	*ret_device = device;
	return 0;
}

static void soft_device_stop(void *device)
{
	free(device);
}

/* ---- memory ------------------------------------------------------------------------ */

static int soft_memory_alloc(void *device, uint64_t bytes, uint32_t flags)
{
	/* Revocable memory must not become pinned; and see soft_memory_scrub(). */
	int seals = flags & ACCEL_BUFFER_PINNED ? F_SEAL_SHRINK : F_SEAL_SEAL;

	return memfd_new("accel-memory", bytes, F_SEAL_GROW | seals);
}

/* In place, so that holders of the pages see zeroes, too. */
static void soft_clear(void *arg)
{
	const struct area *area = arg;

	memset(area->memory, 0, area->bytes);
}

/*
 * A driver can have pinned the pages and closed the file (udmabuf, since Linux 6.12).
 * Only F_SEAL_WRITE checks for pins; if it succeeds the memory is not held, and the
 * kernel clears the pages before their next use. If a client has frozen the seals, by an
 * export for example, pins cannot be checked, and the memory is cleared.
 */
static int soft_memory_scrub(void *device, int fd, void *memory, uint64_t bytes)
{
	struct area area = {memory, bytes};

	if (memory)
		return accel_guard_call(soft_clear, &area);
	return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0 ? -errno : 0;
}

/* ---- queues ------------------------------------------------------------------------ */

static int soft_queue_start(void *device, struct accel_queue *queue, void **ret_engine)
{
	const struct soft_device *soft = device;
	struct engine *engine;
	int r = loop_start(queue, soft->latency_ns, &engine);

	if (r == 0)
		*ret_engine = engine;
	return r;
}

static void soft_queue_kick(void *engine)
{
	engine_kick(engine);
}

static void soft_queue_stop(void *engine)
{
	engine_stop(engine);
}

const struct accel_backend accel_soft_backend = {
	.version = ACCEL_BACKEND_VERSION,
	.name = "soft",
	.device_start = soft_device_start,
	.device_stop = soft_device_stop,
	.memory_alloc = soft_memory_alloc,
	.memory_scrub = soft_memory_scrub,
	.queue_start = soft_queue_start,
	.queue_kick = soft_queue_kick,
	.queue_stop = soft_queue_stop,
};
