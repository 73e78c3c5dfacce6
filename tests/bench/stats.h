/* SPDX-License-Identifier: MIT */
/* stats.h - samples and their median */
#ifndef DMABUFFS_BENCH_STATS_H
#define DMABUFFS_BENCH_STATS_H

#include <stddef.h>

#include <util.h>

/* Samples in order of arrival; zero-initialised: empty. */
struct series {
	double *values;
	size_t count;
	size_t capacity;
};

int series_add(struct series *series, double value) _must_check_;

/* The median, 0 for an empty series. Sorts the samples. */
double series_median(struct series *series);

void series_finish(struct series *series);

#endif
