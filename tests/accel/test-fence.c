/* SPDX-License-Identifier: MIT */
/* test-fence.c - fences: waits by queues and by programs */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>

#include "soft-fixture.h"
#include "user-queue.h"

TestSuite(fence, .init = soft_init, .fini = soft_finish);

static uint64_t value_of(uint32_t fence)
{
	struct accel_fence arg = {.size = sizeof(arg), .id = fence};

	cr_assert(zero(int, accel_fence_query(soft_context, &arg)));
	return arg.value;
}

static void raise_fence(uint32_t fence, uint64_t value)
{
	struct accel_fence arg = {.size = sizeof(arg), .id = fence, .value = value};

	cr_assert(zero(int, accel_fence_signal(soft_context, &arg)));
}

static struct accel_command wait_for(uint32_t fence, uint64_t value)
{
	return (struct accel_command){
		.op = ACCEL_OP_WAIT,
		.src2_asid = fence,
		.value = value,
	};
}

static struct accel_command signal_of(uint32_t fence, uint64_t value)
{
	return (struct accel_command){
		.op = ACCEL_OP_SIGNAL,
		.src2_asid = fence,
		.value = value,
	};
}

static void submit(uint32_t queue, struct accel_command command)
{
	cr_assert(ge(i64, soft_submit(soft_context, queue, &command), 0));
}

static uint64_t completed(uint32_t queue)
{
	return soft_queue_info(soft_context, queue).completed;
}

static const struct accel_command nop = {.op = ACCEL_OP_NOP};

/* ---- waits by the program ---------------------------------------------------------- */

Test(fence, never_goes_down)
{
	uint32_t fence = soft_fence(soft_context, 5);

	cr_assert(eq(u64, value_of(fence), 5));
	raise_fence(fence, 4);
	cr_assert(eq(u64, value_of(fence), 5));
	raise_fence(fence, UINT64_MAX);
	cr_assert(eq(u64, value_of(fence), UINT64_MAX));
	raise_fence(fence, 0);
	cr_assert(eq(u64, value_of(fence), UINT64_MAX));
}

Test(fence, is_charged_until_destroyed)
{
	uint32_t fence = soft_fence(soft_context, 0);

	cr_assert(eq(u64, owner_charged[ACCEL_RES_FENCES], 1));
	cr_assert(zero(int, soft_call(soft_context, accel_fence_destroy, fence)));
	cr_assert(zero(u64, owner_charged[ACCEL_RES_FENCES]));
	cr_assert(eq(int, soft_call(soft_context, accel_fence_destroy, fence), -ENOENT));
}

/* ---- waits by queues --------------------------------------------------------------- */

Test(fence, wait_for_what_is_reached)
{
	uint32_t fence = soft_fence(soft_context, 5);
	uint32_t queue = soft_queue(soft_context, 0, 0);

	submit(queue, wait_for(fence, 5));
	submit(queue, wait_for(fence, 0));
	cr_assert(soft_completed(soft_context, queue, 2));
}

/* Commands before the wait are reported complete; commands after it have not started. */
Test(fence, program_lets_a_queue_go_on)
{
	uint32_t fence = soft_fence(soft_context, 0);
	struct accel_command fill;
	struct soft_job job;

	soft_job_init(&job, soft_context, 0);
	fill = soft_fill(job.asid, job.iova, 9);
	submit(job.queue, nop);
	submit(job.queue, wait_for(fence, 2));
	submit(job.queue, fill);
	cr_assert(soft_completed(soft_context, job.queue, 1));
	raise_fence(fence, 1);
	cr_assert(eq(u64, completed(job.queue), 1));
	cr_assert(zero(u64, job.memory[0]));
	raise_fence(fence, 2);
	cr_assert(soft_completed(soft_context, job.queue, 3));
	cr_assert(eq(u64, job.memory[0], 9));
	soft_job_finish(&job);
}

Test(fence, queues_in_a_chain)
{
	enum { ROUNDS = 200 };
	uint32_t ping = soft_fence(soft_context, 0), pong = soft_fence(soft_context, 0);
	uint32_t one = soft_queue(soft_context, 0, 0),
		 two = soft_queue(soft_context, 0, 0);

	for (uint64_t i = 1; i <= ROUNDS; i += 10) {
		for (uint64_t j = i; j < i + 10; j++) {
			submit(one, signal_of(ping, j));
			submit(one, wait_for(pong, j));
			submit(two, wait_for(ping, j));
			submit(two, signal_of(pong, j));
		}
		cr_assert(soft_completed(soft_context, one, 2 * (i + 9)));
		cr_assert(soft_completed(soft_context, two, 2 * (i + 9)));
	}
	cr_assert(eq(u64, value_of(ping), ROUNDS));
	cr_assert(eq(u64, value_of(pong), ROUNDS));
}

