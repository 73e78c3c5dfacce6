/* SPDX-License-Identifier: MIT */
/* test-limits.c - charges per user and per mount */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/limits.h"
#include "util.h"

#define THREADS 4
#define ROUNDS  5000

static struct limits limits;

static void init(void)
{
	struct limits_config config;

	limits_config_default(&config);
	config.per_uid[RES_BYTES] = 100;
	config.per_mount[RES_BYTES] = 150;
	limits_init(&limits, &config);
}

static void finish(void)
{
	limits_finish(&limits);
}

TestSuite(limits, .init = init, .fini = finish);

static int charge(uid_t uid, uint64_t bytes)
{
	return limits_charge(&limits, uid, RES_BYTES, bytes);
}

static uint64_t used(void)
{
	return limits_used(&limits, RES_BYTES);
}

Test(limits, every_resource_has_a_default)
{
	struct limits_config config;

	limits_config_default(&config);
	for (int i = 0; i < RES_COUNT; i++) {
		cr_assert(gt(u64, config.per_uid[i], 0), "resource %d", i);
		cr_assert(ge(u64, config.per_mount[i], config.per_uid[i]), "resource %d",
			  i);
	}
}

Test(limits, of_a_user)
{
	cr_assert(zero(int, charge(1, 60)));
	cr_assert(eq(int, charge(1, 41), -EDQUOT));
	cr_assert(zero(int, charge(1, 40)));
	cr_assert(eq(int, charge(1, 1), -EDQUOT));
	cr_assert(eq(u64, used(), 100));
	limits_uncharge(&limits, 1, RES_BYTES, 1);
	cr_assert(zero(int, charge(1, 1)));
}

Test(limits, of_the_mount)
{
	cr_assert(zero(int, charge(1, 100)));
	cr_assert(eq(int, charge(2, 33), -ENOSPC));
	cr_assert(zero(int, charge(2, 32)));
	cr_assert(eq(int, charge(3, 2), -ENOSPC));
	limits_uncharge(&limits, 1, RES_BYTES, 100);
	cr_assert(zero(int, charge(3, 100)));
	cr_assert(eq(u64, used(), 132));
}

/* Of 150 the last 18, here one each; who holds more gets none of them. */
Test(limits, reserve)
{
	cr_assert(zero(int, charge(1, 100)));
	cr_assert(zero(int, charge(2, 32)));
	cr_assert(eq(int, charge(2, 1), -ENOSPC));
	for (uid_t uid = 10; uid < 28; uid++)
		cr_assert(zero(int, charge(uid, 1)));
	cr_assert(eq(int, charge(10, 1), -ENOSPC));
	cr_assert(eq(int, charge(28, 1), -ENOSPC));
	cr_assert(eq(u64, used(), 150));
}

/* Where one user may have all, nothing is kept for others. */
Test(limits, no_reserve)
{
	limits.config.per_uid[RES_BYTES] = 150;
	cr_assert(zero(int, charge(1, 150)));
	cr_assert(eq(int, charge(2, 1), -ENOSPC));
}

/* The user's limit is checked first: its error is returned even if the mount is full. */
Test(limits, the_users_own_is_told_first)
{
	cr_assert(zero(int, charge(1, 100)));
	cr_assert(zero(int, charge(2, 32)));
	cr_assert(eq(int, charge(1, 1), -EDQUOT));
}

Test(limits, sums_do_not_wrap)
{
	static const uint64_t large[] = {101, INT64_MAX, UINT64_MAX - 100,
					 UINT64_MAX - 99, UINT64_MAX};

	cr_assert(zero(int, charge(1, 100)));
	for (size_t i = 0; i < ARRAY_SIZE(large); i++) {
		cr_assert(eq(int, charge(1, large[i]), -EDQUOT));
		cr_assert(eq(int, charge(2, large[i]), -EDQUOT));
	}
	cr_assert(eq(u64, used(), 100));
}

Test(limits, resources_are_apart)
{
	cr_assert(zero(int, charge(1, 100)));
	for (int i = 0; i < RES_COUNT; i++)
		if (i != RES_BYTES) {
			cr_assert(zero(u64, limits_used(&limits, i)));
			cr_assert(zero(int, limits_charge(&limits, 1, i, 1)));
		}
}

