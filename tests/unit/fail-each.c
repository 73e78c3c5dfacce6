/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "fail-each.h"
#include "faults.h"
#include "fixture.h"

/* More than any operation makes. */
#define MAX_CALLS 200

static uint64_t charged(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < RES_COUNT; i++)
		sum += limits_used(&fixture_limits, i);
	return sum;
}

static bool is_settled(void *data)
{
	return charged() == *(uint64_t *)data;
}

static const char *act_with_fault(const struct operation *operation, unsigned nth)
{
	const char *failed;
	int r;

	if (operation->prepare)
		operation->prepare();
	faults_arm(nth);
	r = operation->act();
	failed = faults_disarm();
	if (!failed)
		cr_assert(zero(int, r));
	else if (!operation->can_do_without)
		cr_assert(lt(int, r, 0), "%s, call %u: not told", failed, nth);
	operation->finish(r);
	return failed;
}

/* The function that failed, NULL when the operation makes fewer than @nth calls. */
static const char *fail_nth(const struct operation *operation, unsigned nth)
{
	uint64_t charged_before = charged();
	unsigned fds = count_fds();
	long live = faults_live_allocations();
	const char *failed = act_with_fault(operation, nth);

	cr_assert(wait_until(is_settled, &charged_before), "%s, call %u: stays charged",
		  failed, nth);
	cr_assert(eq(uint, count_fds(), fds), "%s, call %u: descriptors", failed, nth);
	cr_assert(eq(long, faults_live_allocations(), live), "%s, call %u: memory",
		  failed, nth);
	return failed;
}

void fail_each(const struct operation *operation)
{
	unsigned nth = 1;

	/* What is kept for ever is allocated now. */
	cr_assert(eq(ptr, (void *)act_with_fault(operation, MAX_CALLS), NULL));
	while (fail_nth(operation, nth))
		cr_assert(lt(uint, ++nth, MAX_CALLS));
	cr_assert(gt(uint, nth, 1), "nothing could fail");
}
