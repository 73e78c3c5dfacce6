/* SPDX-License-Identifier: MIT */
/*
 * siege.h - all attacks at once, each by a user of its own
 *
 *
 * Attackers are killed at random times and start again, but those that cannot end before
 * the hostile server. An attacker whose assertion fails is only counted: the case is
 * about the others. An attack that only failed fails the
 * case.
 */
#ifndef DMABUFFS_TEST_SIEGE_H
#define DMABUFFS_TEST_SIEGE_H

#include <stdbool.h>
#include <stdint.h>

#include "attacks/attacks.h"

#define SIEGE_MAX 64 /* attackers */

struct siege_post; /* of one attacker */

struct siege {
	struct scene scene;
	struct siege_post *posts;
	unsigned int n_posts;
	char *failures; /* of the posts; shared */
};

/* Starts the hostile server; the attackers start in siege_step(). */
void siege_start(struct siege *siege, const struct instance *instance, unsigned int seed);

/* For at most @ms: kills attackers and starts them again. */
void siege_step(struct siege *siege, int ms);

/* Kills all, the server too, and waits for their end. Ready for another siege_start(). */
void siege_end(struct siege *siege);

/* After all sieges: asserts that each attack began; prints what failed. */
void siege_finish(struct siege *siege);

#endif
