/* SPDX-License-Identifier: MIT */
/* test-range-tree.c - disjoint ranges, and the gaps between them */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "range_tree.h"
#include "util.h"

#define MANY 20000
#define END  UINT64_MAX

static struct range_tree tree;
static struct range ranges[MANY];

static void finish(void)
{
	range_tree_finish(&tree);
	cr_assert(zero(long, faults_live_allocations()));
}

TestSuite(range_tree, .fini = finish);

static int insert(struct range *range, uint64_t first, uint64_t last)
{
	*range = (struct range){.first = first, .last = last};
	return range_tree_insert(&tree, range);
}

static void add(size_t i, uint64_t first, uint64_t last)
{
	cr_assert(zero(int, insert(&ranges[i], first, last)));
}

static void expect_gap(uint64_t first, uint64_t last, uint64_t length, uint64_t align,
		       uint64_t expected)
{
	uint64_t found = 0x77;

	cr_expect(zero(int,
		       range_tree_find_gap(&tree, first, last, length, align, &found)));
	cr_expect(eq(u64, found, expected));
}

static void expect_none(uint64_t first, uint64_t last, uint64_t length, uint64_t align)
{
	uint64_t found = 0x77;

	cr_expect(eq(int, range_tree_find_gap(&tree, first, last, length, align, &found),
		     -ENOSPC));
	cr_expect(eq(u64, found, 0x77));
}

/* The next number of a portable generator. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

static void shuffle(size_t *order, size_t n, uint64_t *state)
{
	for (size_t i = 0; i < n; i++) {
		size_t j = next_random(state) % (i + 1);

		order[i] = order[j];
		order[j] = i;
	}
}

/* ---- one range, or a few ----------------------------------------------------------- */

Test(range_tree, empty)
{
	cr_assert(eq(ptr, range_tree_from(&tree, 0), NULL));
	cr_assert(eq(ptr, range_tree_from(&tree, END), NULL));
	expect_gap(0, END, 1, 1, 0);
	expect_gap(0, END, END, 1, 0);
	expect_gap(5, END, END - 4, 1, 5);
	expect_gap(END, END, 1, 1, END);
	expect_none(5, END, END - 3, 1);
	expect_none(END, END, 2, 1);
	expect_none(10, 9, 1, 1);
}

Test(range_tree, finds_the_range_that_reaches)
{
	add(0, 100, 199);
	add(1, 300, 300);
	cr_assert(eq(ptr, range_tree_from(&tree, 0), &ranges[0]));
	cr_assert(eq(ptr, range_tree_from(&tree, 100), &ranges[0]));
	cr_assert(eq(ptr, range_tree_from(&tree, 199), &ranges[0]));
	cr_assert(eq(ptr, range_tree_from(&tree, 200), &ranges[1]));
	cr_assert(eq(ptr, range_tree_from(&tree, 300), &ranges[1]));
	cr_assert(eq(ptr, range_tree_from(&tree, 301), NULL));
}

Test(range_tree, refuses_overlap)
{
	struct range other;

	add(0, 100, 199);
	add(1, 300, 399);
	cr_expect(eq(int, insert(&other, 100, 199), -EEXIST));
	cr_expect(eq(int, insert(&other, 150, 160), -EEXIST));
	cr_expect(eq(int, insert(&other, 0, 100), -EEXIST));
	cr_expect(eq(int, insert(&other, 199, 299), -EEXIST));
	cr_expect(eq(int, insert(&other, 200, 300), -EEXIST));
	cr_expect(eq(int, insert(&other, 0, END), -EEXIST));
	cr_expect(eq(int, insert(&other, 399, 399), -EEXIST));
	cr_assert(eq(sz, tree.n, 2));
	add(2, 200, 299);
	add(3, 0, 99);
	add(4, 400, END);
	cr_assert(eq(sz, tree.n, 5));
}

Test(range_tree, whole_space)
{
	struct range other;

	add(0, 0, END);
	cr_expect(eq(int, insert(&other, END, END), -EEXIST));
	cr_expect(eq(ptr, range_tree_from(&tree, END), &ranges[0]));
	expect_none(0, END, 1, 1);
	expect_none(END, END, 1, 1);
	range_tree_remove(&tree, &ranges[0]);
	cr_assert(eq(ptr, tree.root, NULL));
	cr_assert(zero(sz, tree.n));
	cr_assert(zero(uint, tree.height));
}

/* ---- gaps -------------------------------------------------------------------------- */

Test(range_tree, lowest_gap_wins)
{
	add(0, 10, 19);
	add(1, 30, 39);
	add(2, 45, 99);
	expect_gap(0, END, 10, 1, 0);
	expect_gap(1, END, 10, 1, 20);
	expect_gap(0, END, 11, 1, 100);
	expect_gap(12, END, 5, 1, 20);
	expect_gap(26, END, 5, 1, 40);
	expect_gap(26, END, 4, 1, 26);
	expect_gap(0, END, 5, 16, 0);
	expect_gap(1, END, 5, 8, 24);
	expect_gap(1, END, 6, 4, 4);
	expect_gap(1, END, 7, 4, 20);
	expect_gap(1, END, 6, 32, 128);
}

Test(range_tree, gap_within_bounds)
{
	add(0, 10, 19);
	expect_gap(0, 9, 10, 1, 0);
	expect_none(0, 9, 11, 1);
	expect_none(5, 14, 6, 1);
	expect_gap(15, 29, 10, 1, 20);
	expect_none(15, 29, 11, 1);
	expect_none(15, 28, 10, 1);
	expect_none(12, 18, 1, 1);
	expect_none(19, 19, 1, 1);
	expect_gap(20, 20, 1, 1, 20);
}

