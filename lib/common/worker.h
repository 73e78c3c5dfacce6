/* SPDX-License-Identifier: MIT */
/*
 * worker.h - a queue of jobs, and the threads that run them off the caller's path
 *
 * A job is a zeroed struct list embedded in what the job is about. Threads are started
 * when jobs are added that no idle thread is left for, up to the maximum of the type, and
 * stay until the end. Jobs start in the order of the queue unless pick() has another one.
 * Thread safe. After fork(2) the child must not use the worker: it has no threads there.
 */
#ifndef DMABUFFS_WORKER_H
#define DMABUFFS_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "list.h"

#define WORKER_MAX_THREADS 16

struct worker;

struct worker_type {
	/* Runs one job, which it may free, with no lock held; it may block. */
	void (*run)(struct worker *worker, struct list *job);
	/*
	 * Optional, with the worker's lock held: removes the job to run next from
	 * worker->queue and returns it, or NULL. A job that is passed over is looked at
	 * again when a job has ended.
	 */
	struct list *(*pick_locked)(struct worker *worker);
	/* Optional, with the worker's lock held: after run(), which then must not free.
	 */
	void (*done_locked)(struct worker *worker, struct list *job);
	unsigned max_threads; /* up to WORKER_MAX_THREADS */
	unsigned max_queued;  /* jobs that are not running; 0: no limit */
};

struct worker {
	const struct worker_type *type; /* fixed */
	pthread_mutex_t lock;           /* protects the rest; taken last */
	pthread_cond_t wake;            /* there is a job, or stop is set */
	pthread_cond_t settled;         /* a thread is idle or has ended */
	struct list queue;
	struct list *later; /* a job for the time due_ns; or NULL */
	uint64_t due_ns;
	unsigned n_queued, n_idle, n_alive;
	pthread_t threads[WORKER_MAX_THREADS];
	unsigned n_threads; /* to be joined */
	bool stop;
};

/* For a worker in static memory that refuses jobs until worker_init(). */
#define WORKER_STOPPED ((struct worker){.lock = PTHREAD_MUTEX_INITIALIZER, .stop = true})

/* Starts no thread. @type stays for the life of the worker. */
void worker_init(struct worker *worker, const struct worker_type *type);

/*
 * Starts the first thread now, so that worker_add() does not fail for lack of one. 0 or
 * -errno.
 */
int worker_start(struct worker *worker);

/*
 * Queues a job; one that is queued already stays where it is. Never waits for a job. On
 * error the job is the caller's: -EAGAIN max_queued, -ESHUTDOWN stopped, or that of
 * pthread_create(3) if there is no thread at all.
 */
int worker_add(struct worker *worker, struct list *job);

/*
 * For a job that runs: queues one job @ms from now, instead of the one that waits for its
 * time. worker_add() queues it at once. Dropped by worker_stop().
 */
void worker_add_later(struct worker *worker, struct list *job, unsigned ms);

/* Waits until nothing is queued and no job runs, for @ms at most. Not for jobs. */
bool worker_flush(struct worker *worker, unsigned ms);

/*
 * Refuses new jobs, runs what is queued and ends the threads. False if that takes longer
 * than @ms: a job does not return, and what it uses must stay. Idempotent; not for jobs.
 */
bool worker_stop(struct worker *worker, unsigned ms);

#endif
