/* SPDX-License-Identifier: MIT */
/* test-slots.c - which slots are in use */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <stdlib.h>

#include "faults.h"
#include "store/slots.h"
#include "util.h"

static struct slots slots;

static void start(uint32_t capacity)
{
	cr_assert(zero(int, slots_init(&slots, capacity)));
}

static void stop(void)
{
	slots_finish(&slots);
}

TestSuite(slots, .fini = stop);

/* Puts the slot back and lets it rest no longer. */
static void put_at_once(uint32_t slot)
{
	slots_unclaim(&slots, slot);
}

static void take_all(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		cr_assert(eq(u32, slots_take(&slots), i));
	cr_assert(eq(u32, slots_take(&slots), SLOTS_NONE));
}

/* The last word of a level is full, or has one bit, or all but one. */
Test(slots, all_can_be_taken)
{
	static const uint32_t sizes[] = {1, 2, 63, 64, 65, 4095, 4096, 4097, 262144};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		start(sizes[i]);
		take_all(sizes[i]);
		cr_assert(eq(u32, slots.high, sizes[i]));
		slots_finish(&slots);
	}
}

Test(slots, the_lowest_is_taken)
{
	start(5000);
	take_all(5000);
	put_at_once(4711);
	put_at_once(70);
	put_at_once(4097);
	cr_assert(eq(u32, slots_take(&slots), 70));
	cr_assert(eq(u32, slots_take(&slots), 4097));
	cr_assert(eq(u32, slots_take(&slots), 4711));
	cr_assert(eq(u32, slots_take(&slots), SLOTS_NONE));
}

Test(slots, a_slot_rests_before_it_is_taken_again)
{
	start(1000);
	for (int i = 0; i < 200; i++)
		slots_take(&slots);
	for (uint32_t i = 0; i < SLOTS_REST; i++)
		slots_put(&slots, i);
	cr_assert(eq(u32, slots_take(&slots), 200));
	slots_put(&slots, 150);
	cr_assert(eq(u32, slots_take(&slots), 0));
	cr_assert(eq(u32, slots_take(&slots), 201));
}

Test(slots, without_others_a_resting_one_is_taken)
{
	start(3);
	take_all(3);
	slots_put(&slots, 2);
	slots_put(&slots, 0);
	cr_assert(eq(u32, slots_take(&slots), 2), "not the oldest");
	cr_assert(eq(u32, slots_take(&slots), 0));
	cr_assert(eq(u32, slots_take(&slots), SLOTS_NONE));
}

Test(slots, the_high_mark_falls)
{
	start(4096);
	for (int i = 0; i < 1000; i++)
		slots_take(&slots);
	put_at_once(500);
	cr_assert(eq(u32, slots.high, 1000));
	for (uint32_t i = 999; i > 640; i--)
		put_at_once(i);
	cr_assert(eq(u32, slots.high, 641));
	for (uint32_t i = 0; i < 640; i++)
		if (i != 500)
			put_at_once(i);
	cr_assert(eq(u32, slots.high, 641));
	put_at_once(640);
	cr_assert(eq(u32, slots.high, 0));
}

Test(slots, one_can_be_claimed_once)
{
	start(100);
	cr_assert(slots_claim(&slots, 99));
	cr_assert(not(slots_claim(&slots, 99)));
	cr_assert(not(slots_claim(&slots, 100)));
	cr_assert(not(slots_claim(&slots, UINT32_MAX)));
	cr_assert(slots_is_used(&slots, 99));
	cr_assert(not(slots_is_used(&slots, 98)));
	cr_assert(not(slots_is_used(&slots, 100)));
	cr_assert(eq(u32, slots.high, 100));
}

Test(slots, finds_the_next)
{
	start(300);
	cr_assert(eq(u32, slots_next_used(&slots, 0), SLOTS_NONE));
	cr_assert(eq(u32, slots_next_free(&slots, 299), 299));
	cr_assert(eq(u32, slots_next_free(&slots, 300), SLOTS_NONE));
	slots_claim(&slots, 0);
	slots_claim(&slots, 64);
	slots_claim(&slots, 299);
	cr_assert(eq(u32, slots_next_used(&slots, 0), 0));
	cr_assert(eq(u32, slots_next_used(&slots, 1), 64));
	cr_assert(eq(u32, slots_next_used(&slots, 65), 299));
	cr_assert(eq(u32, slots_next_used(&slots, 300), SLOTS_NONE));
	cr_assert(eq(u32, slots_next_free(&slots, 0), 1));
	cr_assert(eq(u32, slots_next_free(&slots, 299), SLOTS_NONE));
}

/* Against an array of flags. */
Test(slots, agree_with_a_model)
{
	static bool used[700];
	unsigned seed = 1;

	start(ARRAY_SIZE(used));
	for (int i = 0; i < 100000; i++) {
		uint32_t slot = (uint32_t)rand_r(&seed) % ARRAY_SIZE(used), high = 0;

		if (used[slot])
			put_at_once(slot);
		else
			cr_assert(slots_claim(&slots, slot));
		used[slot] = !used[slot];
		for (uint32_t j = 0; i % 100 == 0 && j < ARRAY_SIZE(used); j++) {
			cr_assert(eq(int, slots_is_used(&slots, j), used[j]));
			high = used[j] ? j + 1 : high;
		}
		if (i % 100 == 0)
			cr_assert(eq(u32, slots.high, high));
	}
}

Test(slots, memory_can_run_out)
{
	unsigned nth = 1;

	for (;; nth++) {
		int r;

		faults_arm(nth);
		r = slots_init(&slots, 70000);
		if (!faults_disarm()) {
			cr_assert(zero(int, r));
			break;
		}
		cr_assert(eq(int, r, -ENOMEM));
	}
	cr_assert(eq(uint, nth, 4), "three levels");
}
