/* SPDX-License-Identifier: MIT */
/* latency.h - how long the calls of a client take beside others */
#ifndef DMABUFFS_TEST_LATENCY_H
#define DMABUFFS_TEST_LATENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <clock.h>

#define LATENCY_MAX 4000

struct latency {
	uint64_t ns[LATENCY_MAX];
	size_t n;
};

/* Evaluates the call, and adds how long it took. */
#define TIMED(latency, call)                                                             \
	({                                                                               \
		uint64_t start_ = now_ns();                                              \
		int timed_ = (call);                                                     \
		latency_add(latency, now_ns() - start_);                                 \
		timed_;                                                                  \
	})

/* Fails the case if there is no room. */
void latency_add(struct latency *latency, uint64_t ns);

/* The 99th percentile in nanoseconds; sorts them. */
uint64_t latency_p99(struct latency *latency);

/* Of one run of a client, in nanoseconds; one call in 450 is not in a percentile. */
struct latency_figures {
	uint64_t p99, longest;
};

/* Sorts them. */
struct latency_figures latency_figures(struct latency *latency);

/* The middle one of @n; sorts them. */
uint64_t latency_median(uint64_t *ns, size_t n);

struct instance;

/* An innocent user beside an attacker, and without what the attack consists of. */
struct latency_comparison {
	struct latency_figures (*measure)(struct instance *instance, bool with_attack);
	const char *without; /* for the note: "without locks" */
	unsigned rounds;     /* pairs of runs; odd, LATENCY_ROUNDS at most */
	unsigned max_ratio;  /* of the medians of the p99 */
	unsigned longest_ms; /* for any call beside the attack */
	unsigned tries;      /* of all rounds: a processor can be busy in one of them */
};

#define LATENCY_ROUNDS 9

/* Fails the case if others wait for the attacker in each try. */
void latency_compare(struct instance *instance,
		     const struct latency_comparison *comparison);

#endif
