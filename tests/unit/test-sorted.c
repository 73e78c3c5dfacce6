/* SPDX-License-Identifier: MIT */
/* test-sorted.c - the sorted array */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "faults.h"
#include "sorted.h"

static int *items;
static size_t n_items, room;

static void insert(int item)
{
	size_t place = sorted_place(n_items, i, items[i] < item);

	cr_assert(zero(int, array_reserve(&items, &room, n_items + 1, sizeof(*items))));
	*sorted_open(items, n_items++, place) = item;
}

static void finish(void)
{
	free(items);
}

TestSuite(sorted, .fini = finish);

Test(sorted, finds_the_place)
{
	static const int some[] = {1, 3, 3, 3, 7};
	static const struct {
		int item;
		size_t place;
	} cases[] = {{0, 0}, {1, 0}, {2, 1}, {3, 1}, {4, 4}, {7, 4}, {8, 5}};

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++)
		cr_assert(eq(sz,
			     sorted_place(ARRAY_SIZE(some), i, some[i] < cases[n].item),
			     cases[n].place));
	cr_assert(zero(sz, sorted_place(0, i, some[i] < 5)));
}

Test(sorted, inserts)
{
	for (int i = 0; i < 1000; i++)
		insert(i * 7919 % 1000);
	cr_assert(eq(sz, n_items, 1000));
	for (int i = 0; i < 1000; i++)
		cr_assert(eq(int, items[i], i));
}

Test(sorted, removes)
{
	for (int i = 0; i < 100; i++)
		insert(i);
	while (n_items > 10) {
		n_items--;
		sorted_close(items, n_items, 5);
	}
	for (int i = 0; i < 10; i++)
		cr_assert(eq(int, items[i], i < 5 ? i : i + 90));
	while (n_items) {
		n_items--;
		sorted_close(items, n_items, n_items);
	}
}

Test(sorted, reserves)
{
	size_t before;

	cr_assert(zero(int, array_reserve(&items, &room, 0, sizeof(*items))));
	cr_assert(eq(ptr, items, NULL));
	cr_assert(zero(int, array_reserve(&items, &room, 1, sizeof(*items))));
	cr_assert(ne(ptr, items, NULL));
	cr_assert(ge(sz, room, 1));
	before = room;
	cr_assert(zero(int, array_reserve(&items, &room, room, sizeof(*items))));
	cr_assert(eq(sz, room, before));
	cr_assert(zero(int, array_reserve(&items, &room, 5000, sizeof(*items))));
	cr_assert(ge(sz, room, 5000));
	before = room;
	faults_arm(1);
	cr_assert(
		eq(int, array_reserve(&items, &room, room + 1, sizeof(*items)), -ENOMEM));
	cr_assert(ne(ptr, (void *)faults_disarm(), NULL));
	cr_assert(eq(sz, room, before));
}
