/* SPDX-License-Identifier: MIT */
/* contest.h - a subject and its baseline, measured in turns */
#ifndef DMABUFFS_BENCH_CONTEST_H
#define DMABUFFS_BENCH_CONTEST_H

#include <time.h>

#include "bench.h"
#include "stats.h"

/*
 * Performs a few operations and adds one sample for each: a time or a speed. Preparations
 * of an operation are not timed.
 */
typedef int (*block_fn)(void *data, struct series *samples);

struct contestant {
	block_fn block;
	void *data;
};

/*
 * Runs @rounds blocks of each, in turns; the pair holds the medians of all samples. A
 * baseline with a NULL block: none.
 */
int contest_run(struct contestant subject, struct contestant baseline,
		unsigned int rounds, struct pair *ret_pair);

/* In microseconds, from an arbitrary origin. */
static inline double now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

#endif