Test(range_tree, gap_at_the_very_end)
{
	add(0, 0, END - 4096);
	expect_gap(0, END, 4096, 4096, END - 4095);
	expect_none(0, END, 4097, 1);
	/* Rounding up exceeds the end. */
	expect_none(0, END, 1, 8192 * 2);
	expect_none(END - 1, END, 1, 4096);
	add(1, END - 4095, END - 1);
	expect_gap(0, END, 1, 1, END);
	expect_none(0, END - 1, 1, 1);
	add(2, END, END);
	expect_none(0, END, 1, 1);
}

Test(range_tree, gap_with_the_greatest_alignment)
{
	add(0, 0, 0);
	expect_gap(0, END, 1, 1ULL << 63, 1ULL << 63);
	add(1, 1ULL << 63, 1ULL << 63);
	expect_none(0, END, 1, 1ULL << 63);
	expect_gap(0, END, 1, 1ULL << 62, 1ULL << 62);
}

/* Gaps that are long enough but not aligned are skipped. */
Test(range_tree, gaps_that_are_not_aligned)
{
	for (uint64_t i = 0; i < 5000; i++)
		add(i, i * 16, i * 16 + 4);
	expect_gap(0, END, 8, 16, 80000);
	expect_gap(0, END, 8, 8, 8);
	range_tree_remove(&tree, &ranges[3210]);
	expect_gap(0, END, 8, 16, 3210 * 16);
	expect_gap(0, END, 27, 1, 3209 * 16 + 5);
	expect_gap(0, END, 28, 1, 4999 * 16 + 5);
}

/* ---- many ranges ------------------------------------------------------------------- */

static void expect_all(size_t n)
{
	const struct range *range = range_tree_from(&tree, 0);
	uint64_t last = 0;

	for (size_t i = 0; i < n; i++) {
		cr_assert(not(eq(ptr, (void *)range, NULL)));
		cr_assert(i == 0 || range->first > last);
		last = range->last;
		range = last < END ? range_tree_from(&tree, last + 1) : NULL;
	}
	cr_assert(eq(ptr, (void *)range, NULL));
	cr_assert(eq(sz, tree.n, n));
}

static void fill_and_empty(const size_t *in, const size_t *out)
{
	for (size_t i = 0; i < MANY; i++)
		add(in[i], in[i] * 100, in[i] * 100 + 49);
	cr_assert(le(uint, tree.height, 5));
	expect_all(MANY);
	for (size_t i = 0; i < MANY; i++) {
		range_tree_remove(&tree, &ranges[out[i]]);
		if (i % 1000 == 0)
			expect_all(MANY - i - 1);
		/* The remaining ranges are packed densely. */
		if (MANY - i - 1 < 8)
			cr_assert(le(uint, tree.height, 1));
	}
	cr_assert(eq(ptr, tree.root, NULL));
	cr_assert(zero(long, faults_live_allocations()));
}

static size_t up[MANY], down[MANY], mixed[MANY], mixed_too[MANY];

static void init_orders(void)
{
	uint64_t state = 99;

	for (size_t i = 0; i < MANY; i++) {
		up[i] = i;
		down[i] = MANY - 1 - i;
	}
	shuffle(mixed, MANY, &state);
	shuffle(mixed_too, MANY, &state);
}

Test(range_tree, every_order, .init = init_orders)
{
	fill_and_empty(up, up);
	fill_and_empty(up, down);
	fill_and_empty(down, up);
	fill_and_empty(up, mixed);
	fill_and_empty(mixed, down);
	fill_and_empty(mixed, mixed_too);
}

/* A tree filled in ascending order is not half empty: 20000 / 24 leaves. */
Test(range_tree, ascending_ranges_are_dense, .init = init_orders)
{
	for (size_t i = 0; i < MANY; i++)
		add(i, i * 100, i * 100 + 49);
	cr_assert(lt(long, faults_live_allocations(), MANY / 22));
}

/* ---- failed allocations ------------------------------------------------------------ */

/* Inserts with the first allocation failing, then the second, until none fails. */
static unsigned insert_with_faults(size_t i)
{
	struct range_tree before = tree;
	unsigned failures = 0;
	uint64_t gap = 0, gap_before = 0;
	long live = faults_live_allocations();

	range_tree_find_gap(&tree, 0, END, 50, 1, &gap_before);
	for (;;) {
		const char *failed;
		int r;

		faults_arm(failures + 1);
		r = insert(&ranges[i], i * 100, i * 100 + 49);
		failed = faults_disarm();
		if (!failed) {
			cr_assert(zero(int, r));
			return failures;
		}
		cr_assert(eq(int, r, -ENOMEM));
		cr_assert(zero(int, memcmp(&before, &tree, sizeof(tree))));
		range_tree_find_gap(&tree, 0, END, 50, 1, &gap);
		cr_assert(eq(u64, gap, gap_before));
		cr_assert(eq(long, faults_live_allocations(), live));
		failures++;
	}
}

Test(range_tree, no_memory, .init = init_orders)
{
	unsigned most = 0;

	for (size_t i = 0; i < MANY; i++) {
		unsigned failures = insert_with_faults(mixed[i]);

		most = MAX(most, failures);
		if (i % 5000 == 0)
			expect_all(i + 1);
	}
	/* Some inserts split several nodes. */
	cr_assert(ge(uint, most, 3));
	expect_all(MANY);
}
