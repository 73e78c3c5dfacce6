/* SPDX-License-Identifier: MIT */
/*
 * accel_submit.c - submit to a queue, wait for it, and restart it after a fault
 *
 * Submitting to a user-mode queue takes no system call in the common case, so a child of
 * fork(2) is recognised by a mark in memory.
 */
#include <string.h>

#include <util.h>

#include "accel_queue.h"

static int accel_submit_state_error(const struct dmabuffs_accel_queue *queue)
{
	switch (__atomic_load_n(&queue->ring->state, __ATOMIC_ACQUIRE)) {
	case ACCEL_QUEUE_RUNNING:
		return 0;
	case ACCEL_QUEUE_DEAD:
		return -ENODEV;
	default:
		return -EIO;
	}
}

static int accel_submit_mediated(struct dmabuffs_accel_queue *queue,
				 const struct accel_command *commands, unsigned int n,
				 uint64_t *ret_index)
{
	struct accel_queue_submit arg;
	int r;

	/* The array behind the commands is not sent, so it need not be cleared. */
	memset(&arg, 0, offsetof(struct accel_queue_submit, commands));
	arg.queue = queue->id;
	arg.count = n;
	memcpy(arg.commands, commands, n * sizeof(*commands));
	r = dmabuffs_accel_call(queue->context, DMABUFFS_ACCEL_IOC_QUEUE_SUBMIT, &arg);
	if (r < 0)
		return r;

	*ret_index = arg.index;
	return 0;
}

static int accel_submit_user(struct dmabuffs_accel_queue *queue,
			     const struct accel_command *commands, unsigned int n,
			     uint64_t *ret_index)
{
	uint64_t index = queue->producer.tail;
	int r = accel_submit_state_error(queue);

	if (r < 0)
		return r;
	if (ring_producer_room(&queue->producer, n) < n)
		return -EAGAIN;
	/* The room was counted from our own copy of the tail, so it is there. */
	if (ring_producer_push(&queue->producer, commands, n) != n)
		return -EPROTO;

	*ret_index = index;
	return 0;
}

_public_ int dmabuffs_accel_queue_submit(struct dmabuffs_accel_queue *queue,
					 const struct accel_command *commands, unsigned n,
					 uint64_t *ret_index)
{
	uint64_t index = 0;
	int r;

	if (!queue_is_ours(queue))
		return -ECHILD;
	if (n == 0 || n > ACCEL_SUBMIT_MAX || n > queue->entries)
		return -EINVAL;
	r = (queue->flags & ACCEL_QUEUE_USER ? accel_submit_user : accel_submit_mediated)(
		queue, commands, n, &index);
	if (r < 0)
		return r;

	if (ret_index)
		*ret_index = index;
	return 0;
}

_public_ int dmabuffs_accel_queue_wait(struct dmabuffs_accel_queue *queue, uint64_t index,
				       int64_t timeout_ns)
{
	if (!queue_is_ours(queue))
		return -ECHILD;
	return ring_wait(queue->ring, index, timeout_ns);
}

_public_ uint64_t dmabuffs_accel_queue_completed(const struct dmabuffs_accel_queue *queue)
{
	return queue_is_ours(queue) ? ring_completed(queue->ring) : 0;
}

_public_ int dmabuffs_accel_queue_fault(struct dmabuffs_accel_queue *queue,
					struct accel_fault *ret_fault)
{
	struct accel_fault fault;

	if (!queue_is_ours(queue))
		return -ECHILD;
	if (accel_submit_state_error(queue) == 0)
		return -ENODATA;
	fault = queue->ring->fault;
	if (fault.reason == ACCEL_FAULT_NONE) /* it was destroyed */
		return -ENODATA;

	*ret_fault = fault;
	return 0;
}

_public_ int dmabuffs_accel_queue_reset(struct dmabuffs_accel_queue *queue)
{
	struct accel_object arg = {.id = queue->id};
	struct ring_producer producer;
	int r;

	if (!queue_is_ours(queue))
		return -ECHILD;
	r = dmabuffs_accel_call(queue->context, DMABUFFS_ACCEL_IOC_QUEUE_RESET, &arg);
	if (r < 0)
		return r;
	/* Continue where the ring is now: the fault may have been a wrong tail. */
	if (ring_producer_init(&producer, queue->ring, queue->bytes) == 0)
		queue->producer = producer;
	return 0;
}
