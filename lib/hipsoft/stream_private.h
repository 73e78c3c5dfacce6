/* SPDX-License-Identifier: MIT */
/* stream_private.h - for stream.c and stream_order.c alone */
#ifndef HIPSOFT_STREAM_PRIVATE_H
#define HIPSOFT_STREAM_PRIVATE_H

#include <stdatomic.h>

#include "stream.h"

/**
 * struct cover - the last barrier between a stream and a default one, in one direction
 * @id: of the default one
 * @given: the barrier, or one before it, waits for this many tasks
 *
 * What is pushed later needs none for as long as the other one was given nothing.
 */
struct cover {
	uint64_t id;
	uint64_t given;
};

/**
 * struct stream - a stream
 * @id: its handle, never used twice; the device is told from it
 * @context: whose it is
 * @device: of @context
 * @is_default: the first one of @context
 * @blocking: see stream_create()
 * @refs: that keep this memory; tasks of other streams wait for it after its end
 * @next: in device->streams. This and the next four: under the device's lock
 * @users: callers who work with it: it does not end before they have put it
 * @unused: there are no @users
 * @closing: it ends, and is found no more; others still wait for what it does
 * @covers: of one that is not a default one; see struct cover
 * @thread: runs the tasks
 * @making: a lock for making a queue
 * @queues: by ordinal of their device. One that a task has is the thread's alone
 * @lock: protects what follows
 * @has_work: there is a task, or @ending
 * @progress: @done has changed
 * @first: the next task
 * @last: where a new one is put
 * @given: how many tasks it has been given so far
 * @done: how many of them are done
 * @failure: what the last one that failed did with
 * @dropped: those up to this one are dropped because of @failure
 * @error: @failure until it is reported; then 0
 * @reports: how many failures have been reported
 * @ending: no task will come any more
 */
struct stream {
	uint64_t id;
	struct ihipCtx_t *context;
	struct device *device;
	bool is_default;
	bool blocking;
	atomic_uint refs;

	struct stream *next;
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
	struct task *first;
	struct task **last;
	uint64_t given;
	uint64_t done;
	int failure;
	uint64_t dropped;
	int error;
	uint64_t reports;
	bool ending;
};

/* Greater than all before. */
uint64_t stream_new_id(const struct device *device);

/* Of its memory. */
struct stream *stream_ref(struct stream *stream);
void stream_unref(struct stream *stream);

#endif
