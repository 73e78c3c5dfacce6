/* SPDX-License-Identifier: MIT */
/* remains.c - names, charges, records and descriptors after a crash test */
#include "remains.h"

#include <sys/statvfs.h>
#include <time.h>

#include "harness.h"
#include "ledger-count.h"
#include "raw.h"
#include "worker.h"

struct remains {
	const struct instance *instance;
	unsigned names, opens;
	bool nothing;
	struct statvfs st;
	struct ledger_count count;
};

static bool remains_in_ledger(const struct remains *it)
{
	const struct ledger_count *count = &it->count;

	return ledger_count_used(count, LEDGER_EXPORT) == it->names &&
	       count->records[LEDGER_EXPORT][LEDGER_LIVE] == it->names &&
	       ledger_count_used(count, LEDGER_OPEN) == it->opens &&
	       count->banked == it->names && count->backing_ids <= it->names;
}

static bool remains_nothing_in_ledger(const struct remains *it)
{
	return !it->nothing || (ledger_count_used(&it->count, LEDGER_USER) == 0 &&
				ledger_count_used(&it->count, LEDGER_CALLER) == 0 &&
				ledger_count_used(&it->count, LEDGER_DESCRIPTION) == 0);
}

static bool remains_are_so(void *data)
{
	struct remains *it = data;

	if (statvfs(it->instance->dir, &it->st) < 0 ||
	    ledger_count(worker_expect(), &it->count) < 0)
		return false;
	return it->st.f_files - it->st.f_ffree == it->names &&
	       (it->names || it->st.f_blocks == it->st.f_bfree) &&
	       remains_in_ledger(it) && remains_nothing_in_ledger(it);
}

static void remains_wait(struct remains *it)
{
	if (wait_until(remains_are_so, it))
		return;
	ledger_count_print(&it->count);
	test_note("expected: %u names, %u opens", it->names, it->opens);
	test_fail(__FILE__, __LINE__, "lost or left: %llu names and %llu blocks charged",
		  (unsigned long long)(it->st.f_files - it->st.f_ffree),
		  (unsigned long long)(it->st.f_blocks - it->st.f_bfree));
}

/* Root lists the names of all; with the mount option idmap nobody lists without proof. */
static void remains_check_list(const struct instance *instance, unsigned names)
{
	int n = raw_count(instance);

	if (n != -EOVERFLOW)
		ASSERT_EQ(n, names);
}

void remains_expect(const struct instance *instance, unsigned names, unsigned opens)
{
	struct remains it = {.instance = instance, .names = names, .opens = opens};

	remains_wait(&it);
	remains_check_list(instance, names);
}

void remains_expect_nothing(const struct instance *instance)
{
	struct remains it = {.instance = instance, .nothing = true};

	remains_wait(&it);
	remains_check_list(instance, 0);
}

/* On a busy machine the service closes late, and the count is stable for a while. */
static int settled_fds(pid_t worker)
{
	const struct timespec pause = {.tv_nsec = 200 * 1000 * 1000};
	int n = count_stable_fds(worker), before;

	do {
		before = n;
		nanosleep(&pause, NULL);
		n = count_stable_fds(worker);
	} while (n < before);
	return n;
}

/*
 * What is left in a process after much work goes with it. So the number of the next one,
 * which has done none, is what it should be.
 */
void remains_expect_fds(const struct instance *instance)
{
	pid_t worker = worker_expect();
	int before = settled_fds(worker), after;

	worker_kill(worker);
	worker_expect_served(instance, worker);
	after = settled_fds(worker_expect());
	if (before > after + 2)
		test_fail(__FILE__, __LINE__,
			  "leak in the service: %d descriptors, its successor %d", before,
			  after);
}
