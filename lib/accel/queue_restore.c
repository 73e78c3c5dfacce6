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

struct fault_copy {
	const struct accel_ring *ring;
	struct accel_fault fault;
};

static void queue_restore_copy_fault(void *arg)
{
	struct fault_copy *copy = arg;

	copy->fault = copy->ring->fault;
}

/* The client's word for it: only the client reads it again. */
static void queue_restore_fault(struct accel_queue *queue, uint32_t count)
{
	struct fault_copy copy = {.ring = queue->ring};

	(void)accel_guard_call(queue_restore_copy_fault, &copy);
	queue->fault = copy.fault;
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
	queue_restore_fault(queue, record->queue.faults);
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

static void queue_restore_isolate_locked(struct accel_queue *queue)
{
	ASSERT_LOCKED(&queue->lock);
	queue->fault.reason = ACCEL_FAULT_DEVICE;
	queue->state = ACCEL_QUEUE_ISOLATED;
}

void accel_queue_resume(struct accel_queue *queue)
{
	bool stopped;
	int r;

	if (accel_queue_state(queue) == ACCEL_QUEUE_DEAD)
		return; /* it got no id */
	pthread_mutex_lock(&queue->lock);
	stopped = queue_restore_stop_locked(queue);
	accel_queue_save_locked(queue, accel_queue_state(queue));
	pthread_mutex_unlock(&queue->lock);
	r = accel_queue_start(queue);
	pthread_mutex_lock(&queue->lock);
	if (r < 0)
		queue_restore_isolate_locked(queue);
	if (stopped || r < 0) {
		accel_queue_save_locked(queue, accel_queue_state(queue));
		accel_ring_publish_state(queue);
	}
	pthread_mutex_unlock(&queue->lock);
	if (stopped || r < 0)
		queue_restore_report(queue);
}
