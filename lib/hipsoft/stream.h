/* SPDX-License-Identifier: MIT */
/*
 * stream.h - a stream: a thread with a list of tasks, and queues of devices
 *
 * Tasks run in order. A task submits commands and waits for them, copies host memory,
 * marks an event as reached, or waits for an event.
 *
 * Tasks never wait for each other in a cycle, whatever their streams, threads and
 * processes. Let the age of a task be the time at which its stream was locked to append
 * it. A task waits for older tasks only:
 *   - those before it in its stream: they were appended under the same lock earlier;
 *   - for a barrier, the tasks that the other stream had when they were counted, under
 *     that stream's lock; barriers are appended before the task that needs them;
 *   - for a wait, the record of an event. A record takes its number (or becomes the
 *     event's mark) in @begin, under the stream's lock, at a point where nothing can fail
 *     any more. A waiter, here or in another process, has seen the number before it
 *     appends its task. The number is visible shortly before the record is in the list;
 *     that is harmless, since another task for the same stream needs the lock and comes
 *     later, and barriers counted by then do not include the record.
 * If the number were taken before the lock, another thread could see it and append its
 * wait to the stream before the record: a deadlock.
 *
 * A process that maps an event's page can set its numbers back. It cannot make a stream
 * of this process wait for itself: event_page_record() never takes a number that was
 * waited for here. It can make two other processes that record the same event wait for
 * each other until one of them exits, which is the same as recording the event itself and
 * not going on.
 *
 * A stream fails with the first task that fails. It then drops all tasks it has and
 * rejects new ones until the error is reported. Barriers still run, so that later tasks
 * are in order.
 *
 * Lock order: a device's, a stream's, then the locks that @begin takes: event_lock, or
 * that of an interprocess event. Never two of one kind.
 */
#ifndef HIPSOFT_STREAM_H
#define HIPSOFT_STREAM_H

#include <stdbool.h>

#include "context.h"
#include "stream_queue.h"

/**
 * struct task - one item of a stream's work
 * @link: in the stream's list
 * @begin: may be NULL; called when the task is appended, under the stream's lock. On a
 *	   negative errno nothing has changed and the task is not appended
 * @run: 0, or a negative errno, with which the stream fails
 * @drop: frees the task; called once, after @run or instead of it. @error: 0, or the
 *	  error of the task or of the stream
 * @result: may be NULL: @error is stored there before the task counts as done
 * @always: @run is called in a failed stream, too; it cannot fail
 */
struct task {
	struct list link;
	int (*begin)(struct task *task);
	int (*run)(struct task *task, struct stream *stream);
	void (*drop)(struct task *task, int error);
	int *result;
	bool always;
};

/*
 * Creates a stream with its thread and queue. The first stream of a context is its
 * default stream. @blocking: it and the default stream wait for each other. -ENOSPC: no
 * queue or thread is available; -EINVAL: the context is destroyed.
 */
int stream_create(struct ihipCtx_t *context, bool blocking, struct stream **ret_stream);

/*
 * Destroys all streams of a context, the default one included, after their tasks are
 * done, and sets @default_stream to NULL. Called once per context.
 */
void stream_destroy_context(struct ihipCtx_t *context);

/* Destroys all streams of a device but the default ones. */
void stream_destroy_all(struct device *device);

/*
 * Appends a task, which the stream owns from then on. On failure the task stays the
 * caller's: the stream's unreported error, -ENOMEM, or the error of @begin. A task for
 * the default stream runs after all tasks that the device's blocking streams have so far,
 * and vice versa, whether those fail or not.
 */
int stream_push(struct stream *stream, struct task *task);

/*
 * For the default stream, before a task that works on a second device: orders it after
 * the tasks that blocking streams of @device have so far. No effect on other streams.
 */
int stream_follow(struct stream *stream, struct device *device);

/*
 * Waits for all tasks that the stream has so far. Returns and thereby reports its error;
 * the stream then accepts tasks again. Concurrent callers get the same error.
 */
int stream_synchronize(struct stream *stream);

/* For the default stream: waits for its device's blocking streams. */
void stream_wait_for_others(struct stream *stream);

/*
 * -EAGAIN: tasks are pending; for the default stream, also those of its device's
 * blocking streams. Otherwise as stream_synchronize().
 */
int stream_query(struct stream *stream);

/* The stream's unreported error, or 0. */
int stream_error(struct stream *stream);

/* Synchronizes with all streams of the device. Returns the first error, reports all. */
int stream_synchronize_device(struct device *device);

/* Waits for all streams of the device, and reports no error. */
void stream_wait_for_device(struct device *device);

/*
 * The stream of a handle; NULL is the current context's default stream. The stream is
 * not destroyed before stream_put(). -EBADF: unknown handle; -EINVAL: the context is
 * destroyed.
 */
int stream_get(hipStream_t handle, struct stream **ret_stream);
void stream_put(struct stream *stream);

/* The handle of a stream that is not a default one; and its destruction by handle. */
hipStream_t stream_handle(const struct stream *stream);
int stream_destroy_handle(hipStream_t handle);

struct device *stream_device(const struct stream *stream);

/*
 * The stream's queue of @device, created if needed. Only tasks pushed after this may use
 * it. @staging: it gets a staging buffer.
 */
int stream_queue_get(struct stream *stream, struct device *device, bool staging,
		     struct stream_queue **ret_queue);

#endif
