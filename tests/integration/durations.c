/* SPDX-License-Identifier: MIT */
/* durations.c - a histogram of durations */
#include "durations.h"

#include <util.h>

static unsigned int durations_bucket(uint64_t ns)
{
	unsigned int power = ns < 8 ? 3 : 63 - (unsigned int)__builtin_clzll(ns);

	return (power - 3) * 8 + (unsigned int)(ns >> (power - 3)) % 8;
}

/* The smallest value of the next bucket. */
static uint64_t durations_limit(unsigned int bucket)
{
	return (uint64_t)(8 + bucket % 8 + 1) << bucket / 8;
}

void durations_add(struct durations *durations, uint64_t ns)
{
	durations->buckets[durations_bucket(ns)]++;
	durations->longest = MAX(durations->longest, ns);
	durations->n++;
}

uint64_t durations_percentile(const struct durations *durations, unsigned int percent)
{
	uint64_t wanted = durations->n * percent / 100, seen = 0;
	unsigned int i = 0;

	if (!durations->n)
		return 0;
	while (i < DURATIONS_BUCKETS - 1 && (seen += durations->buckets[i]) <= wanted)
		i++;
	return MIN(durations_limit(i), durations->longest);
}
