/* SPDX-License-Identifier: MIT */
/* test-identities.c - handles and their tokens */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <string.h>

#include "names/identities.h"
#include "fixture.h"

static struct limits limits;
static struct identities identities;
static const struct identity who = {{UID_A, 1}, {7, 8}};

static void init(void)
{
	struct limits_config config;

	cr_assert(ge(int, sodium_init(), 0));
	limits_config_default(&config);
	config.per_uid[RES_ROOTS] = 2;
	limits_init(&limits, &config);
	identities_init(&identities, &limits, fixture_ledger());
}

static void finish(void)
{
	cr_assert(zero(sz, identities.by_token.n_nodes));
	cr_assert(zero(sz, identities.by_id.n_nodes));
	identities_finish(&identities);
	cr_assert(zero(u64, limits_used(&limits, RES_ROOTS)));
	limits_finish(&limits);
}

TestSuite(identities, .init = init, .fini = finish);

static uint64_t open_one(void)
{
	uint64_t handle = 0;

	cr_assert(zero(int, identities_open(&identities, &who, 0, &handle)));
	return handle;
}

Test(identities, good_once)
{
	uint64_t handle = open_one();
	uint8_t token[DMABUFFS_TOKEN_SIZE];
	struct identity got;
	uint64_t of;

	cr_assert(zero(int, identities_make_token(&identities, handle, token)));
	cr_assert(zero(
		int, identities_take_token(&identities, token, who.process, &got, &of)));
	cr_assert(eq(uint, got.owner.uid, 7));
	cr_assert(eq(uint, got.owner.gid, 8));
	cr_assert(eq(int,
		     identities_take_token(&identities, token, who.process, &got, &of),
		     -ENOENT));
	identities_close(&identities, handle);
}

Test(identities, only_for_its_process_ids)
{
	uint64_t handle = open_one();
	uint8_t token[DMABUFFS_TOKEN_SIZE];
	struct identity got;
	uint64_t of;
	struct ids others[] = {{UID_B, 1}, {UID_A, 2}, {7, 8}, {0, 0}};

	cr_assert(zero(int, identities_make_token(&identities, handle, token)));
	for (size_t i = 0; i < 4; i++)
		cr_assert(eq(
			int,
			identities_take_token(&identities, token, others[i], &got, &of),
			-EPERM));
	cr_assert(zero(
		int, identities_take_token(&identities, token, who.process, &got, &of)));
	identities_close(&identities, handle);
}

Test(identities, one_token_a_handle)
{
	uint64_t handle = open_one();
	uint8_t first[DMABUFFS_TOKEN_SIZE], second[DMABUFFS_TOKEN_SIZE];
	struct identity got;
	uint64_t of;

	cr_assert(zero(int, identities_make_token(&identities, handle, first)));
	cr_assert(zero(int, identities_make_token(&identities, handle, second)));
	cr_assert(ne(int, memcmp(first, second, sizeof(first)), 0));
	cr_assert(eq(sz, identities.by_token.n_nodes, 1));
	cr_assert(eq(int,
		     identities_take_token(&identities, first, who.process, &got, &of),
		     -ENOENT));
	identities_close(&identities, handle);
	cr_assert(eq(int,
		     identities_take_token(&identities, second, who.process, &got, &of),
		     -ENOENT));
}

Test(identities, limited)
{
	uint64_t a = open_one(), b = open_one(), c;

	cr_assert(eq(int, identities_open(&identities, &who, 0, &c), -EDQUOT));
	identities_close(&identities, a);
	a = open_one();
	identities_close(&identities, a);
	identities_close(&identities, b);
}