Test(fence, several_queues_wait_for_one)
{
	uint32_t fence = soft_fence(soft_context, 0), queues[SOFT_QUEUES];

	for (uint64_t i = 0; i < SOFT_QUEUES; i++) {
		queues[i] = soft_queue(soft_context, 0, 0);
		submit(queues[i], nop);
		submit(queues[i], wait_for(fence, i + 1));
		cr_assert(soft_completed(soft_context, queues[i], 1));
	}
	for (uint64_t i = 0; i < SOFT_QUEUES; i++) {
		raise_fence(fence, i + 1);
		cr_assert(soft_completed(soft_context, queues[i], 2));
		if (i + 1 < SOFT_QUEUES)
			cr_assert(eq(u64, completed(queues[i + 1]), 1));
	}
}

/* A fence's memory must be mapped, like other memory that a command names. */
static void expect_fence_fault(uint32_t queue, uint64_t index)
{
	struct accel_queue_info info;

	cr_assert(soft_in_state(soft_context, queue, ACCEL_QUEUE_FAULTED));
	info = soft_queue_info(soft_context, queue);
	cr_assert(eq(u32, info.fault.reason, ACCEL_FAULT_FENCE));
	cr_assert(eq(u64, info.fault.index, index));
}

Test(fence, unknown_one_is_a_fault)
{
	uint32_t queue = soft_queue(soft_context, 0, 0);
	struct accel_context *stranger = soft_open(soft_device);
	uint32_t foreign = 0;

	for (int i = 0; i < 20; i++)
		foreign = soft_fence(stranger, 9);
	submit(queue, wait_for(foreign, 1));
	expect_fence_fault(queue, 0);
	cr_assert(zero(int, soft_call(soft_context, accel_queue_reset, queue)));
	submit(queue, signal_of(foreign, 10));
	expect_fence_fault(queue, 1);
	accel_context_destroy(stranger);
}

Test(fence, destroyed_while_waited_for)
{
	uint32_t fence = soft_fence(soft_context, 0);
	uint32_t one = soft_queue(soft_context, 0, 0),
		 two = soft_queue(soft_context, 0, 0);

	submit(one, nop);
	submit(two, nop);
	submit(one, wait_for(fence, 1));
	submit(two, wait_for(fence, 2));
	cr_assert(soft_completed(soft_context, one, 1));
	cr_assert(soft_completed(soft_context, two, 1));
	cr_assert(zero(int, soft_call(soft_context, accel_fence_destroy, fence)));
	expect_fence_fault(one, 1);
	expect_fence_fault(two, 1);
}

static bool nothing_is_charged(void *data)
{
	return owner_charged[ACCEL_RES_QUEUES] == 0;
}

Test(fence, queue_destroyed_while_it_waits)
{
	uint32_t fence = soft_fence(soft_context, 0);
	uint32_t queue = soft_queue(soft_context, 0, 0);

	submit(queue, nop);
	submit(queue, wait_for(fence, 1));
	cr_assert(soft_completed(soft_context, queue, 1));
	cr_assert(zero(int, soft_call(soft_context, accel_queue_destroy, queue)));
	cr_assert(wait_until(nothing_is_charged, NULL));
	raise_fence(fence, 1);
	cr_assert(eq(u64, value_of(fence), 1));
}

/* ---- signallers that fail ---------------------------------------------------------- */

static const struct accel_command bad = {.op = ACCEL_OP_COUNT};

static bool has_failed(uint32_t fence)
{
	struct accel_fence arg = {.size = sizeof(arg), .id = fence};

	cr_assert(zero(int, accel_fence_query(soft_context, &arg)));
	return arg.flags & ACCEL_FENCE_FAILED;
}

static bool is_failed(void *data)
{
	return has_failed(*(uint32_t *)data);
}

/* A queue whose first command waits for @gate, so that more can be submitted behind it.
 */
static uint32_t gated_queue(uint32_t gate)
{
	uint32_t queue = soft_queue(soft_context, 0, 0);

	submit(queue, wait_for(gate, 1));
	return queue;
}

