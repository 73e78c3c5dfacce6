/* SPDX-License-Identifier: MIT */
/* worker.h - processes that do one job after the other, each when they are told to */
#ifndef DMABUFFS_BENCH_WORKER_H
#define DMABUFFS_BENCH_WORKER_H

#include <sys/types.h>

#include <util.h>

struct worker {
	pid_t pid;  /* 0: not started */
	int socket; /* jobs go down, results come up */
};

#define WORKER_INIT ((struct worker){.socket = -1})

/* 0 or a negative errno, which the process has complained of. */
typedef int (*worker_fn)(void *data, int job);

/* On which CPUs (child.h) a worker runs. */
enum worker_side { WORKER_OF_CLIENT, WORKER_OF_SERVER };

/* Forks a process that calls @work(@data, job) for each job. */
int worker_start(struct worker *worker, enum worker_side side, worker_fn work,
		 void *data) _must_check_;

/* Kills it, whatever it does; allowed for one that was not started. */
void worker_stop(struct worker *worker);

/* Each order wants one answer: the result of the job. The wait is bounded. */
int worker_order(struct worker *worker, int job) _must_check_;
int worker_answer(struct worker *worker) _must_check_;

static inline int worker_do(struct worker *worker, int job)
{
	int r = worker_order(worker, job);

	return r < 0 ? r : worker_answer(worker);
}

#endif
