/* SPDX-License-Identifier: MIT */
/*
 * accel-backend.h - for those who write a backend of libaccel
 *
 * The core keeps the objects, their ids, rights and limits; a backend has the memory and
 * runs the commands. It is a const table, checked once when a device is made of it: every
 * function must be there. Backends are built with the library: what an engine may ask of
 * a queue is in lib/accel/queue.h and is no stable interface yet.
 */
#ifndef ACCEL_BACKEND_H
#define ACCEL_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include <accel.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ACCEL_BACKEND_VERSION 1

struct accel_queue;

/* What the hardware is like; filled in by the backend. */
struct accel_properties {
	uint64_t operations; /* a bit 1 << enum accel_op each; NOP is a must */
	uint32_t flags;      /* ACCEL_DEVICE_SVA, ACCEL_DEVICE_REVOCABLE */
	uint32_t page_size;  /* a power of two */
	struct accel_range aperture;
	uint32_t n_reserved;
	struct accel_range
		reserved[ACCEL_MAX_RANGES]; /* ascending, inside the aperture */
};

struct accel_backend {
	uint32_t version; /* ACCEL_BACKEND_VERSION */
	const char *name;

	/* Starts and stops a device; no queue runs at the stop. */
	int (*device_start)(const struct accel_device_params *params,
			    struct accel_properties *ret_properties, void **ret_device);
	void (*device_stop)(void *device);

	/*
	 * A memfd of @bytes zeroes, O_RDWR, that cannot grow; nor shrink, if @flags have
	 * ACCEL_BUFFER_PINNED, else with F_SEAL_SEAL. Or -errno.
	 */
	int (*memory_alloc)(void *device, uint64_t bytes, uint32_t flags);
	/*
	 * Makes sure that the next owner does not find what a former one left in pinned
	 * memory, in whatever time it takes. No process has it open. @memory: its
	 * mapping, if a client has frozen the seals; else NULL, and it is mapped nowhere.
	 * 0; -EBUSY: a driver has it pinned; or -errno.
	 */
	int (*memory_scrub)(void *device, int fd, void *memory, uint64_t bytes);

	/*
	 * Starts the engine of a queue. kick: there may be something new to do, or the
	 * queue's state has changed; never waits. stop: asks the engine to end, does not
	 * wait for it; once it has ended, the engine calls accel_queue_stopped(). Both
	 * are called with a lock held that accel_queue_stopped() takes.
	 */
	int (*queue_start)(void *device, struct accel_queue *queue, void **ret_engine);
	void (*queue_kick)(void *engine);
	void (*queue_stop)(void *engine);
};

#ifdef __cplusplus
}
#endif

#endif
