/* SPDX-License-Identifier: MIT */
/* worker.h - processes that do one job at a time, each on request */
#ifndef DMABUFFS_BENCH_WORKER_H
#define DMABUFFS_BENCH_WORKER_H

#include <sys/types.h>

#include <util.h>

struct bench_worker {
	pid_t pid;  /* 0: not started */
	int socket; /* carries jobs and results */
};

#define WORKER_INIT ((struct bench_worker){.socket = -1})

/* Returns 0 or a negative errno, after it has printed the reason. */
typedef int (*bench_worker_fn)(void *data, int job);

/* The CPUs (child.h) that a worker runs on. */
enum bench_worker_side { WORKER_OF_CLIENT, WORKER_OF_SERVER };

/* Forks a process that calls @work(@data, job) for each job. */
int bench_worker_start(struct bench_worker *worker, enum bench_worker_side side,
		       bench_worker_fn work, void *data) _must_check_;

/* Kills it at any point of its work; allowed for one that was not started. */
void bench_worker_stop(struct bench_worker *worker);

/* Each request has one reply: the result of the job. The wait is bounded. */
int bench_worker_order(struct bench_worker *worker, int job) _must_check_;
int bench_worker_answer(struct bench_worker *worker) _must_check_;

static inline int bench_worker_do(struct bench_worker *worker, int job)
{
	int r = bench_worker_order(worker, job);

	return r < 0 ? r : bench_worker_answer(worker);
}

#endif
