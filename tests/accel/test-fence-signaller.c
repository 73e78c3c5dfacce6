/* SPDX-License-Identifier: MIT */
/*
 * test-fence-signaller.c - fences of a queue that stops before it was given the signal
 *
 * What a queue drops of what it was given is in test-fence.c.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "../support/wait.h"
#include "fence.h"
#include "locked.h"
#include "soft-fixture.h"

TestSuite(signaller, .init = soft_init, .fini = soft_finish);

static const struct accel_command bad = {.op = ACCEL_OP_COUNT};
static const struct accel_command nop = {.op = ACCEL_OP_NOP};

static int try_fence(uint32_t signaller, uint32_t *ret_fence)
{
	struct accel_fence arg = {.size = sizeof(arg), .signaller = signaller};
	int r = accel_fence_create(soft_context, &arg);

	*ret_fence = arg.id;
	return r;
}

static uint32_t fence_of_queue(uint32_t signaller)
{
	uint32_t fence;

	cr_assert(zero(int, try_fence(signaller, &fence)));
	return fence;
}

static void submit(uint32_t queue, struct accel_command command)
{
	cr_assert(ge(i64, soft_submit(soft_context, queue, &command), 0));
}

static void submit_wait(uint32_t queue, uint32_t fence, uint64_t value)
{
	submit(queue, (struct accel_command){
			      .op = ACCEL_OP_WAIT, .src2_asid = fence, .value = value});
}

struct expected_waits {
	struct accel_fence_object *fence;
	unsigned n;
};

static unsigned count_waits(struct accel_fence_object *fence)
{
	SCOPED_LOCK(&fence->lock);
	struct accel_fence_wait *wait;
	unsigned n = 0;

	list_for_each(wait, &fence->waits, item)
		n++;
	return n;
}

static bool has_waits(void *data)
{
	const struct expected_waits *expected = data;

	return count_waits(expected->fence) == expected->n;
}

/* A queue that waits: the fence has one more wait. */
static uint32_t waiter_for(uint32_t fence, uint64_t value)
{
	_cleanup_unref_ struct accel_fence_object *object =
		accel_fence_get(soft_context, fence);
	struct expected_waits expected = {object, count_waits(object) + 1};
	uint32_t queue = soft_queue(soft_context, 0, 0);

	submit(queue, nop);
	submit_wait(queue, fence, value);
	cr_assert(wait_until(has_waits, &expected));
	return queue;
}

static void expect_fence_fault(uint32_t queue)
{
	cr_assert(soft_in_state(soft_context, queue, ACCEL_QUEUE_FAULTED));
	cr_assert(eq(uint, soft_queue_info(soft_context, queue).fault.reason,
		     ACCEL_FAULT_FENCE));
}

static bool has_failed(uint32_t fence)
{
	struct accel_fence arg = {.size = sizeof(arg), .id = fence};

	cr_assert(zero(int, accel_fence_query(soft_context, &arg)));
	return arg.flags & ACCEL_FENCE_FAILED;
}

static void fault(uint32_t queue)
{
	submit(queue, bad);
	cr_assert(soft_in_state(soft_context, queue, ACCEL_QUEUE_FAULTED));
}

Test(signaller, faults)
{
	uint32_t signaller = soft_queue(soft_context, 0, 0);
	uint32_t fence = fence_of_queue(signaller), other = fence_of_queue(signaller);
	uint32_t first = waiter_for(fence, 1), second = waiter_for(fence, UINT64_MAX);
	uint32_t third = waiter_for(other, 1);

	cr_assert(not(has_failed(fence)));
	fault(signaller);
	expect_fence_fault(first);
	expect_fence_fault(second);
	expect_fence_fault(third);
	cr_assert(has_failed(fence));
}

Test(signaller, is_destroyed)
{
	uint32_t signaller = soft_queue(soft_context, 0, 0);
	uint32_t fence = fence_of_queue(signaller), waiter = waiter_for(fence, 1);

	cr_assert(zero(int, soft_call(soft_context, accel_queue_destroy, signaller)));
	expect_fence_fault(waiter);
	cr_assert(has_failed(fence));
}

/* What is reached stays reached. */
Test(signaller, signalled_before)
{
	uint32_t signaller = soft_queue(soft_context, 0, 0);
	uint32_t fence = fence_of_queue(signaller), late;

	submit(signaller, (struct accel_command){
				  .op = ACCEL_OP_SIGNAL, .src2_asid = fence, .value = 3});
	cr_assert(soft_completed(soft_context, signaller, 1));
	fault(signaller);
	late = soft_queue(soft_context, 0, 0);
	submit_wait(late, fence, 3);
	cr_assert(soft_completed(soft_context, late, 1));
	submit_wait(late, fence, 4);
	expect_fence_fault(late);
}

/* A reset begins anew; a wait from before it has ended, however late it looks. */
Test(signaller, is_reset)
{
	uint32_t signaller = soft_queue(soft_context, 0, 0);
	uint32_t fence = fence_of_queue(signaller), before = waiter_for(fence, 1), after;

	fault(signaller);
	cr_assert(zero(int, soft_call(soft_context, accel_queue_reset, signaller)));
	expect_fence_fault(before);
	cr_assert(not(has_failed(fence)));
	after = waiter_for(fence, 1);
	submit(signaller, (struct accel_command){
				  .op = ACCEL_OP_SIGNAL, .src2_asid = fence, .value = 1});
	cr_assert(soft_completed(soft_context, after, 2));
}

