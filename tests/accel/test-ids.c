/* SPDX-License-Identifier: MIT */
/* test-ids.c - the allocator of unique numbers */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <stdbool.h>

#include "faults.h"
#include "ids.h"

static struct accel_ids ids;

static void finish(void)
{
	accel_ids_finish(&ids);
}

TestSuite(accel_ids, .fini = finish);

static uint32_t get(void)
{
	uint32_t id = 0;

	cr_assert(zero(int, accel_ids_get(&ids, &id)));
	return id;
}

Test(accel_ids, begin_with_one)
{
	accel_ids_init(&ids, 16);
	for (uint32_t i = 1; i < 200; i++)
		cr_assert(eq(u32, get(), i));
	cr_assert(eq(u32, ids.n_used, 199));
}

Test(accel_ids, of_one_bit)
{
	uint32_t id = 77;

	accel_ids_init(&ids, 1);
	cr_assert(eq(u32, get(), 1));
	cr_assert(eq(int, accel_ids_get(&ids, &id), -ENOSPC));
	cr_assert(eq(u32, id, 77));
	accel_ids_put(&ids, 1);
	cr_assert(eq(u32, get(), 1));
}

static void use_up(unsigned bits)
{
	uint32_t id = 0, max = (1U << bits) - 1;

	accel_ids_init(&ids, bits);
	for (uint32_t i = 1; i <= max; i++)
		cr_assert(eq(u32, get(), i));
	cr_assert(eq(int, accel_ids_get(&ids, &id), -ENOSPC));
	cr_assert(zero(u32, id));
	/* The only free one is found wherever it is. */
	for (uint32_t i = 1; i <= max; i += max / 7 + 1) {
		accel_ids_put(&ids, i);
		cr_assert(eq(u32, get(), i));
		cr_assert(eq(int, accel_ids_get(&ids, &id), -ENOSPC));
	}
	accel_ids_put(&ids, max);
	cr_assert(eq(u32, get(), max));
	accel_ids_finish(&ids);
}

Test(accel_ids, can_all_be_used)
{
	static const unsigned widths[] = {2, 5, 6, 7, 16, 20};

	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
		use_up(widths[i]);
}

Test(accel_ids, are_reused_as_late_as_possible)
{
	accel_ids_init(&ids, 8);
	for (unsigned round = 0; round < 3; round++)
		for (uint32_t i = 1; i <= 255; i++) {
			cr_assert(eq(u32, get(), i));
			accel_ids_put(&ids, i);
		}
	cr_assert(zero(u32, ids.n_used));
}

Test(accel_ids, skip_what_is_in_use)
{
	accel_ids_init(&ids, 8);
	for (uint32_t i = 1; i <= 255; i++)
		get();
	accel_ids_put(&ids, 200);
	accel_ids_put(&ids, 3);
	accel_ids_put(&ids, 64);
	cr_assert(eq(u32, get(), 3));
	cr_assert(eq(u32, get(), 64));
	cr_assert(eq(u32, get(), 200));
}

Test(accel_ids, memory_is_for_what_is_used)
{
	accel_ids_init(&ids, 20);
	for (int i = 0; i < 100; i++)
		get();
	cr_assert(le(u32, ids.n_words, 8));
}

Test(accel_ids, no_memory)
{
	uint32_t id = 77;

	accel_ids_init(&ids, 16);
	faults_arm(1);
	cr_assert(eq(int, accel_ids_get(&ids, &id), -ENOMEM));
	cr_assert(not(eq(ptr, (void *)faults_disarm(), NULL)));
	cr_assert(eq(u32, id, 77));
	for (uint32_t i = 1; i <= 63; i++)
		cr_assert(eq(u32, get(), i));
	faults_arm(1);
	cr_assert(eq(int, accel_ids_get(&ids, &id), -ENOMEM));
	faults_disarm();
	cr_assert(eq(u32, ids.n_used, 63));
	cr_assert(eq(u32, get(), 64));
}

/* Compares with an array of flags. */
Test(accel_ids, random)
{
	static bool used[1U << 10];
	uint32_t state = 12345, n = 0;

	accel_ids_init(&ids, 10);
	for (int i = 0; i < 200000; i++) {
		uint32_t id;

		state = state * 1664525 + 1013904223;
		id = state >> 22;
		/* Phases with more gets, then more puts: it fills and empties. */
		if ((state >> 8) % 8 < (i & 0x4000 ? 3 : 5)) {
			if (accel_ids_get(&ids, &id) < 0) {
				cr_assert(eq(u32, n, 1023));
				continue;
			}
			cr_assert(id >= 1 && id <= 1023 && !used[id]);
			used[id] = true;
			n++;
		} else if (used[id]) {
			accel_ids_put(&ids, id);
			used[id] = false;
			n--;
		}
		cr_assert(eq(u32, ids.n_used, n));
	}
}
