/* SPDX-License-Identifier: MIT */
/* stream_private.h - shared by stream.c and stream_order.c */
#ifndef HIPSOFT_STREAM_PRIVATE_H
#define HIPSOFT_STREAM_PRIVATE_H

#include <stdatomic.h>

#include "stream.h"

/**
 * struct cover - the last barrier between a stream and a default stream, one direction
 * @id: of the default stream
 * @given: the number of tasks that the barrier waits for
 *
 * No new barrier is needed until the other stream gets another task.
 */
struct cover {
	uint64_t id;
	uint64_t given;
};

/**
 * struct stream - a stream
 * @id: its handle, never reused; it encodes the device
 * @context: the context it belongs to
 * @device: of @context
 * @is_default: the first stream of @context
 * @blocking: see stream_create()
 * @refs: keep the memory; barriers in other streams outlive this one's thread
 * @link: in device->streams. Like the next four members protected by the device's lock
 * @users: calls between stream_get() and stream_put(), which delay its destruction
 * @unused: signalled when @users becomes 0
 * @closing: it is being destroyed and cannot be found by its handle any more; it stays in
 *	     device->streams until its tasks are done
 * @covers: of a stream that is not a default one; see struct cover
 * @thread: runs the tasks
 * @making: serializes the creation of queues
 * @queues: indexed by device ordinal. Once a task uses a queue, only the thread does
 * @lock: protects what follows
 * @has_work: there is a task, or @stopping is set
 * @progress: @done has changed
 * @tasks: to be run, in order
 * @given: number of tasks appended so far
 * @done: number of tasks done
 * @failure: the error of the last failure
 * @dropped: tasks up to this number are dropped because of @failure
 * @error: @failure until it is reported, then 0
 * @reports: number of failures reported so far
 * @stopping: no more tasks will be appended
 */
struct stream {
	uint64_t id;
	struct ihipCtx_t *context;
	struct device *device;
	bool is_default;
	bool blocking;
	atomic_uint refs;

	struct list link;
	unsigned users;
	pthread_cond_t unused;
	bool closing;
	struct cover covers[2];

	pthread_t thread;
	pthread_mutex_t making;
	struct stream_queue queues[HIPSOFT_MAX_DEVICES];

	pthread_mutex_t lock;
	pthread_cond_t has_work;
	pthread_cond_t progress;
	struct list tasks;
	uint64_t given;
	uint64_t done;
	int failure;
	uint64_t dropped;
	int error;
	uint64_t reports;
	bool stopping;
};

/* Greater than all before. */
uint64_t stream_new_id(const struct device *device);

/* Keep the memory allocated, not the thread running. */
struct stream *stream_ref(struct stream *stream);
void stream_unref(struct stream *stream);

#endif
