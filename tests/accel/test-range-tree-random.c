/* SPDX-License-Identifier: MIT */
/*
 * test-range-tree-random.c - the range tree against an array, many random operations
 *
 * A failure reports the seed; ACCEL_SEED=N repeats that run.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "range_tree.h"

#define STEPS 400000

/* The address space, in slots; a range begins in a slot and ends in it or a later one.
 */
#define SLOTS    4096
#define SLOT     (UINT64_C(1) << 52)
#define MAX_SPAN 4

static struct range_tree tree;
static struct range ranges[SLOTS]; /* by the slot they begin in */
static struct range *slots[SLOTS]; /* the range in each */
static uint64_t seed, state;
static unsigned step;
static size_t n_ranges;

#define CHECK(condition)                                                                 \
	cr_assert(eq(int, !!(condition), 1), "ACCEL_SEED=%lu, step %u: %s",              \
		  (unsigned long)seed, step, #condition)

/* xorshift64*: the same sequence on every machine. */
static uint64_t random_below(uint64_t n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * UINT64_C(0x2545F4914F6CDD1D) >> 8) % n;
}

/* ---- the model --------------------------------------------------------------------- */

static struct range *model_from(uint64_t address)
{
	for (size_t i = address / SLOT; i < SLOTS; i++)
		if (slots[i] && slots[i]->last >= address)
			return slots[i];
	return NULL;
}

/* The lowest aligned free place in [@first, @last]; false: none. */
static bool model_fits(uint64_t first, uint64_t last, uint64_t length, uint64_t align,
		       uint64_t *ret_first)
{
	uint64_t rest = first % align;

	if (rest && first > UINT64_MAX - (align - rest))
		return false;
	first += rest ? align - rest : 0;
	if (first > last || last - first < length - 1)
		return false;
	*ret_first = first;
	return true;
}

static int model_gap(uint64_t first, uint64_t last, uint64_t length, uint64_t align,
		     uint64_t *ret_first)
{
	struct range *range;

	while ((range = model_from(first)) && range->first <= last) {
		if (range->first > first &&
		    model_fits(first, range->first - 1, length, align, ret_first))
			return 0;
		if (range->last >= last)
			return -ENOSPC;
		first = range->last + 1;
	}
	return model_fits(first, last, length, align, ret_first) ? 0 : -ENOSPC;
}

static bool model_is_free(size_t first, size_t last)
{
	for (size_t i = first; i <= last; i++)
		if (slots[i])
			return false;
	return true;
}

/* ---- operations -------------------------------------------------------------------- */

/* Some leave a part of their slots free, so that gaps have all sizes. */
static void do_insert(void)
{
	size_t first = random_below(SLOTS), span = random_below(MAX_SPAN);
	size_t last = first + span < SLOTS ? first + span : SLOTS - 1;
	struct range *range = &ranges[first], attempt;

	attempt.first = first * SLOT + (random_below(2) ? random_below(SLOT / 4) : 0);
	attempt.last =
		last * SLOT + (SLOT - 1) - (random_below(2) ? random_below(SLOT / 4) : 0);
	if (model_is_free(first, last)) {
		*range = attempt;
		CHECK(range_tree_insert(&tree, range) == 0);
		for (size_t i = first; i <= last; i++)
			slots[i] = range;
		n_ranges++;
	} else if (model_from(attempt.first) &&
		   model_from(attempt.first)->first <= attempt.last) {
		CHECK(range_tree_insert(&tree, &attempt) == -EEXIST);
	}
}

static void do_remove(void)
{
	size_t i = random_below(SLOTS);
	struct range *range = slots[i];

	if (!range)
		return;
	range_tree_remove(&tree, range);
	for (i = range->first / SLOT; i <= range->last / SLOT; i++)
		slots[i] = NULL;
	n_ranges--;
}

static void do_look_up(void)
{
	uint64_t address = random_below(SLOTS) * SLOT + random_below(SLOT);

	CHECK(range_tree_from(&tree, address) == model_from(address));
}

static void do_find_gap(void)
{
	uint64_t a = random_below(SLOTS) * SLOT + random_below(SLOT);
	uint64_t b = random_below(SLOTS) * SLOT + random_below(SLOT);
	uint64_t length = (UINT64_C(1) << random_below(58)) + random_below(1000);
	uint64_t align = UINT64_C(1) << random_below(58), expected = 1, found = 1;
	int r;

	if (random_below(2))
		a = 0;
	if (random_below(2))
		b = UINT64_MAX;
	r = model_gap(a < b ? a : b, a < b ? b : a, length, align, &expected);
	CHECK(range_tree_find_gap(&tree, a < b ? a : b, a < b ? b : a, length, align,
				  &found) == r);
	CHECK(found == expected);
}

/* ---- the test ---------------------------------------------------------------------- */

/* Phases of filling and emptying: the tree grows and shrinks by whole levels. */
static void run(void)
{
	state = seed ? seed : 1;
	for (step = 0; step < STEPS; step++) {
		uint64_t kind = random_below(8);
		bool filling = step / 20000 % 2 == 0;

		if (kind < 2)
			do_look_up();
		else if (kind == 2 && step % 8 == 0)
			do_find_gap();
		else if (filling ? kind < 7 : kind < 4)
			do_insert();
		else
			do_remove();
		CHECK(tree.n == n_ranges);
	}
	for (size_t i = 0; i < SLOTS; i++)
		if (slots[i] == &ranges[i] || (slots[i] && slots[i]->first / SLOT == i))
			range_tree_remove(&tree, slots[i]);
	CHECK(!tree.root && !tree.n);
	range_tree_finish(&tree);
}

static void choose_seed(uint64_t otherwise)
{
	const char *given = getenv("ACCEL_SEED");

	seed = given ? strtoull(given, NULL, 10) : otherwise;
}

Test(range_tree_random, fixed_seed)
{
	choose_seed(1);
	run();
}

Test(range_tree_random, new_seed)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	choose_seed((uint64_t)now.tv_nsec);
	run();
}
