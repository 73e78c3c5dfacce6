/* SPDX-License-Identifier: MIT */
/*
 * crops.h - t-tests of all samples, and of those below each of a hundred percentiles
 *
 * Interrupts make a few samples very long, which hides small differences; so the method
 * of dudect (Reparaz, Balasch, Verbauwhede: "Dude, is my code constant time?", 2017)
 * tests the fast samples alone, too. The percentiles are those of a first batch, which is
 * not tested itself: limits that depended on the samples tested would correlate with
 * them.
 */
#ifndef DMABUFFS_TIMING_CROPS_H
#define DMABUFFS_TIMING_CROPS_H

#include <stdint.h>

#include "welch.h"

#define CROPS 100
/* With fewer of a class the distribution of t is not known well enough. */
#define CROP_MIN_SAMPLES 500

struct crops {
	uint64_t limits[CROPS];        /* ascending */
	struct welch tests[CROPS + 1]; /* the last one: of all samples */
};

/* The limits are percentiles of @n times, one at least, which it sorts. */
void crops_init(struct crops *crops, uint64_t *times, size_t n);

void crops_add(struct crops *crops, enum class class, uint64_t time);

/* How many were added. */
size_t crops_samples(const struct crops *crops);

/* The t with the greatest absolute value of those tests that have enough samples. */
double crops_strongest(const struct crops *crops);

/*
 * The smallest standard error of a test of half of the samples or more: a difference of
 * @t times this gives that t.
 */
double crops_error(const struct crops *crops);

#endif