/* One that nobody raises and nobody promised to raise waits on. */
Test(signaller, another_queue_faults)
{
	uint32_t signaller = soft_queue(soft_context, 0, 0);
	uint32_t fence = fence_of_queue(signaller), plain = soft_fence(soft_context, 0);
	uint32_t first = waiter_for(fence, 1), second = waiter_for(plain, 1);
	struct accel_fence arg = {.size = sizeof(arg), .id = plain, .value = 1};

	fault(soft_queue(soft_context, 0, 0));
	cr_assert(zero(int, accel_fence_signal(soft_context, &arg)));
	arg.id = fence;
	cr_assert(zero(int, accel_fence_signal(soft_context, &arg)));
	cr_assert(soft_completed(soft_context, first, 2));
	cr_assert(soft_completed(soft_context, second, 2));
}

Test(signaller, has_stopped_already)
{
	uint32_t signaller = soft_queue(soft_context, 0, 0), fence, waiter;

	fault(signaller);
	fence = fence_of_queue(signaller);
	cr_assert(has_failed(fence));
	waiter = soft_queue(soft_context, 0, 0);
	submit_wait(waiter, fence, 1);
	expect_fence_fault(waiter);
}

Test(signaller, is_no_queue)
{
	uint32_t fence = soft_fence(soft_context, 0), unused;

	cr_assert(eq(int, try_fence(fence, &unused), -ENOENT));
	cr_assert(eq(int, try_fence(9999, &unused), -ENOENT));
	cr_assert(eq(u64, owner_charged[ACCEL_RES_FENCES], 1));
}

/* Neither keeps the other: all of it is given back at the end (soft_finish()). */
Test(signaller, outlives_its_fence)
{
	uint32_t signaller = soft_queue(soft_context, 0, 0);
	uint32_t fence = fence_of_queue(signaller);

	cr_assert(zero(int, soft_call(soft_context, accel_fence_destroy, fence)));
	fault(signaller);
	fence_of_queue(soft_queue(soft_context, 0, 0));
}

/* ---- what a fence keeps of a destroyed queue --------------------------------------- */

#define ROUNDS 512
#define FENCES 4096

/* Rings that this process has mapped: one of each queue that is not freed. */
static unsigned count_rings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned n = 0;

	cr_assert(ne(ptr, maps, NULL));
	while (fgets(line, sizeof(line), maps))
		n += strstr(line, "accel-ring") != NULL;
	fclose(maps);
	return n;
}

static bool has_no_ring(void *data)
{
	return count_rings() == 0;
}

static void destroy(uint32_t queue)
{
	cr_assert(zero(int, soft_call(soft_context, accel_queue_destroy, queue)));
}

static void expect_no_ring(void)
{
	cr_assert(wait_until(has_no_ring, NULL), "%u rings stay mapped", count_rings());
}

/* Nobody is charged for a queue that was destroyed, so nothing of it may stay. */
Test(signaller, is_not_kept_by_its_fences)
{
	uint32_t first = 0, last = 0, waiter;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint32_t queue =
			soft_queue(soft_context, i % 2 ? ACCEL_QUEUE_USER : 0, 0);

		last = fence_of_queue(queue);
		first = first ? first : last;
		destroy(queue);
	}
	expect_no_ring();
	cr_assert(has_failed(first));
	cr_assert(has_failed(last));
	waiter = soft_queue(soft_context, 0, 0);
	submit_wait(waiter, first, 1);
	expect_fence_fault(waiter);
}

Test(signaller, is_not_kept_after_a_fault)
{
	uint32_t signaller = soft_queue(soft_context, 0, 0);
	uint32_t fence = fence_of_queue(signaller);

	fault(signaller);
	destroy(signaller);
	expect_no_ring();
	cr_assert(has_failed(fence));
}

/* What was raised before, or is raised by a call, counts as ever. */
Test(signaller, is_destroyed_and_the_fence_raised)
{
	uint32_t signaller = soft_queue(soft_context, 0, 0);
	uint32_t fence = fence_of_queue(signaller), waiter;
	struct accel_fence arg = {.size = sizeof(arg), .id = fence, .value = 2};

	destroy(signaller);
	cr_assert(zero(int, accel_fence_signal(soft_context, &arg)));
	waiter = soft_queue(soft_context, 0, 0);
	submit_wait(waiter, fence, 2);
	cr_assert(soft_completed(soft_context, waiter, 1));
	submit_wait(waiter, fence, 3);
	expect_fence_fault(waiter);
}

struct binder {
	_Atomic uint32_t signaller;
	atomic_bool stop;
	uint32_t fences[FENCES];
	unsigned n;
};

/* Of whichever queue there is, perhaps no more. */
static void *bind_fences(void *data)
{
	struct binder *binder = data;

	while (!binder->stop && binder->n < FENCES) {
		uint32_t signaller = binder->signaller;

		if (signaller && try_fence(signaller, &binder->fences[binder->n]) == 0)
			binder->n++;
	}
	return NULL;
}

Test(signaller, is_destroyed_while_bound)
{
	static struct binder binder;
	pthread_t thread;

	cr_assert(zero(int, pthread_create(&thread, NULL, bind_fences, &binder)));
	for (unsigned i = 0; i < ROUNDS; i++) {
		binder.signaller = soft_queue(soft_context, 0, 0);
		destroy(binder.signaller);
	}
	binder.stop = true;
	pthread_join(thread, NULL);
	expect_no_ring();
	for (unsigned i = 0; i < binder.n; i++)
		cr_assert(has_failed(binder.fences[i]));
}
