/* SPDX-License-Identifier: MIT */
/*
 * stream.h - what executes: a thread with a list of tasks, and a queue of the device
 *
 * A task runs when those before it have: it submits commands and waits for them, copies
 * for the host, marks an event as reached, or waits for one.
 *
 * Why tasks never wait for each other in a circle, whatever the streams, threads and
 * processes that they belong to: let a task be as old as the moment in which its stream
 * was locked to take it. All that it waits for is older:
 *   - what is before it in its stream: the lock is the same;
 *   - the barriers that come with it were taken before it; and what a barrier waits for
 *     is what the other stream had taken when it was counted, under that stream's lock;
 *   - the record of an event: it takes its number (or becomes the event's mark) in
 *     @begin, which is to say under the lock, at a place where nothing can fail any more.
 *     Who waits for it has seen the number, here or in another process, and gives his
 *     task to a stream after that. That the number can be seen a moment before the
 *     record is in the list does not matter: what is put into the same stream needs the
 *     lock, and comes behind it; and a barrier for what others have been given was
 *     counted earlier.
 * A number that were taken before the lock could be seen by who then puts his wait into
 * the stream in front of the record: so they would wait for each other for ever.
 * Whoever has the page of an event can set its numbers back. That a stream of this
 * process waits for itself he cannot bring about: a number that has been waited for here
 * is not taken here any more (event_page_record()). He can let two other processes wait
 * for each other that both record an event of which he has the page, until one of them
 * gives up: as if he had recorded and did not go on.
 *
 * A stream fails with the first task that does: then it drops what it has been given so
 * far, and takes nothing, until the error has been reported. Barriers are waited for all
 * the same, so that what comes later is in order.
 *
 * Locks: a device's, then a stream's, and then what @begin takes: event_lock, or that of
 * an interprocess event. Never two of a kind.
 */
#ifndef HIPSOFT_STREAM_H
#define HIPSOFT_STREAM_H

#include <stdbool.h>

#include "context.h"
#include "stream_queue.h"

/**
 * struct task - something for a stream to do
 * @begin: may be NULL; in the moment in which the stream takes it, under its lock. A
 *	   negative errno: nothing has changed, and it is not taken
 * @run: 0, or a negative errno: then the stream has failed
 * @drop: frees it; called once, after @run or instead of it. @error: 0, or why not
 * @result: may be NULL: where @error is put, before the stream counts it as done
 * @always: @run in a stream that has failed, too; it does not fail itself
 */
struct task {
	struct task *next;
	int (*begin)(struct task *task);
	int (*run)(struct task *task, struct stream *stream);
	void (*drop)(struct task *task, int error);
	int *result;
	bool always;
};

/*
 * Its thread, and its queue. The first stream of a context is its default one. @blocking:
 * the default stream and it wait for each other. -ENOSPC: no queue or thread is left;
 * -EINVAL: the context was destroyed.
 */
int stream_create(struct ihipCtx_t *context, bool blocking, struct stream **ret_stream);

/*
 * Ends all streams of a context, after their tasks, the default one included: the
 * context's @default_stream is NULL then. For hipCtxDestroy(), once for a context.
 */
void stream_destroy_context(struct ihipCtx_t *context);

/*
 * Gives it a task, which is the stream's from then on. -errno: the stream has failed and
 * that was not reported, or there is no memory, or @begin failed; the task stays the
 * caller's. On the default stream it comes after all that blocking streams of the device
 * have been given so far, and the other way round: but only after, whether that failed or
 * not.
 */
int stream_push(struct stream *stream, struct task *task);

/*
 * For the default stream, before a task that works on another device as well: it comes
 * after all that blocking streams of @device have been given so far. Nothing for others.
 */
int stream_follow(struct stream *stream, struct device *device);

/*
 * Waits until all it has been given so far is done. Its error, which is reported by this:
 * the stream goes on. Who waits while another one reports it gets it as well.
 */
int stream_synchronize(struct stream *stream);

/* For the default stream: waits for the blocking ones of its device, else nothing. */
void stream_wait_for_others(struct stream *stream);

/*
 * -EAGAIN: not done yet; for the default stream: it, or a blocking one of its device.
 * Else as stream_synchronize().
 */
int stream_query(struct stream *stream);

/* What it failed with, unless that was reported. */
int stream_error(struct stream *stream);

/* All streams of the device. It reports all their errors, by answering the first one. */
int stream_synchronize_device(struct device *device);

/* Waits for them, and reports nothing. */
void stream_wait_for_device(struct device *device);

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
