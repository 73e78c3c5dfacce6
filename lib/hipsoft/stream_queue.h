/* SPDX-License-Identifier: MIT */
/*
 * stream_queue.h - a queue of a device, as the thread of a stream uses it
 *
 * It and its staging buffer are made by who gives the stream a task that needs them, so
 * that a lack of anything is an error of that call and not the end of the stream.
 */
#ifndef HIPSOFT_STREAM_QUEUE_H
#define HIPSOFT_STREAM_QUEUE_H

#include "runtime.h"

/**
 * struct stream_queue - an accel queue with the device's ASID attached; for one
 *			 thread
 * @device: NULL: not made yet
 * @id: in the device's context
 * @ring: its first page, to wait on; NULL: the queue was lost, the next commands make one
 * @staging: for host memory: an address that is the same here and in the ASID; NULL: not
 *	     needed so far
 * @staging_buffer: its id
 */
struct stream_queue {
	struct device *device;
	uint32_t id;
	struct accel_ring *ring;
	void *staging;
	uint32_t staging_buffer;
};

/* -ENOSPC: the device has no queue left. */
int stream_queue_init(struct stream_queue *queue, struct device *device);

/* Allowed on a zeroed one. Nothing may be executing. */
void stream_queue_finish(struct stream_queue *queue);

/*
 * Executes all @n commands in order, and waits. -EFAULT: one of them could not access its
 * memory; -EIO: it failed otherwise. What came before it has happened.
 */
int stream_queue_execute(struct stream_queue *queue, const struct accel_command *commands,
			 unsigned n);

/* Makes @staging, if it is not there. Nobody else has it, and nobody can take it away. */
#define STAGING_BYTES ((size_t)1 << 20)
int stream_queue_make_staging(struct stream_queue *queue);

#endif
