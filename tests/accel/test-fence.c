/* SPDX-License-Identifier: MIT */
/* test-fence.c - fences: waits by queues and by programs */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>

#include "soft-fixture.h"

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
