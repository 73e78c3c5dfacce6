/* SPDX-License-Identifier: MIT */
/* worker.h - processes that do one job after the other, each on request */
#ifndef DMABUFFS_BENCH_WORKER_H
#define DMABUFFS_BENCH_WORKER_H

#include <sys/types.h>

#include <util.h>

struct bench_worker {
	pid_t pid;  /* 0: not started */
	int socket; /* jobs go down, results come up */
};

#define WORKER_INIT ((struct bench_worker){.socket = -1})

/* 0 or a negative errno, which the process has complained of. */
typedef int (*bench_worker_fn)(void *data, int job);

/* On which CPUs (child.h) a worker runs. */
enum bench_worker_side { WORKER_OF_CLIENT, WORKER_OF_SERVER };

/* Forks a process that calls @work(@data, job) for each job. */
int bench_worker_start(struct bench_worker *worker, enum bench_worker_side side,
		       bench_worker_fn work, void *data) _must_check_;

/* Kills it, whatever it does; allowed for one that was not started. */
void bench_worker_stop(struct bench_worker *worker);

/* Each order wants one answer: the result of the job. The wait is bounded. */
int bench_worker_order(struct bench_worker *worker, int job) _must_check_;
int bench_worker_answer(struct bench_worker *worker) _must_check_;

static inline int bench_worker_do(struct bench_worker *worker, int job)
{
	int r = bench_worker_order(worker, job);

	return r < 0 ? r : bench_worker_answer(worker);
}

#endif
