/* SPDX-License-Identifier: MIT */
/*
 * accel-backend.h - interface for backends of libaccel
 *
 * The core keeps the objects, their ids, rights and limits; a backend provides the memory
 * and executes the commands. A backend is a const table, which accel_device_create()
 * validates: every function is mandatory. Backends are built with the library: the calls
 * of an engine on its queue are in lib/accel/queue.h and ring.h, and are no stable
 * interface yet.
 */
#ifndef ACCEL_BACKEND_H
#define ACCEL_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include <accel.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ACCEL_BACKEND_VERSION 2

struct accel_queue;

/* Properties of the hardware, filled in by the backend. */
struct accel_properties {
	uint64_t operations; /* bit 1 << enum accel_op each; NOP is mandatory */
	uint32_t flags;      /* ACCEL_DEVICE_SVA, ACCEL_DEVICE_REVOCABLE */
	uint32_t page_size;  /* a power of two */
	struct accel_range aperture;
	uint32_t n_reserved;
	/* Ascending, inside the aperture. */
	struct accel_range reserved[ACCEL_MAX_RANGES];
};

struct accel_backend {
	uint32_t version; /* ACCEL_BACKEND_VERSION */
	const char *name;

	/*
	 * Starts and stops a device; no queue runs at the stop. @params has its defaults
	 * filled in.
	 */
	int (*device_start)(const struct accel_device_params *params,
			    struct accel_properties *ret_properties, void **ret_device);
	void (*device_stop)(void *device);

	/*
	 * A memfd of @bytes zeroes, O_RDWR, or -errno. It is sealed against growing; with
	 * ACCEL_BUFFER_PINNED in @flags also against shrinking, else with F_SEAL_SEAL.
	 */
	int (*memory_alloc)(void *device, uint64_t bytes, uint32_t flags);
	/*
	 * Makes sure that pinned memory has no data of the last owner. May
	 * take long. No process has the memory open. @memory: its mapping, if a client
	 * has frozen the seals; else NULL, and it is mapped nowhere. 0; -EBUSY: a driver
	 * has pinned it; or -errno.
	 */
	int (*memory_scrub)(void *device, int fd, void *memory, uint64_t bytes);

	/*
	 * Starts the engine of a queue. Kick: there may be new commands, or the queue's
	 * state has changed; never waits. Stop: requests that the engine stops, and
	 * does not wait; when it has stopped, the engine calls accel_queue_stopped().
	 * Kick and stop are called with a lock held that accel_queue_stopped() takes.
	 */
	int (*queue_start)(void *device, struct accel_queue *queue, void **ret_engine);
	void (*queue_kick)(void *engine);
	void (*queue_stop)(void *engine);
};

#ifdef __cplusplus
}
#endif

#endif
