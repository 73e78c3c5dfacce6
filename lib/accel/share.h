/* SPDX-License-Identifier: MIT */
/*
 * share.h - the queues of a device, divided among its users
 *
 * Who comes first may take all queues of a device, and keep them. So a user who holds few
 * of them still gets one when all are in use: the device then has more queues than it was
 * given, at most twice as many.
 *
 * A queue counts until it is destroyed, though its engine can take longer to stop. A user
 * with many such engines gets no further one: a new queue of that user waits until an
 * engine has stopped. Thread safe, by the device's lock.
 */
#ifndef ACCEL_SHARE_H
#define ACCEL_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "htab.h"
#include "list.h"

/* Engines of one user that have yet to stop. */
#define ACCEL_SHARE_MAX_STOPPING 32

struct accel_device;
struct accel_queue;

/* A user's part of a device; exists while a queue or an engine does. By device->lock. */
struct accel_share {
	struct htab_node by_user;
	unsigned queues;     /* not destroyed */
	unsigned stopping;   /* destroyed, and the engine still runs */
	struct list waiting; /* struct accel_queue by of_share: for an engine */
};

/*
 * Counts the queue as one of its payer's. *ret_wait: its engine is not to be started now,
 * but when accel_share_pop() returns the queue. -EBUSY: no queue is free; -ENOMEM.
 */
int accel_share_take(struct accel_queue *queue, bool *ret_wait);

/* It has no engine, since that could not be started. */
void accel_share_fail(struct accel_queue *queue);

/*
 * The queue was destroyed, and does not count any more. True: it has no engine that would
 * report its end, so the caller does.
 */
bool accel_share_give(struct accel_queue *queue);

/* The engine of a destroyed queue has stopped, or it never had one. */
void accel_share_stopped(struct accel_queue *queue);

/* A queue whose engine is to be started now, with a reference; NULL: none. */
struct accel_queue *accel_share_pop(struct accel_device *device, uint64_t user);

#endif
