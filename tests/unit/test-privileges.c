/* SPDX-License-Identifier: MIT */
/* test-privileges.c - the remaining capabilities */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/log.h"
#include "process/privileges.h"

static bool has(cap_t caps, cap_value_t capability, cap_flag_t flag)
{
	cap_flag_value_t value = CAP_CLEAR;

	cr_assert(zero(int, cap_get_flag(caps, capability, flag, &value)));
	return value == CAP_SET;
}

/* The first two are useless in a user namespace of its own. */
static bool is_kept(enum privileges_owner owner, cap_value_t capability)
{
	if (capability == CAP_SYS_ADMIN || capability == CAP_LEASE)
		return owner != PRIVILEGES_HELPER && privileges_are_initial();
	if (capability == CAP_SYS_PTRACE || capability == CAP_DAC_OVERRIDE)
		return owner != PRIVILEGES_ISOLATED;
	return capability == CAP_FOWNER && owner == PRIVILEGES_HELPER;
}

static void expect_only(enum privileges_owner owner)
{
	cap_t before = cap_get_proc(), after;

	log_set_level(LOG_ERR);
	cr_assert(zero(int, privileges_keep(owner)));
	after = cap_get_proc();
	for (cap_value_t c = 0; c < cap_max_bits(); c++) {
		bool expected = is_kept(owner, c) && has(before, c, CAP_PERMITTED);

		cr_assert(eq(int, has(after, c, CAP_PERMITTED), expected), "number %d",
			  c);
		cr_assert(eq(int, has(after, c, CAP_EFFECTIVE), expected), "number %d",
			  c);
		cr_assert(not(has(after, c, CAP_INHERITABLE)), "number %d", c);
	}
	cr_assert(eq(int, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1));
	cr_assert(zero(int, privileges_keep(owner)), "a second call fails");
	cap_free(before);
	cap_free(after);
}

Test(privileges, only_the_table_remains)
{
	expect_only(PRIVILEGES_SERVICE);
}

Test(privileges, fewer_remain_in_an_isolated_service)
{
	expect_only(PRIVILEGES_ISOLATED);
}

Test(privileges, others_remain_in_the_helper)
{
	expect_only(PRIVILEGES_HELPER);
}

Test(privileges, as_many_descriptors_as_allowed)
{
	struct rlimit limit;
	uint64_t result;

	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &limit)));
	limit.rlim_cur = 64;
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &limit)));
	result = privileges_raise_nofile();
	cr_assert(ge(u64, result, limit.rlim_max));
	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &limit)));
	cr_assert(eq(u64, limit.rlim_cur, result));
}
