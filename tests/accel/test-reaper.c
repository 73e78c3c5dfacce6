/* SPDX-License-Identifier: MIT */
/*
 * test-reaper.c - memory that is freed in a thread, or at once if there is too much, and
 * users that free at the same time
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "reaper.h"
#include "util.h"
#include "../support/wait.h"

#define TOO_MANY_BYTES (UINT64_C(2) << 30)

static struct accel_reaper reaper;
static struct accel_reap small, large;
static _Atomic bool small_is_freed, small_is_freed_here;
static pthread_t test_thread;

static bool look(void *data)
{
	return false;
}

static void init(void)
{
	cr_assert(zero(int, accel_reaper_start(&reaper, look, NULL)));
	test_thread = pthread_self();
}

static void finish(void)
{
	cr_assert(accel_reaper_stop(&reaper));
	cr_assert(zero(u64, reaper.bytes));
}

TestSuite(reaper, .init = init, .fini = finish);

static void free_small(struct accel_reap *reap)
{
	small_is_freed_here = pthread_equal(pthread_self(), test_thread);
	small_is_freed = true;
}

static bool is_small_freed(void *data)
{
	return small_is_freed;
}

/* As another thread does meanwhile: it takes long to free much. */
static void free_large(struct accel_reap *reap)
{
	accel_reaper_add(&reaper, &small);
}

Test(reaper, frees_in_its_thread)
{
	small.free = free_small;
	accel_reaper_add(&reaper, &small);
	cr_assert(wait_until(is_small_freed, NULL));
	cr_expect(not(small_is_freed_here));
}

/* What a caller frees itself takes no room of the queue from others. */
Test(reaper, counts_only_what_is_queued)
{
	small.free = free_small;
	large.free = free_large;
	large.bytes = TOO_MANY_BYTES;
	accel_reaper_add(&reaper, &large);
	cr_assert(wait_until(is_small_freed, NULL));
	cr_expect(not(small_is_freed_here));
}

Test(reaper, frees_after_the_end)
{
	cr_assert(accel_reaper_stop(&reaper));
	small.free = free_small;
	small.bytes = 1;
	accel_reaper_add(&reaper, &small);
	cr_expect(small_is_freed_here);
}

/* ---- users ------------------------------------------------------------------------- */

enum { SLOW_USERS = ACCEL_REAPER_THREADS, EACH = 3 };

static struct accel_reap slow[SLOW_USERS][EACH];
static struct accel_reap quick;
static atomic_uint n_begun, n_ended;
static atomic_bool may_end, quick_is_freed, one_may_end;
static unsigned n_ended_before_quick;

/* A close(2) that takes long. */
static void free_slow(struct accel_reap *reap)
{
	n_begun++;
	while (!may_end && !atomic_exchange(&one_may_end, false))
		sched_yield();
	n_ended++;
}

static void free_quick(struct accel_reap *reap)
{
	n_ended_before_quick = n_ended;
	quick_is_freed = true;
}

static bool is_quick_freed(void *data)
{
	return quick_is_freed;
}

static bool have_begun(void *data)
{
	return n_begun == *(unsigned *)data;
}

static void add_slow(unsigned n_users)
{
	for (unsigned user = 0; user < n_users; user++)
		for (unsigned i = 0; i < EACH; i++) {
			slow[user][i].user = user + 1;
			slow[user][i].free = free_slow;
			accel_reaper_add(&reaper, &slow[user][i]);
		}
	cr_assert(wait_until(have_begun, &n_users));
}

static void add_quick(void)
{
	quick.user = SLOW_USERS + 1;
	quick.free = free_quick;
	accel_reaper_add(&reaper, &quick);
}

/* One user's slow ones occupy one thread. */
Test(reaper, frees_beside_a_slow_user, .timeout = 60)
{
	add_slow(1);
	add_quick();
	accel_reaper_make_room(&reaper, quick.user, false, 10000);
	cr_expect(eq(int, quick_is_freed, true));
	cr_expect(eq(uint, n_begun, 1));
	may_end = true;
}

/* All threads are taken: it is the turn of the one that has waited longest. */
Test(reaper, users_take_turns, .timeout = 60)
{
	add_slow(SLOW_USERS);
	add_quick();
	one_may_end = true;
	cr_assert(wait_until(is_quick_freed, NULL));
	cr_expect(eq(uint, n_ended_before_quick, 1));
	may_end = true;
}

Test(reaper, room_of_a_user_waits_for_that_user, .timeout = 60)
{
	add_slow(1);
	accel_reaper_make_room(&reaper, slow[0][0].user, false, 1);
	cr_expect(eq(uint, n_ended, 0));
	may_end = true;
	accel_reaper_make_room(&reaper, slow[0][0].user, false, 10000);
	cr_expect(eq(uint, n_ended, EACH));
}

Test(reaper, room_for_all_waits_for_all, .timeout = 60)
{
	add_slow(1);
	accel_reaper_make_room(&reaper, SLOW_USERS + 1, true, 1);
	cr_expect(eq(uint, n_ended, 0));
	may_end = true;
	accel_reaper_make_room(&reaper, SLOW_USERS + 1, true, 10000);
	cr_expect(eq(uint, n_ended, EACH));
}

/* ---- calls that wait --------------------------------------------------------------- */

static atomic_uint n_waited;

static void *wait_for_room(void *data)
{
	accel_reaper_make_room(&reaper, *(const uint64_t *)data, false, 10000);
	n_waited++;
	return NULL;
}

static bool has_waits(void *data)
{
	unsigned n;

	pthread_mutex_lock(&reaper.worker.lock);
	n = reaper.n_waits;
	pthread_mutex_unlock(&reaper.worker.lock);
	return n == *(unsigned *)data;
}

/* A user whose frees are slow gets no more threads of its service than a few. */
Test(reaper, few_calls_of_a_user_wait, .timeout = 60)
{
	pthread_t threads[ACCEL_REAPER_USER_WAITS];
	unsigned n = ARRAY_SIZE(threads);

	add_slow(1);
	for (unsigned i = 0; i < n; i++)
		cr_assert(zero(int, pthread_create(&threads[i], NULL, wait_for_room,
						   &slow[0][0].user)));
	cr_assert(wait_until(has_waits, &n));
	wait_for_room(&slow[0][0].user);
	cr_expect(eq(uint, n_waited, 1));
	may_end = true;
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	cr_expect(eq(uint, n_waited, n + 1));
	cr_expect(zero(uint, reaper.n_waits));
}
