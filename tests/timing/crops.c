/* SPDX-License-Identifier: MIT */
/* crops.c - t-tests of all samples, and of those below each of a hundred percentiles */
#include "crops.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "util.h"

static int crops_compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

/* From 7 to 99.9 %, closer to each other where the distribution has its long tail. */
static double crops_percentile(size_t i)
{
	return 1 - pow(0.5, 10 * (double)(i + 1) / CROPS);
}

void crops_init(struct crops *crops, uint64_t *times, size_t n)
{
	*crops = (struct crops){0};
	qsort(times, n, sizeof(*times), crops_compare);
	for (size_t i = 0; i < CROPS; i++)
		crops->limits[i] = times[(size_t)(crops_percentile(i) * (double)n)];
}

void crops_add(struct crops *crops, enum class class, uint64_t time)
{
	for (size_t i = 0; i < CROPS; i++)
		if (time < crops->limits[i])
			welch_add(&crops->tests[i], class, (double)time);
	welch_add(&crops->tests[CROPS], class, (double)time);
}

size_t crops_samples(const struct crops *crops)
{
	return welch_samples(&crops->tests[CROPS]);
}

static bool crops_is_large(const struct welch *test)
{
	return test->classes[CLASS_NAME].n >= CROP_MIN_SAMPLES &&
	       test->classes[CLASS_DECOY].n >= CROP_MIN_SAMPLES;
}

double crops_strongest(const struct crops *crops)
{
	double strongest = 0;

	for (size_t i = 0; i <= CROPS; i++) {
		double t =
			crops_is_large(&crops->tests[i]) ? welch_t(&crops->tests[i]) : 0;

		if (fabs(t) > fabs(strongest))
			strongest = t;
	}
	return strongest;
}

double crops_error(const struct crops *crops)
{
	double smallest = welch_error(&crops->tests[CROPS]);

	for (size_t i = 0; i < CROPS; i++)
		if (welch_samples(&crops->tests[i]) >= crops_samples(crops) / 2)
			smallest = MIN(smallest, welch_error(&crops->tests[i]));
	return smallest;
}