Test(limits, zero_is_free)
{
	cr_assert(zero(int, charge(1, 0)));
	limits_uncharge(&limits, 1, RES_BYTES, 0);
	cr_assert(zero(int, charge(1, 100)));
	cr_assert(zero(int, charge(1, 0)));
	cr_assert(eq(u64, used(), 100));
}

/* Otherwise a client with many uids could exhaust memory. */
Test(limits, a_user_without_charges_is_freed)
{
	for (uid_t uid = 0; uid < 1000; uid++) {
		cr_assert(eq(int, charge(uid, 101), -EDQUOT));
		cr_assert(zero(int, charge(uid, 1)));
		cr_assert(zero(int, limits_charge(&limits, uid, RES_ROOTS, 1)));
		cr_assert(eq(sz, limits.users.n_nodes, 1));
		limits_uncharge(&limits, uid, RES_BYTES, 1);
		cr_assert(eq(sz, limits.users.n_nodes, 1));
		limits_uncharge(&limits, uid, RES_ROOTS, 1);
		cr_assert(zero(sz, limits.users.n_nodes));
	}
	cr_assert(zero(int, charge(5, 1)), "cannot charge one unit");
}

Test(limits, fit_buffers)
{
	uint64_t all = limits.config.per_mount[RES_EXPORTS];

	limits_config_fit_buffers(&limits.config, UINT64_MAX);
	cr_assert(eq(u64, limits.config.per_mount[RES_EXPORTS], all));
	limits_config_fit_buffers(&limits.config, 100);
	cr_assert(eq(u64, limits.config.per_mount[RES_EXPORTS], 100));
}

/* What holds descriptors, but for what is closing or borrowed. */
static uint64_t sum_of_holders(void)
{
	static const enum resource holders[] = {RES_CONNECTIONS, RES_UNADMITTED,
						RES_TICKETS, RES_FILES};
	uint64_t sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(holders); i++) {
		uint64_t per_mount = limits.config.per_mount[holders[i]];

		sum += per_mount;
		cr_assert(gt(u64, limits.config.per_uid[holders[i]], 0));
		cr_assert(ge(u64, per_mount, limits.config.per_uid[holders[i]]));
	}
	return sum;
}

Test(limits, fit_descriptors)
{
	const struct limits_config before = limits.config;

	for (uint64_t n = 64; n < 10000; n++) {
		limits.config = before;
		limits_config_fit_descriptors(&limits.config, n);
		cr_assert(le(u64, sum_of_holders(), n - n / 8), "%u", (unsigned)n);
		cr_assert(lt(u64, limits.config.per_uid[RES_CONNECTIONS],
			     limits.config.per_mount[RES_CONNECTIONS]));
		cr_assert(eq(u64, limits.config.per_uid[RES_EXPORTS],
			     before.per_uid[RES_EXPORTS]));
	}
}

/* Nothing is lowered where all of it fits, and not one less. */
Test(limits, fit_descriptors_at_the_bound)
{
	struct limits_config before;
	uint64_t all;

	limits.config.per_mount[RES_TICKETS] = 20000;
	before = limits.config;
	all = limits_config_descriptors(&before);
	limits_config_fit_descriptors(&limits.config, all);
	cr_assert(zero(int, memcmp(&before, &limits.config, sizeof(before))));
	limits_config_fit_descriptors(&limits.config, all - 1);
	cr_assert(eq(u64, limits.config.per_mount[RES_TICKETS], (all - 1) / 16));
}

Test(limits, sums_of_descriptors_do_not_wrap)
{
	for (int i = 0; i < RES_COUNT; i++)
		limits.config.per_mount[i] = UINT64_MAX;
	cr_assert(lt(u64, limits_config_descriptors(&limits.config), UINT64_C(1) << 40));
}

static void *charge_often(void *data)
{
	uid_t uid = *(uid_t *)data;

	for (int i = 0; i < ROUNDS; i++)
		if (charge(uid, 30) == 0) {
			cr_expect(le(u64, used(), 150));
			limits_uncharge(&limits, uid, RES_BYTES, 30);
		}
	return NULL;
}

Test(limits, threads)
{
	uid_t uids[THREADS] = {1, 1, 2, 3};
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		cr_assert(zero(
			int, pthread_create(&threads[i], NULL, charge_often, &uids[i])));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	cr_assert(zero(u64, used()));
	cr_assert(zero(sz, limits.users.n_nodes));
}
