/* SPDX-License-Identifier: MIT */
/*
 * fence.h - a counter that orders queues among each other
 *
 * An engine that has to wait registers itself and sleeps; raising the value wakes the
 * engines whose commands wait. Thread safe; the lock inside is a leaf, so a wake function
 * takes no lock.
 */
#ifndef ACCEL_FENCE_H
#define ACCEL_FENCE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "list.h"
#include "object.h"
#include "payer.h"

struct accel_context;

/* A command that waits; owned by its engine. */
struct accel_fence_wait {
	struct list item;
	bool forsaken; /* its signaller has stopped; by the fence's lock */
	/* Called with the fence locked when the wait may be over; does not wait. */
	void (*wake)(struct accel_fence_wait *wait);
};

struct accel_fence_object {
	struct accel_base base;
	struct accel_payer *payer; /* a reference */
	pthread_mutex_t lock;
	uint64_t value;    /* protected by lock */
	uint64_t failed;   /* no queue will raise it up to this; protected by lock */
	bool dead;         /* destroyed; protected by lock */
	bool orphaned;     /* its signaller was destroyed; protected by lock */
	struct list waits; /* struct accel_fence_wait; protected by lock */
	struct accel_base *signaller; /* a reference, or NULL; protected by lock */
};

/* The fence with a reference, or NULL. */
struct accel_fence_object *accel_fence_get(struct accel_context *context, uint32_t id);

/* Raises the value and wakes all waits. */
void accel_fence_raise(struct accel_fence_object *fence, uint64_t value);

/* A command that a kill could lose will raise it to @value: see accel-records.h. */
void accel_fence_promise(struct accel_fence_object *fence, uint64_t value);

/* A command that was to raise it to @value is never executed: ends waits up to there. */
void accel_fence_fail(struct accel_fence_object *fence, uint64_t value);

/*
 * The object does not run any more: ends all waits for fences of the context that it is
 * the signaller of. If it was @destroyed, the fences drop their references, of which none
 * is the last: the caller has another. No lock is held.
 */
void accel_fence_forsake(struct accel_context *context, struct accel_base *signaller,
			 bool destroyed);

/*
 * 1: the value is reached; 0: not yet, and @wait is registered and will be woken;
 * -ECANCELED: the fence was destroyed, or failed at this value or a larger one, or its
 * signaller does not run. May be called again with the same @wait.
 */
int accel_fence_wait_begin(struct accel_fence_object *fence,
			   struct accel_fence_wait *wait, uint64_t value);
void accel_fence_wait_end(struct accel_fence_object *fence,
			  struct accel_fence_wait *wait);

/*
 * As a predecessor left it, without an id yet. The record is taken over on success.
 * @signaller: NULL, or the record's.
 */
int accel_fence_restore(struct accel_context *context, struct accel_base *signaller,
			struct accel_record *record, struct accel_base **ret_fence);

#endif
