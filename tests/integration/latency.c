/* SPDX-License-Identifier: MIT */
/* latency.c - collects durations and computes their 99th percentile */
#include "latency.h"

#include <stdlib.h>

#include "harness.h"

void latency_add(struct latency *latency, uint64_t ns)
{
	ASSERT(latency->n < LATENCY_MAX);
	latency->ns[latency->n++] = ns;
}

static int latency_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t latency_percentile(uint64_t *ns, size_t n, size_t percent)
{
	ASSERT(n > 0);
	qsort(ns, n, sizeof(ns[0]), latency_compare);
	return ns[n * percent / 100];
}

uint64_t latency_p99(struct latency *latency)
{
	return latency_percentile(latency->ns, latency->n, 99);
}

uint64_t latency_median(uint64_t *ns, size_t n)
{
	return latency_percentile(ns, n, 50);
}
