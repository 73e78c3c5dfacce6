/* SPDX-License-Identifier: MIT */
/* durations.h - how long any number of operations took, to an eighth of the value */
#ifndef DMABUFFS_TEST_DURATIONS_H
#define DMABUFFS_TEST_DURATIONS_H

#include <stdint.h>

/* Of values in ns: eight buckets for each power of two. */
#define DURATIONS_BUCKETS (64 * 8)

/* Zero-initialised: empty. One process adds, others may read. */
struct durations {
	uint64_t n, longest;
	uint64_t buckets[DURATIONS_BUCKETS];
};

void durations_add(struct durations *durations, uint64_t ns);

/* That many percent of the operations took no longer; 0 of none. */
uint64_t durations_percentile(const struct durations *durations, unsigned int percent);

#endif
