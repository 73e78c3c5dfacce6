/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <accel-backend.h>

#include "loop.h"
#include "sva.h"
#include "util.h"

#define PAGE_BYTES     4096
#define ADDRESS_BITS   48
#define ALL_OPERATIONS ((UINT64_C(1) << ACCEL_OP_COUNT) - 1)

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
	.memory_alloc = accel_memory_alloc,
	.memory_scrub = accel_memory_scrub,
	.queue_start = soft_queue_start,
	.queue_kick = soft_queue_kick,
	.queue_stop = soft_queue_stop,
};
