/* SPDX-License-Identifier: MIT */
/* accel_queue.h - a queue as this process uses it; nothing of it is public */
#ifndef DMABUFFS_ACCEL_QUEUE_H
#define DMABUFFS_ACCEL_QUEUE_H

#include <unistd.h>

#include <dmabuffs-accel.h>
#include <ring_producer.h>

#include "instance.h"

/**
 * struct dmabuffs_accel_queue - a mapped ring, and who mapped it
 * @context: borrowed
 * @id: of the queue in the context
 * @flags: ACCEL_QUEUE_*
 * @entries: how many commands can wait
 * @ring: the mapping, which is in no child of fork(2)
 * @bytes: its size
 * @producer: of a user-mode queue: for the thread that submits
 * @same_process: a mark that is cleared in a child
 * @pid: where the mark is not reliable, else 0: it would cost a system call
 *
 * A child has this struct like any other memory, and only @same_process tells that what
 * @ring points to is not there.
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

/* To be asked before @ring is touched. */
static inline bool queue_is_ours(const struct dmabuffs_accel_queue *queue)
{
	return atomic_load_explicit(queue->same_process, memory_order_relaxed) &&
	       (!queue->pid || queue->pid == getpid());
}

#endif
