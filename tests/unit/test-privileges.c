/* SPDX-License-Identifier: MIT */
/* test-privileges.c - the remaining capabilities */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/log.h"
#include "process/privileges.h"

static const cap_value_t kept[] = {CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_FOWNER,
				   CAP_DAC_OVERRIDE};

static bool has(cap_t caps, cap_value_t capability, cap_flag_t flag)
{
	cap_flag_value_t value = CAP_CLEAR;

	cr_assert(zero(int, cap_get_flag(caps, capability, flag, &value)));
	return value == CAP_SET;
}

static bool is_kept(cap_value_t capability)
{
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (kept[i] == capability)
			return true;
	/* CAP_LEASE is useless in a user namespace of its own. */
	return capability == CAP_LEASE && privileges_are_initial();
}

Test(privileges, only_the_table_remains)
{
	cap_t before = cap_get_proc(), after;

	log_set_level(LOG_ERR);
	cr_assert(zero(int, privileges_drop()));
	after = cap_get_proc();
	for (cap_value_t c = 0; c < cap_max_bits(); c++) {
		bool expected = is_kept(c) && has(before, c, CAP_PERMITTED);

		cr_assert(eq(int, has(after, c, CAP_PERMITTED), expected), "number %d",
			  c);
		cr_assert(eq(int, has(after, c, CAP_EFFECTIVE), expected), "number %d",
			  c);
		cr_assert(not(has(after, c, CAP_INHERITABLE)), "number %d", c);
	}
	cr_assert(eq(int, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1));
	cr_assert(zero(int, privileges_drop()), "a second call fails");
	cap_free(before);
	cap_free(after);
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
