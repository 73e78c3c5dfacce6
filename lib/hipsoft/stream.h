/* SPDX-License-Identifier: MIT */
/*
 * stream.h - what executes: a thread with a list of tasks, and a queue of the device
 *
 * A task runs when those before it have: it submits commands and waits for them, copies
 * for the host, marks an event as reached, or waits for one. So whatever a task waits
 * for, the call that gave it to the stream has returned long since.
 */
#ifndef HIPSOFT_STREAM_H
#define HIPSOFT_STREAM_H

#include <stdbool.h>

#include "context.h"
#include "stream_queue.h"

/**
 * struct task - something for a stream to do
 * @run: 0, or a negative errno: then the stream has failed, and later tasks are given
 *	 @run no more
 * @drop: frees it; called once, after @run or instead of it. @error: 0, or why not
 */
struct task {
	struct task *next;
	int (*run)(struct task *task, struct stream *stream);
	void (*drop)(struct task *task, int error);
};

/*
 * Its thread, and its queue. The first stream of a context is its default one. @blocking:
 * the default stream and it wait for each other. -ENOSPC: no queue or thread is left;
 * -EINVAL: the context was destroyed.
 */
int stream_create(struct ihipCtx_t *context, bool blocking, struct stream **ret_stream);

/* Waits for its tasks, and ends it. It is found no more from the begin on. */
void stream_destroy(struct stream *stream);

/*
 * Ends all streams of a context, after their tasks, the default one included: the
 * context's @default_stream is NULL then. For hipCtxDestroy(), once for a context.
 */
void stream_destroy_context(struct ihipCtx_t *context);

/*
 * Gives it a task, which is the stream's from then on. -errno: the stream has failed, or
 * there is no memory; the task stays the caller's. On the default stream it comes after
 * all that blocking streams of the device have been given so far, and the other way
 * round: but only after, whether that failed or not.
 */
int stream_push(struct stream *stream, struct task *task);

/*
 * For the default stream, before a task that works on another device as well: it comes
 * after all that blocking streams of @device have been given so far. Nothing for others.
 */
int stream_follow(struct stream *stream, struct device *device);

/* Waits until all it has been given so far is done: its error, or 0. */
int stream_synchronize(struct stream *stream);
int stream_query(struct stream *stream); /* -EAGAIN: not done yet */
int stream_error(struct stream *stream); /* so far */

/* All streams of the device; the first error. For hipDeviceSynchronize() and hipFree().
 */
int stream_synchronize_device(struct device *device);

/*
 * The stream that a caller named, NULL being the default one of the current context. It
 * is kept from being destroyed until stream_put(). -EBADF: none of ours; -EINVAL: the
 * context was destroyed.
 */
int stream_get(hipStream_t handle, struct stream **ret_stream);
void stream_put(struct stream *stream);

/* Of one that is not a default one; and its end, if there is one of that name. */
hipStream_t stream_handle(const struct stream *stream);
int stream_destroy_handle(hipStream_t handle);

struct device *stream_device(const struct stream *stream);

/*
 * A queue of @device that tasks given from now on may use, and no others: the stream's
 * own, or one more. @staging: it has a staging buffer.
 */
int stream_queue_get(struct stream *stream, struct device *device, bool staging,
		     struct stream_queue **ret_queue);

#endif
