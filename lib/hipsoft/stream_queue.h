/* SPDX-License-Identifier: MIT */
/*
 * stream_queue.h - a device queue, used by the thread of one stream
 *
 * The queue and its staging buffer are created by the call that pushes a task which needs
 * them, so that a lack of resources fails that call and not the stream.
 */
#ifndef HIPSOFT_STREAM_QUEUE_H
#define HIPSOFT_STREAM_QUEUE_H

#include "runtime.h"

/**
 * struct stream_queue - an accel queue with the device's ASID attached, for one thread
 * @device: NULL: not created yet
 * @id: in the device's context
 * @ring: its first page, to wait on; NULL: the queue was lost, and the next command
 *	  creates a new one
 * @staging: for host memory, at the same address here and in the ASID; NULL: not needed
 *	     so far
 * @staging_buffer: its buffer id
 */
struct stream_queue {
	struct device *device;
	uint32_t id;
	struct accel_ring *ring;
	void *staging;
	uint32_t staging_buffer;
};

/* -ENOSPC: the device has no free queue. */
int stream_queue_init(struct stream_queue *queue, struct device *device);

/* A zeroed queue is allowed. No command may be executing. */
void stream_queue_finish(struct stream_queue *queue);

/*
 * Executes @n commands in order and waits for them. -EFAULT: a command could not access
 * its memory; -EIO: a command failed otherwise. The commands before it have executed.
 */
int stream_queue_execute(struct stream_queue *queue, const struct accel_command *commands,
			 unsigned n);

/* Creates @staging unless it exists. It is private and cannot be revoked. */
#define STAGING_BYTES ((size_t)1 << 20)
int stream_queue_make_staging(struct stream_queue *queue);

#endif
