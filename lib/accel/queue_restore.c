/* SPDX-License-Identifier: MIT */
/* queue_restore.c - a queue of a predecessor, whose engine may have been at work */
#include <errno.h>

#include "context.h"
#include "device.h"
#include "fence.h"
#include "guard.h"
#include "locked.h"
#include "queue.h"
#include "ring.h"
#include "set.h"

static int queue_restore_check(const struct accel_record *record)
{
	uint32_t entries = UINT32_C(1) << (record->queue.order & 31);

	if (record->queue.flags & ~ACCEL_QUEUE_USER || entries < ACCEL_RING_MIN ||
	    entries > ACCEL_RING_MAX || record->queue.order > 31 ||
	    record->queue.state > ACCEL_QUEUE_ISOLATED ||
	    record->queue.faults > ACCEL_QUEUE_MAX_FAULTS)
		return -EINVAL;
	return 0;
}

/* What the client saw last. */
struct ring_copy {
	const struct accel_ring *ring;
	struct accel_fault fault;
	uint32_t state;
	uint64_t completed, dropped_first, dropped_end;
};

static void queue_restore_copy_ring(void *arg)
{
	struct ring_copy *copy = arg;

	copy->fault = copy->ring->fault;
	copy->state = copy->ring->state;
	copy->completed = copy->ring->completed;
	copy->dropped_first = copy->ring->dropped_first;
	copy->dropped_end = copy->ring->dropped_end;
	/* Checks use the copy: nothing is read a second time. */
	__asm__ volatile("" ::: "memory");
}

/*
 * The client's word for it: only the client reads it again. The record is stored before
 * the ring, and where the states differ the kill came in between: a fault is not known
 * then, and a reset has not published what it dropped.
 */
static void queue_restore_view(struct accel_queue *queue, uint32_t count)
{
	struct ring_copy copy = {.ring = queue->ring};
	bool running = accel_queue_state(queue) == ACCEL_QUEUE_RUNNING;

	(void)accel_guard_call(queue_restore_copy_ring, &copy);
	queue->fault = copy.fault;
	queue->dropped_first = copy.dropped_first;
	queue->dropped_end = copy.dropped_end;
	if (running && copy.state != ACCEL_QUEUE_RUNNING) {
		queue->dropped_first = copy.completed;
		queue->dropped_end = queue->completed;
	} else if (!running && copy.state == ACCEL_QUEUE_RUNNING) {
		queue->fault = (struct accel_fault){
			.index = queue->completed,
			.reason = ACCEL_FAULT_OWNER,
		};
	}
	queue->fault.count = count;
	queue->fault.reserved = 0;
}

int accel_queue_restore(struct accel_context *context, struct accel_set *set,
			struct accel_record *record, int fd,
			struct accel_base **ret_queue)
{
	const struct accel_queue_create like = {
		.flags = record->queue.flags,
		.entries = UINT32_C(1) << (record->queue.order & 31),
	};
	struct accel_queue *queue;
	int r = queue_restore_check(record);

	if (r == 0)
		r = accel_queue_make_bare(context, &like, &queue);
	if (r < 0)
		return r;
	r = accel_ring_restore(queue, fd);
	if (r < 0) {
		accel_queue_unmake(queue);
		return r;
	}
	queue->id = record->id;
	queue->state = record->queue.state;
	queue->head = record->queue.head;
	queue->completed = record->queue.completed;
	queue->tail = record->queue.tail;
	queue_restore_view(queue, record->queue.faults);
	accel_queue_set_guard(queue, set);
	queue->base.record = record;
	*ret_queue = &queue->base;
	return 0;
}

/* Commands that were fetched, or were in the memory of the predecessor. */
static bool queue_restore_has_lost_locked(const struct accel_queue *queue)
{
	if (queue->flags & ACCEL_QUEUE_USER)
		return queue->head != queue->completed;
	return queue->tail != queue->completed;
}

/* True: it is FAULTED from now on. */
static bool queue_restore_stop_locked(struct accel_queue *queue)
{
	ASSERT_LOCKED(&queue->lock);
	if (accel_queue_state(queue) != ACCEL_QUEUE_RUNNING ||
	    !queue_restore_has_lost_locked(queue))
		return false;
	queue->fault = (struct accel_fault){
		.index = queue->completed,
		.reason = ACCEL_FAULT_OWNER,
		.count = queue->fault.count,
	};
	queue->state = ACCEL_QUEUE_FAULTED;
	return true;
}

/* What is not fetched is not executed either, and no fence is to wait for it. */
static void queue_restore_report(struct accel_queue *queue)
{
	const struct accel_event event = {
		.type = ACCEL_EVENT_FAULT,
		.object = queue->id,
		.set = queue->set_id,
		.reason = queue->fault.reason,
		.value = queue->fault.index,
	};

	accel_events_post(&queue->context->events, &event);
	accel_fence_forsake(queue->context, &queue->base, false);
	if (queue->flags & ACCEL_QUEUE_USER)
		accel_queue_cancel_waiting(queue);
}

static void queue_restore_publish_locked(struct accel_queue *queue)
{
	ASSERT_LOCKED(&queue->lock);
	accel_queue_save_locked(queue, accel_queue_state(queue));
	accel_ring_publish_state(queue);
}

/* True: it executes nothing until it is reset. */
static bool queue_restore_begin(struct accel_queue *queue)
{
	SCOPED_LOCK(&queue->lock);
	bool stopped = queue_restore_stop_locked(queue);

	/*
	 * In any case, and before an engine stores in the ring: the predecessor may have
	 * noted a completion without publishing it, or without waking who waits for it.
	 */
	queue_restore_publish_locked(queue);
	return stopped;
}

static void queue_restore_isolate(struct accel_queue *queue)
{
	SCOPED_LOCK(&queue->lock);

	queue->fault.reason = ACCEL_FAULT_DEVICE;
	queue->state = ACCEL_QUEUE_ISOLATED;
	queue_restore_publish_locked(queue);
}

void accel_queue_resume(struct accel_queue *queue)
{
	bool stopped;
	int r;

	if (accel_queue_state(queue) == ACCEL_QUEUE_DEAD)
		return; /* it got no id */
	stopped = queue_restore_begin(queue);
	r = accel_queue_start(queue);
	if (r < 0)
		queue_restore_isolate(queue);
	if (stopped || r < 0)
		queue_restore_report(queue);
}
