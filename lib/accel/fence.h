/* SPDX-License-Identifier: MIT */
/*
 * fence.h - a counter that orders queues among each other
 *
 * A queue that has to wait registers itself and lets its engine sleep; a signal kicks
 * the queues that wait. Thread safe; the lock inside is a leaf but for the kick.
 */
#ifndef ACCEL_FENCE_H
#define ACCEL_FENCE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "object.h"
#include "payer.h"

struct accel_queue;

/* One queue that waits; of the waiting engine. */
struct accel_fence_wait {
	struct accel_fence_wait *next;
	struct accel_queue *queue;
	bool registered;
};

struct accel_fence_object {
	struct accel_base base;
	struct accel_payer *payer; /* a reference */
	pthread_mutex_t lock;
	uint64_t value;                 /* protected by lock */
	bool dead;                      /* destroyed; protected by lock */
	struct accel_fence_wait *first; /* protected by lock */
};

/* Raises the value; who waits is kicked. */
void accel_fence_raise(struct accel_fence_object *fence, uint64_t value);

/*
 * 1: the value is reached; 0: not yet, and @wait is registered, the queue will be kicked;
 * -ECANCELED: the fence was destroyed. May be called again with the same @wait.
 */
int accel_fence_wait_begin(struct accel_fence_object *fence,
			   struct accel_fence_wait *wait, uint64_t value);
void accel_fence_wait_end(struct accel_fence_object *fence,
			  struct accel_fence_wait *wait);

#endif
