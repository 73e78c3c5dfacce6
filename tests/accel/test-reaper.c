/* SPDX-License-Identifier: MIT */
/* test-reaper.c - memory that is freed in a thread, or at once if there is too much */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <pthread.h>

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
