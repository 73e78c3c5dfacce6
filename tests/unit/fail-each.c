/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../support/fds.h"
#include "fail-each.h"
#include "faults.h"

/* more than any operation makes */
#define MAX_CALLS 200

/* Must be equal before and after. */
struct balance {
	uint64_t charged;
	unsigned fds;
	long live;
};

static struct balance take_balance(void)
{
	return (struct balance){fixture_charged(), count_fds(),
				faults_live_allocations()};
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
		cr_assert(lt(int, r, 0), "%s, call %u: failure not reported", failed,
			  nth);
	operation->finish(r);
	return failed;
}

/*
 * Returns the function that failed, or NULL if the operation makes fewer than @nth calls.
 */
static const char *fail_nth(const struct operation *operation, unsigned nth)
{
	struct balance before = take_balance(), after;
	const char *failed = act_with_fault(operation, nth);

	after = take_balance();
	cr_expect(eq(u64, after.charged, before.charged), "%s, call %u: charges differ",
		  failed, nth);
	cr_expect(eq(uint, after.fds, before.fds), "%s, call %u: descriptors", failed,
		  nth);
	cr_assert(eq(long, after.live, before.live), "%s, call %u: memory", failed, nth);
	return failed;
}

void fail_each(const struct operation *operation)
{
	unsigned nth = 1;

	/* The first run makes the allocations that last as long as the process. */
	cr_assert(eq(ptr, (void *)act_with_fault(operation, MAX_CALLS), NULL));
	while (fail_nth(operation, nth))
		cr_assert(lt(uint, ++nth, MAX_CALLS));
	cr_assert(gt(uint, nth, 1), "no call could fail");
}
