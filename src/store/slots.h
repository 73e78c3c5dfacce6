/* SPDX-License-Identifier: MIT */
/*
 * slots.h - which of a fixed number of slots are in use
 *
 * The lowest free slot is taken, so that what is in use stays together and the rest of
 * the memory can be given back. A tree of bitmaps of 64 children finds it: at most six
 * words are read. A slot that is put back rests until SLOTS_REST others were put back or
 * no other is free; it counts as used meanwhile.
 *
 * Private memory: a successor of the process builds it again with slots_claim(). Not
 * thread safe; the owner's lock protects it.
 */
#ifndef DMABUFFS_SLOTS_H
#define DMABUFFS_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#define SLOTS_REST   128U
#define SLOTS_LEVELS 6
#define SLOTS_NONE   UINT32_MAX

struct slots {
	uint32_t capacity;
	uint32_t high; /* no slot from here on is in use */
	unsigned n_levels;
	/*
	 * Owned. Level 0: a bit per slot, set: in use. Above: a bit per word of the level
	 * below, set: all its bits are.
	 */
	uint64_t *levels[SLOTS_LEVELS];
	uint32_t resting[SLOTS_REST]; /* a ring, the oldest at rest_first */
	uint32_t rest_first, n_resting;
};

/* @capacity is at least 1. 0 or -ENOMEM. A zeroed one can be finished, too. */
int slots_init(struct slots *slots, uint32_t capacity);
void slots_finish(struct slots *slots);

/* A slot, in use from now on; SLOTS_NONE: all are. */
uint32_t slots_take(struct slots *slots);

/* The slot must be in use, and not resting. */
void slots_put(struct slots *slots, uint32_t slot);

/*
 * Takes this one. False: it is in use, or there is none of that number. Undone by
 * slots_unclaim(), without a rest.
 */
bool slots_claim(struct slots *slots, uint32_t slot);
void slots_unclaim(struct slots *slots, uint32_t slot);

/* False, too, if there is none of that number. */
bool slots_is_used(const struct slots *slots, uint32_t slot);

/* The first one from @slot on that is in use, or not in use; SLOTS_NONE: there is none.
 */
uint32_t slots_next_used(const struct slots *slots, uint32_t slot);
uint32_t slots_next_free(const struct slots *slots, uint32_t slot);

#endif
