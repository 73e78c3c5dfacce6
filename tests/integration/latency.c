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

static int latency_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t latency_percentile(uint64_t *ns, size_t n, size_t percent)
{
	ASSERT(n > 0);
	qsort(ns, n, sizeof(ns[0]), latency_order);
	return ns[n * percent / 100];
}

uint64_t latency_p99(struct latency *latency)
{
	return latency_percentile(latency->ns, latency->n, 99);
}

struct latency_figures latency_figures(struct latency *latency)
{
	const uint64_t p99 = latency_p99(latency);

	return (struct latency_figures){p99, latency->ns[latency->n - 1]};
}

uint64_t latency_median(uint64_t *ns, size_t n)
{
	return latency_percentile(ns, n, 50);
}

static void latency_note(const struct latency_comparison *comparison, uint64_t beside,
			 uint64_t alone, uint64_t longest)
{
	test_note("p99 %llu us beside the attack, %llu us %s; the longest %llu us",
		  (unsigned long long)beside / 1000, (unsigned long long)alone / 1000,
		  comparison->without, (unsigned long long)longest / 1000);
}

static bool latency_does_no_harm(struct instance *instance,
				 const struct latency_comparison *comparison)
{
	uint64_t with[LATENCY_ROUNDS], without[LATENCY_ROUNDS], beside, alone;
	uint64_t longest = 0;
	unsigned n = comparison->rounds;

	ASSERT(n <= LATENCY_ROUNDS);
	for (unsigned i = 0; i < n; i++) {
		struct latency_figures figures;

		without[i] = comparison->measure(instance, false).p99;
		figures = comparison->measure(instance, true);
		with[i] = figures.p99;
		longest = MAX(longest, figures.longest);
	}
	beside = latency_median(with, n);
	alone = latency_median(without, n);
	latency_note(comparison, beside, alone, longest);
	return beside <= comparison->max_ratio * alone &&
	       longest <= comparison->longest_ms * UINT64_C(1000000);
}

void latency_compare(struct instance *instance,
		     const struct latency_comparison *comparison)
{
	unsigned tries = 1;

	while (!latency_does_no_harm(instance, comparison))
		if (tries++ == comparison->tries)
			test_fail(__FILE__, __LINE__, "others wait for the attacker");
}
