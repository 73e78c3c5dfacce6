/* SPDX-License-Identifier: MIT */
/* accel_queue.h - a queue in this process; private to the library */
#ifndef DMABUFFS_ACCEL_QUEUE_H
#define DMABUFFS_ACCEL_QUEUE_H

#include <unistd.h>

#include <dmabuffs-accel.h>
#include <ring_producer.h>

#include "instance.h"

/**
 * struct dmabuffs_accel_queue - a mapped ring and the process that mapped it
 * @context: borrowed
 * @id: of the queue in the context
 * @flags: ACCEL_QUEUE_*
 * @entries: how many commands can wait
 * @ring: the mapping, absent in children of fork(2)
 * @bytes: its size
 * @producer: of a user-mode queue; belongs to the thread that submits
 * @same_process: 1 here, 0 in a child of fork(2)
 * @pid: of this process where the mark is not reliable, else 0: getpid() is a system call
 *
 * A child has a copy of this struct, but not of what @ring points to.
 */
struct dmabuffs_accel_queue {
	int context;
	uint32_t id;
	uint32_t flags;
	uint32_t entries;
	struct accel_ring *ring;
	size_t bytes;
	struct ring_producer producer;
	_Atomic uint32_t *same_process;
	pid_t pid;
};

/* accel_import.c: the descriptor of a buffer or queue of the context. */
int accel_fetch(struct dmabuffs *instance, int context, uint32_t id, int access,
		int *ret_fd);

/* Check it before each use of @ring. */
static inline bool queue_is_ours(const struct dmabuffs_accel_queue *queue)
{
	return atomic_load_explicit(queue->same_process, memory_order_relaxed) &&
	       (!queue->pid || queue->pid == getpid());
}

#endif
