/* SPDX-License-Identifier: MIT */
/* device.h - one device: its backend, its free resources and its owner */
#ifndef ACCEL_DEVICE_H
#define ACCEL_DEVICE_H

#include <accel-backend.h>
#include <pthread.h>

#include "htab.h"
#include "ids.h"
#include "lingering.h"
#include "list.h"

struct accel_services;

/* Of an exclusive device, see ownership.h. */
struct accel_ownership {
	struct list memory; /* struct accel_buffer by owned_item, a reference each */
	bool owned;         /* a context lives, or its engines still run */
	bool leaving;       /* then the latter */
	unsigned revoking;  /* threads that take memory back */
	bool scrubbing;     /* the thread below is working */
	bool pinned;        /* a driver had memory pinned at its last check */
	bool finishing;     /* the device ends: the thread does not check again */
	bool thread_started;
	pthread_t thread; /* valid when thread_started; of the last run */
};

struct accel_device {
	/* Fixed. */
	struct accel_services *services; /* of the registry */
	struct list item;                /* in the registry; protected by its lock */
	const struct accel_backend *backend;
	struct accel_device_params params;
	struct accel_properties properties;
	void *private; /* the backend's */

	struct accel_lingering lingering; /* has its own lock */

	pthread_mutex_t lock; /* a leaf */
	/* All below: protected by lock. */
	struct accel_ids asid_numbers, set_ids;
	struct htab sets; /* struct accel_set by id, for as long as they have it */
	uint64_t memory_used;
	uint32_t queues_used; /* not destroyed */
	uint32_t engines; /* of queues, also of destroyed ones; or they wait for one */
	uint32_t contexts;
	struct htab shares; /* struct accel_share by user */
	struct accel_ownership ownership;
	pthread_cond_t idle; /* an engine or ownership's thread exited */
};

/* A running device; nothing finds it before the registry adds it. -errno. */
int accel_device_start(struct accel_services *services,
		       const struct accel_backend *backend,
		       const struct accel_device_params *params,
		       struct accel_device **ret_device);

/* Waits until all engines have stopped, for 2 s at most; false: one has not. */
bool accel_device_wait_idle(struct accel_device *device);

/* Stops the backend, and frees the device. It must be idle. */
void accel_device_free(struct accel_device *device);

/* An engine counted by accel_share_take() is gone. */
void accel_device_give_engine(struct accel_device *device);

/* Counted resources: 0, or -ENOSPC. */
int accel_device_take_memory(struct accel_device *device, uint64_t bytes);
void accel_device_give_memory(struct accel_device *device, uint64_t bytes);
int accel_device_take_asid(struct accel_device *device, uint32_t *ret_number);
int accel_device_claim_asid(struct accel_device *device, uint32_t number);
void accel_device_give_asid(struct accel_device *device, uint32_t number);

/* @n contexts more, or fewer. */
void accel_device_count_context(struct accel_device *device, int n);

/* A line for the log of the registry's user. */
void accel_device_log(struct accel_device *device, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
