/* SPDX-License-Identifier: MIT */
/* device.h - one device: its backend, what is free of it, and who has it */
#ifndef ACCEL_DEVICE_H
#define ACCEL_DEVICE_H

#include <accel-backend.h>
#include <pthread.h>

#include "htab.h"
#include "ids.h"
#include "lingering.h"
#include "ownership.h"

struct accel_registry;

struct accel_device {
	/* Fixed from accel_device_create() on. */
	struct accel_registry *registry;
	struct accel_device *next; /* in the registry */
	const struct accel_backend *backend;
	struct accel_device_params params;
	struct accel_properties properties;
	void *private; /* the backend's */

	pthread_mutex_t lock; /* a leaf */
	/* All below: protected by lock. */
	struct accel_ids asid_numbers, set_ids;
	struct htab sets; /* struct accel_set by id, for as long as they have it */
	uint64_t memory_used;
	uint32_t queues_used, contexts;
	struct accel_ownership ownership;
	struct accel_lingering lingering;
	pthread_cond_t idle; /* a queue or the janitor has ended, memory was taken back */
};

/* For registry.c. Waits a moment until all engines have ended: false, one has not. */
bool accel_device_wait_idle(struct accel_device *device);
/* Takes the device down; it is idle. */
void accel_device_free(struct accel_device *device);

/* Counted resources: 0, or -EBUSY: no queue is free; -ENOSPC: not that much memory. */
int accel_device_take_queue(struct accel_device *device);
void accel_device_give_queue(struct accel_device *device);
int accel_device_take_memory(struct accel_device *device, uint64_t bytes);
void accel_device_give_memory(struct accel_device *device, uint64_t bytes);
int accel_device_take_asid(struct accel_device *device, uint32_t *ret_number);
void accel_device_give_asid(struct accel_device *device, uint32_t number);

/* @n contexts more, or fewer. */
void accel_device_count_context(struct accel_device *device, int n);

/* A line for the log of the registry's user. */
void accel_device_log(struct accel_device *device, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
