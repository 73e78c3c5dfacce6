/* SPDX-License-Identifier: MIT */
/*
 * ring.h - the device's side of the ring of a queue
 *
 * The ring is shared with the client, and its contents are untrusted: every access is
 * guarded (guard.h), and commands are copied before they are checked. What engines call
 * is in accel-backend.h.
 */
#ifndef ACCEL_RING_H
#define ACCEL_RING_H

#include "queue.h"

/* Creates the memfd and maps it. Finish is needed even after a failure. */
int accel_ring_init(struct accel_queue *queue);

/*
 * The same with the memfd of a predecessor, which is taken over on success. -EBADFD: it
 * is none of this queue's size, or not sealed.
 */
int accel_ring_restore(struct accel_queue *queue, int fd);
void accel_ring_finish(struct accel_queue *queue);

/*
 * Copies commands that were not fetched, from the @offset-th on, at most @max, and leaves
 * them there. Returns how many, or an error of accel_ring_fetch(). For a queue that does
 * not run.
 */
int accel_ring_peek(struct accel_queue *queue, uint64_t offset,
		    struct accel_command *ret_commands, unsigned max);

/* Copies state and fault into the ring, and wakes waiters. */
void accel_ring_publish_state(struct accel_queue *queue);

/*
 * Bracket the sleep of an engine. After prepare it must fetch once more before it sleeps.
 * *ret_doorbell: the futex value to sleep on. -EFAULT: the ring's memory is gone.
 */
int accel_ring_prepare_sleep(struct accel_queue *queue, uint32_t *ret_doorbell);
void accel_ring_end_sleep(struct accel_queue *queue);

#endif
