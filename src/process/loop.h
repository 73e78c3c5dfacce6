/* SPDX-License-Identifier: MIT */
/*
 * loop.h - the threads that read requests from the device and have libfuse execute them
 *
 * libfuse's own loop allocates its buffers as it likes. Here each thread has one buffer
 * whose pages are there before it reads: a thread that is killed in a page fault of
 * read(2) loses the request that the kernel was copying, with EIO for the client. There
 * is one thread at first, and one more when a request leaves none that waits for the
 * next, up to LOOP_MAX_THREADS; they stay until the end. A request that killed the
 * service several times is refused with EIO.
 */
#ifndef DMABUFFS_LOOP_H
#define DMABUFFS_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/pending.h"
#include "store/ledger.h"

struct fuse_session;

/* Enough that a request of a few milliseconds waits for a CPU, not for a thread. */
#define LOOP_MAX_THREADS 64

struct loop_thread {
	struct loop *loop;
	pthread_t thread;
	void *buffer;   /* owned; of a request */
	void *receiver; /* borrowed: see pending.h; NULL: the buffer is read into */
	_Atomic bool reads;
};

struct loop {
	/* Fixed. */
	struct fuse_session *session; /* borrowed */
	int device;                   /* borrowed */
	size_t buffer_size;
	struct ledger *ledger; /* borrowed; NULL: no request is refused: see poison.h */
	struct pending pending;

	_Atomic unsigned n_waiting; /* threads that wait for a request */
	_Atomic bool stop;

	pthread_mutex_t lock; /* protects the rest */
	pthread_cond_t changed;
	struct loop_thread threads[LOOP_MAX_THREADS];
	unsigned n_threads; /* to be joined */
	unsigned n_running;
	int error; /* the first one; 0 or -errno */
};

/*
 * Without a ledger. @max_write: the largest write that FUSE_INIT agreed on, in bytes.
 * SIGUSR1 gets a handler: it wakes the threads.
 */
void loop_init(struct loop *loop, struct fuse_session *session, int device,
	       uint32_t max_write);

/* @keeps: the kernel does not send requests again, so they are kept: see pending.h. */
void loop_set_ledger(struct loop *loop, struct ledger *ledger, bool keeps);

/*
 * Serves requests until loop_stop() or the end of the connection. 0; -ETIMEDOUT: after
 * that, a request did not return for a time, and a thread still uses the session; -errno.
 */
int loop_run(struct loop *loop);

/* Has loop_run() return; from any thread, before it or meanwhile. Idempotent. */
void loop_stop(struct loop *loop);

#endif