Test(fence, signaller_faults)
{
	uint32_t gate = soft_fence(soft_context, 0), fence = soft_fence(soft_context, 0);
	uint32_t signaller = gated_queue(gate), waiter = soft_queue(soft_context, 0, 0);

	submit(signaller, bad);
	submit(signaller, signal_of(fence, 2));
	submit(waiter, nop);
	submit(waiter, wait_for(fence, 2));
	cr_assert(soft_completed(soft_context, waiter, 1));
	cr_assert(not(has_failed(fence)));
	raise_fence(gate, 1);
	expect_fence_fault(waiter, 1);
	cr_assert(has_failed(fence));
}

/* More than the engine fetches at once. */
Test(fence, signaller_faults_long_before)
{
	uint32_t gate = soft_fence(soft_context, 0), fence = soft_fence(soft_context, 0);
	uint32_t signaller = gated_queue(gate), waiter = soft_queue(soft_context, 0, 0);
	uint32_t entries = soft_queue_info(soft_context, signaller).entries;

	submit(waiter, wait_for(fence, 1));
	submit(signaller, bad);
	for (uint32_t i = 2; i + 1 < entries; i++)
		submit(signaller, nop);
	submit(signaller, signal_of(fence, 1));
	raise_fence(gate, 1);
	expect_fence_fault(waiter, 0);
}

Test(fence, signaller_is_destroyed)
{
	uint32_t gate = soft_fence(soft_context, 0), fence = soft_fence(soft_context, 0);
	uint32_t signaller = gated_queue(gate), waiter = soft_queue(soft_context, 0, 0);

	submit(signaller, signal_of(fence, 1));
	submit(waiter, wait_for(fence, 1));
	cr_assert(zero(int, soft_call(soft_context, accel_queue_destroy, signaller)));
	expect_fence_fault(waiter, 0);
}

/* The failure of one queue reaches those that wait for one another. */
Test(fence, failure_of_a_chain)
{
	uint32_t gate = soft_fence(soft_context, 0), fences[2], queues[3];

	queues[0] = gated_queue(gate);
	submit(queues[0], bad);
	for (int i = 0; i < 2; i++) {
		fences[i] = soft_fence(soft_context, 0);
		submit(queues[i], signal_of(fences[i], 1));
		queues[i + 1] = soft_queue(soft_context, 0, 0);
		submit(queues[i + 1], wait_for(fences[i], 1));
	}
	raise_fence(gate, 1);
	expect_fence_fault(queues[1], 0);
	expect_fence_fault(queues[2], 0);
}

/* Signals that are submitted after the fault are dropped by the reset. */
Test(fence, signal_that_a_reset_drops)
{
	uint32_t fence = soft_fence(soft_context, 0);
	uint32_t waiter = soft_queue(soft_context, 0, 0);
	struct accel_command signal = signal_of(fence, 1);
	struct user_queue ring;

	user_queue_init(&ring, soft_context, ACCEL_RING_MIN);
	user_queue_submit(&ring, &bad);
	cr_assert(soft_in_state(soft_context, ring.id, ACCEL_QUEUE_FAULTED));
	user_queue_submit(&ring, &signal);
	submit(waiter, nop);
	submit(waiter, wait_for(fence, 1));
	cr_assert(soft_completed(soft_context, waiter, 1));
	cr_assert(zero(int, soft_call(soft_context, accel_queue_reset, ring.id)));
	expect_fence_fault(waiter, 1);
	user_queue_finish(&ring);
}

/* Larger values, and values that another signal reaches, are not affected. */
Test(fence, failure_ends_at_its_value)
{
	uint32_t gate = soft_fence(soft_context, 0), fence = soft_fence(soft_context, 0);
	uint32_t signaller = gated_queue(gate), waiter = soft_queue(soft_context, 0, 0);

	submit(signaller, bad);
	submit(signaller, signal_of(fence, 3));
	submit(waiter, wait_for(fence, 4));
	raise_fence(gate, 1);
	cr_assert(soft_in_state(soft_context, signaller, ACCEL_QUEUE_FAULTED));
	cr_assert(wait_until(is_failed, &fence));
	raise_fence(fence, 3);
	cr_assert(not(has_failed(fence)));
	submit(waiter, wait_for(fence, 3));
	raise_fence(fence, 4);
	cr_assert(soft_completed(soft_context, waiter, 2));
}
