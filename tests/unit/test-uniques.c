/* SPDX-License-Identifier: MIT */
/* test-uniques.c - a set of keys */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>

#include "faults.h"
#include "store/uniques.h"

#define MANY 20000

static struct uniques set;

static void stop(void)
{
	uniques_finish(&set);
}

TestSuite(uniques, .fini = stop);

Test(uniques, an_empty_one_has_nothing)
{
	cr_assert(eq(u32, uniques_find(&set, 1, 0), UNIQUES_NONE));
	cr_assert(zero(int, uniques_reserve(&set, 0)));
	cr_assert(eq(u32, uniques_find(&set, 1, 0), UNIQUES_NONE));
}

Test(uniques, finds_what_was_added)
{
	cr_assert(zero(int, uniques_reserve(&set, MANY)));
	for (uint32_t i = 1; i <= MANY / 2; i++) {
		cr_assert(uniques_add(&set, i * UINT64_C(2), 1, i));
		cr_assert(uniques_add(&set, i * UINT64_C(2), 2, i + 1));
	}
	for (uint32_t i = 1; i <= MANY / 2; i++) {
		cr_assert(eq(u32, uniques_find(&set, i * UINT64_C(2), 1), i));
		cr_assert(eq(u32, uniques_find(&set, i * UINT64_C(2), 2), i + 1));
		cr_assert(eq(u32, uniques_find(&set, i * UINT64_C(2), 3), UNIQUES_NONE));
		cr_assert(eq(u32, uniques_find(&set, i * UINT64_C(2) + 1, 1),
			     UNIQUES_NONE));
	}
}

/* So many equal keys cost no more than others. */
Test(uniques, a_key_is_added_once)
{
	cr_assert(zero(int, uniques_reserve(&set, MANY)));
	cr_assert(uniques_add(&set, 5, 1, 10));
	for (uint32_t i = 0; i < 100 * MANY; i++)
		cr_assert(not(uniques_add(&set, 5, 1, i)));
	cr_assert(eq(u32, uniques_find(&set, 5, 1), 10));
	cr_assert(not(uniques_add(&set, 0, 1, 1)));
	cr_assert(eq(u32, uniques_find(&set, 0, 1), UNIQUES_NONE));
}

/* Keys that differ in some bits only do not meet at one place: it would take minutes. */
Test(uniques, any_bits_make_a_difference)
{
	cr_assert(zero(int, uniques_reserve(&set, 64 * MANY)));
	for (unsigned shift = 0; shift <= 44; shift += 11) {
		for (uint64_t i = 1; i <= 10 * MANY; i++)
			uniques_add(&set, i << shift, 1 + shift, (uint32_t)i);
		for (uint64_t i = 1; i <= 10 * MANY; i++)
			cr_assert(eq(u32, uniques_find(&set, i << shift, 1 + shift), i));
	}
}

Test(uniques, keeps_its_keys_as_it_grows)
{
	for (uint32_t i = 1; i <= 1000; i++) {
		cr_assert(zero(int, uniques_reserve(&set, i)));
		cr_assert(uniques_add(&set, i, 0, i));
	}
	for (uint32_t i = 1; i <= 1000; i++)
		cr_assert(eq(u32, uniques_find(&set, i, 0), i));
	cr_assert(eq(sz, set.n, 1000));
}

Test(uniques, memory_can_run_out)
{
	cr_assert(zero(int, uniques_reserve(&set, 10)));
	cr_assert(uniques_add(&set, 1, 0, 1));
	faults_arm(1);
	cr_assert(eq(int, uniques_reserve(&set, 1000), -ENOMEM));
	faults_disarm();
	cr_assert(eq(u32, uniques_find(&set, 1, 0), 1));
}
