/* SPDX-License-Identifier: MIT */
/*
 * queue_cancel.c - commands that will not be executed
 *
 * A queue that faulted or was destroyed never raises the fences that it was to raise. The
 * commands that wait for them would wait without end, so such a fence fails instead.
 */
#include <stdbool.h>

#include "context.h"
#include "fence.h"
#include "queue.h"
#include "ring.h"

#define CANCEL_BATCH 32

static void queue_cancel_signal(struct accel_queue *queue,
				const struct accel_command *command)
{
	struct accel_fence_object *fence =
		accel_fence_get(queue->context, command->src2_asid);

	if (!fence)
		return;
	accel_fence_fail(fence, command->value);
	accel_base_unref(&fence->base);
}

static void queue_cancel_promise(struct accel_queue *queue,
				 const struct accel_command *command)
{
	struct accel_fence_object *fence =
		accel_fence_get(queue->context, command->src2_asid);

	if (!fence)
		return;
	accel_fence_promise(fence, command->value);
	accel_base_unref(&fence->base);
}

void accel_queue_promise(struct accel_queue *queue, const struct accel_command *commands,
			 unsigned n)
{
	for (unsigned i = 0; queue->base.record && i < n; i++)
		if (commands[i].op == ACCEL_OP_SIGNAL)
			queue_cancel_promise(queue, &commands[i]);
}

void accel_queue_cancel(struct accel_queue *queue, const struct accel_command *commands,
			unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (commands[i].op == ACCEL_OP_SIGNAL)
			queue_cancel_signal(queue, &commands[i]);
}

/* Locked, since a reset by another thread makes room for new commands. */
static unsigned queue_cancel_peek(struct accel_queue *queue, uint64_t offset,
				  struct accel_command *ret_commands)
{
	int n = 0;

	pthread_mutex_lock(&queue->lock);
	if (accel_queue_state(queue) != ACCEL_QUEUE_RUNNING)
		n = accel_ring_peek(queue, offset, ret_commands, CANCEL_BATCH);
	pthread_mutex_unlock(&queue->lock);
	return n < 0 ? 0 : (unsigned)n;
}

void accel_queue_cancel_waiting(struct accel_queue *queue)
{
	struct accel_command commands[CANCEL_BATCH];
	uint64_t offset = 0;
	unsigned n;

	/* Bounded also against a client that goes on to submit. */
	while (offset < queue->entries &&
	       (n = queue_cancel_peek(queue, offset, commands)) > 0) {
		accel_queue_cancel(queue, commands, n);
		offset += n;
	}
}
