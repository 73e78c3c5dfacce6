/* SPDX-License-Identifier: MIT */
/* test-clock.c - the monotonic clock */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "clock.h"

Test(clock, goes_on)
{
	uint64_t before = now_ns(), before_ms = now_ms();
	struct timespec now;

	cr_assert(zero(int, clock_gettime(CLOCK_MONOTONIC, &now)));
	cr_assert(
		le(u64, before, (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec));
	cr_assert(le(u64, before, now_ns()));
	cr_assert(le(u64, before_ms, now_ms()));
	cr_assert(le(u64, before / NS_PER_MS, before_ms));
}

Test(clock, converts)
{
	struct timespec time = timespec_of_ns(UINT64_C(5000000001));

	cr_assert(eq(long, time.tv_sec, 5));
	cr_assert(eq(long, time.tv_nsec, 1));
	time = timespec_of_ns(NS_PER_S - 1);
	cr_assert(zero(long, time.tv_sec));
	cr_assert(eq(long, time.tv_nsec, 999999999));
}

Test(clock, sets_deadlines)
{
	uint64_t earliest = now_ns() + 1500 * NS_PER_MS;
	struct timespec time = deadline_ms(1500);
	uint64_t ns = (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;

	cr_assert(ge(u64, ns, earliest));
	cr_assert(le(u64, ns, now_ns() + 1500 * NS_PER_MS));
	cr_assert(lt(long, time.tv_nsec, (long)NS_PER_S));
}
