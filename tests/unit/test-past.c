/* SPDX-License-Identifier: MIT */
/* test-past.c - why the names of late ended */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <string.h>

#include "names/past.h"
#include "fixture.h"

#define MANY 100000

static struct past past;

static void start(void)
{
	cr_assert(ge(int, sodium_init(), 0));
	past_init(&past, fixture_ledger(), false);
}

static void stop(void)
{
	past_finish(&past);
}

TestSuite(past, .init = start, .fini = stop);

static void make_uuid(uint32_t number, uint8_t ret_uuid[DMABUFFS_UUID_SIZE])
{
	memset(ret_uuid, 0, DMABUFFS_UUID_SIZE);
	memcpy(ret_uuid, &number, sizeof(number));
}

static int find(uint32_t number)
{
	uint8_t uuid[DMABUFFS_UUID_SIZE];

	make_uuid(number, uuid);
	return past_find(&past, uuid);
}

static void add(uint32_t number, enum dmabuffs_ended_cause cause)
{
	uint8_t uuid[DMABUFFS_UUID_SIZE];

	make_uuid(number, uuid);
	past_add(&past, uuid, cause);
}

Test(past, knows_the_cause)
{
	add(1, DMABUFFS_ENDED_WITHDRAWN);
	add(2, DMABUFFS_ENDED_CLOSED);
	cr_assert(eq(int, find(1), DMABUFFS_ENDED_WITHDRAWN));
	cr_assert(eq(int, find(2), DMABUFFS_ENDED_CLOSED));
	add(1, DMABUFFS_ENDED_REVOKED);
	cr_assert(eq(int, find(1), DMABUFFS_ENDED_REVOKED));
}

/* The zero UUID is that of an unused entry. */
Test(past, does_not_know_others)
{
	cr_assert(eq(int, find(0), -ENOENT));
	add(1, DMABUFFS_ENDED_WITHDRAWN);
	for (uint32_t i = 2; i < MANY; i++)
		cr_assert(eq(int, find(i), -ENOENT));
}

/* Its memory is bounded: older names are replaced, the last one never. */
Test(past, keeps_thousands)
{
	unsigned n_known = 0;

	for (uint32_t i = 1; i <= MANY; i++) {
		add(i, DMABUFFS_ENDED_UNLINKED);
		cr_assert(eq(int, find(i), DMABUFFS_ENDED_UNLINKED));
	}
	for (uint32_t i = 1; i <= MANY; i++)
		n_known += find(i) > 0;
	cr_assert(ge(uint, n_known, 10000));
	cr_assert(le(uint, n_known, 32768));
}
