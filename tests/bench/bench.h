/* SPDX-License-Identifier: MIT */
/*
 * bench.h - common types of the benchmark
 *
 * A figure compares a subject with a baseline. To cancel a machine's noise, the two are
 * measured in turns, in short blocks, within one run; a run's ratio is that of the two
 * medians, and the figure is the median over all runs.
 */
#ifndef DMABUFFS_BENCH_H
#define DMABUFFS_BENCH_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include <util.h>

#include "../support/report.h"

/* The result of one run for one row; baseline 0: none. */
struct pair {
	double subject;
	double baseline;
};

/*
 * One line of the result. The bounds apply to the ratio, or to the value if there is no
 * baseline. @high may be ROW_NO_LIMIT; ROW_NONE is the bound of a count that must be 0. A
 * row whose @high is 0 is for information only.
 */
#define ROW_NO_LIMIT HUGE_VAL
#define ROW_NONE     0.5

struct row {
	const char *name;
	const char *unit;
	double low;
	double high;
	bool placeless; /* the same on one CPU and on several: measured once */
};

/* Rows that are measured together, on the same servers. */
struct group {
	const struct row *rows;
	size_t n_rows;
	unsigned int runs;
	/* Creates servers and buffers for all runs, below the empty directory @dir. */
	int (*create)(const char *dir, void **ret_state);
	/* Makes one run; fills one pair per row. */
	int (*run)(void *state, struct pair *ret_pairs);
	void (*destroy)(void *state);
};

extern const struct group export_group;
extern const struct group open_group;
extern const struct group broker_group;
extern const struct group map_group;
extern const struct group scale_group;
extern const struct group ring_group;
extern const struct group asid_group;
extern const struct group copy_group;
extern const struct group contexts_group;
extern const struct group crash_group;
extern const struct group ipc_group;
extern const struct group ipc_32_group;

#endif
