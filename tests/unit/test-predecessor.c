/* SPDX-License-Identifier: MIT */
/* test-predecessor.c - which process a ledger belongs to */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <sys/wait.h>

#include "base/log.h"
#include "process/predecessor.h"
#include "fixture.h"

static struct ledger *ledger;

static void init(void)
{
	log_set_level(LOG_CRIT);
	fixture_init();
	ledger = fixture_ledger();
	ledger->header->owner = 0;
}

static pid_t pid_of_owner(void)
{
	return (pid_t)(uint32_t)ledger->header->owner;
}

TestSuite(predecessor, .init = init, .fini = fixture_finish, .timeout = 30);

Test(predecessor, a_new_ledger_belongs_to_its_maker)
{
	cr_assert(zero(int, predecessor_become(ledger, 0)));
	cr_assert(eq(int, pid_of_owner(), getpid()));
	cr_assert(ne(u64, ledger->header->owner >> 32, UINT64_C(0)));
}

static pid_t dead_process(void)
{
	pid_t pid = fork();

	cr_assert(ge(int, pid, 0));
	if (pid == 0)
		_exit(0);
	cr_assert(eq(int, waitpid(pid, NULL, 0), pid));
	return pid;
}

Test(predecessor, one_that_has_ended_is_followed)
{
	uint64_t dead = (uint32_t)dead_process(), owner = 0;

	ledger->header->owner = dead;
	cr_assert(zero(int, predecessor_wait(ledger, &owner)));
	cr_assert(eq(u64, owner, dead));
	cr_assert(zero(int, predecessor_become(ledger, owner)));
	cr_assert(eq(int, pid_of_owner(), getpid()));
}

/* Its id is a process's that was started at another time. */
Test(predecessor, one_whose_id_is_used_again_is_followed)
{
	uint64_t owner, former = UINT64_C(1) << 32 | (uint32_t)getppid();

	ledger->header->owner = former;
	cr_assert(zero(int, predecessor_wait(ledger, &owner)));
	cr_assert(eq(u64, owner, former));
}

/* Both have waited for the same one. */
Test(predecessor, the_second_of_two_successors_is_refused)
{
	const uint64_t first = UINT64_C(1) << 32 | (uint32_t)getppid();
	uint64_t owner;

	ledger->header->owner = (uint32_t)dead_process();
	cr_assert(zero(int, predecessor_wait(ledger, &owner)));
	ledger->header->owner = first;
	cr_assert(eq(int, predecessor_become(ledger, owner), -EBUSY));
	cr_assert(eq(u64, ledger->header->owner, first));
}
