/* SPDX-License-Identifier: MIT */
/*
 * pair.h - two users that share buffers, whatever others do meanwhile
 *
 *
 * Alice exports a buffer, gives Bob access and takes it back; Bob must not get it before
 * and after, and sees the right bytes in between. Both use queues of their own. An
 * operation that fails, or takes longer than PAIR_MAX_MS, fails the case.
 */
#ifndef DMABUFFS_TEST_PAIR_H
#define DMABUFFS_TEST_PAIR_H

#include "child.h"
#include "instance.h"

/*
 * Bound of one operation beside all attacks: below the 5 s after which clients of the
 * service give up. Only a wait for another user takes so long, not a busy processor.
 */
#define PAIR_MAX_MS 5000

struct pair_record; /* shared with the children */

struct pair {
	const struct instance *instance;
	unsigned int seed;
	struct pair_record *record;
	struct child alice, bob;
};

/* Returns once they work. */
void pair_start(struct pair *pair, const struct instance *instance, unsigned int seed);

/* Asserts that neither has ended, nor waits for longer than twice the bound. */
void pair_check(const struct pair *pair);

/* Ends them after the present round; prints what they did and how long it took. */
void pair_end(struct pair *pair);

#endif
