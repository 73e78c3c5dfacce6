/* SPDX-License-Identifier: MIT */
/* test-backend.c - an engine that uses the public interface for backends alone */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "soft-fixture.h"
#include "user-queue.h"

/* ---- the engine -------------------------------------------------------------------- */

struct own_engine {
	struct accel_queue *queue;
	uint32_t kicks;
	bool stop;
};

static _Atomic unsigned sleeps; /* of engines, begun */

static bool is_stopping(const struct own_engine *engine)
{
	return __atomic_load_n(&engine->stop, __ATOMIC_ACQUIRE);
}

static void store(void *memory, size_t n, void *data)
{
	memset(memory, *(const int *)data, n);
}

static int fence_fault(int r, struct accel_fault *fault)
{
	if (r < 0)
		fault->reason = ACCEL_FAULT_FENCE;
	return r;
}

static int execute(struct own_engine *engine, const struct accel_command *command,
		   struct accel_fault *fault)
{
	const struct accel_operand dst = {command->dst_asid, ACCEL_MAP_WRITE,
					  command->dst, command->length};
	int byte = (int)command->value;

	switch (command->op) {
	case ACCEL_OP_NOP:
		return 0;
	case ACCEL_OP_FILL:
		return accel_queue_access(engine->queue, &dst, store, &byte, fault);
	case ACCEL_OP_SIGNAL:
		return fence_fault(accel_queue_signal(engine->queue, command->src2_asid,
						      command->value),
				   fault);
	case ACCEL_OP_WAIT:
		return fence_fault(accel_queue_wait(engine->queue, command->src2_asid,
						    command->value, &engine->kicks),
				   fault);
	}
	fault->reason = ACCEL_FAULT_COMMAND;
	return -EFAULT;
}

static void work(struct own_engine *engine, const struct accel_command *command)
{
	struct accel_fault fault = {.index = accel_queue_head(engine->queue) - 1};
	uint64_t index = fault.index;

	if (execute(engine, command, &fault) == 0) {
		accel_ring_complete(engine->queue, index + 1);
		return;
	}
	fault.index = index;
	if (!is_stopping(engine))
		accel_queue_fault(engine->queue, &fault);
	accel_queue_cancel(engine->queue, command, 1);
}

static void *run(void *data)
{
	struct own_engine *engine = data;
	struct accel_command command;

	while (!is_stopping(engine)) {
		uint32_t seen = __atomic_load_n(&engine->kicks, __ATOMIC_ACQUIRE);
		int n = 0;

		if (accel_queue_is_running(engine->queue))
			n = accel_ring_fetch(engine->queue, &command, 1);
		if (n > 0) {
			work(engine, &command);
		} else if (!is_stopping(engine)) {
			sleeps++;
			accel_engine_sleep(engine->queue, &engine->kicks, seen);
		}
	}
	accel_queue_stopped(engine->queue);
	free(engine);
	return NULL;
}

static int queue_start(void *device, struct accel_queue *queue, void **ret_engine)
{
	struct own_engine *engine = calloc(1, sizeof(*engine));
	pthread_t thread;

	engine->queue = queue;
	cr_assert(zero(int, pthread_create(&thread, NULL, run, engine)));
	pthread_detach(thread);
	*ret_engine = engine;
	return 0;
}

static void queue_kick(void *engine)
{
	accel_engine_kick(&((struct own_engine *)engine)->kicks);
}

static void queue_stop(void *engine)
{
	__atomic_store_n(&((struct own_engine *)engine)->stop, true, __ATOMIC_RELEASE);
	queue_kick(engine);
}

/* ---- the tests --------------------------------------------------------------------- */

static struct accel_backend own;
static struct accel_context *context;

static void init(void)
{
	soft_init();
	own = accel_soft_backend;
	own.name = "own";
	own.queue_start = queue_start;
	own.queue_kick = queue_kick;
	own.queue_stop = queue_stop;
	context = soft_open(soft_add_device("own", &own, false));
}

static void finish(void)
{
	accel_context_destroy(context);
	soft_finish();
}

TestSuite(backend, .init = init, .fini = finish);

static bool has_slept(void *data)
{
	return sleeps > *(unsigned *)data;
}

/* Each submission finds the engine asleep, and wakes it by the doorbell. */
Test(backend, sleeps_until_the_doorbell)
{
	const struct accel_command nop = {.op = ACCEL_OP_NOP};
	struct user_queue queue;

	user_queue_init(&queue, context, ACCEL_RING_MIN);
	for (unsigned i = 0; i < 100; i++) {
		cr_assert(wait_until(has_slept, &i));
		cr_assert(zero(int, user_queue_run(&queue, &nop)));
	}
	user_queue_finish(&queue);
}

Test(backend, accesses_memory)
{
	struct accel_command fill;
	struct accel_queue_info info;
	struct soft_job job;

	soft_job_init(&job, context, 0);
	fill = soft_fill(job.asid, job.iova, 7);
	cr_assert(zero(i64, soft_submit(context, job.queue, &fill)));
	cr_assert(soft_completed(context, job.queue, 1));
	cr_assert(eq(u64, job.memory[0], 0x0707070707070707));
	fill.dst = job.iova + PAGE;
	cr_assert(eq(i64, soft_submit(context, job.queue, &fill), 1));
	cr_assert(soft_in_state(context, job.queue, ACCEL_QUEUE_FAULTED));
	info = soft_queue_info(context, job.queue);
	cr_assert(eq(u32, info.fault.reason, ACCEL_FAULT_UNMAPPED));
	cr_assert(eq(u64, info.fault.address, fill.dst));
	cr_assert(eq(u64, info.fault.index, 1));
	soft_job_finish(&job);
}

static void submit(uint32_t queue, uint16_t op, uint32_t fence, uint64_t value)
{
	const struct accel_command command = {
		.op = op, .src2_asid = fence, .value = value};

	cr_assert(ge(i64, soft_submit(context, queue, &command), 0));
}

static void expect_fence_fault(uint32_t queue)
{
	cr_assert(soft_in_state(context, queue, ACCEL_QUEUE_FAULTED));
	cr_assert(
		eq(u32, soft_queue_info(context, queue).fault.reason, ACCEL_FAULT_FENCE));
}

Test(backend, waits_for_fences)
{
	uint32_t one = soft_queue(context, 0, 0), two = soft_queue(context, 0, 0);
	uint32_t fence = soft_fence(context, 0);
	struct accel_fence gate = {
		.size = sizeof(gate), .id = soft_fence(context, 0), .value = 1};

	submit(one, ACCEL_OP_WAIT, fence, 1);
	submit(two, ACCEL_OP_SIGNAL, fence, 1);
	cr_assert(soft_completed(context, one, 1));
	/* The signaller faults. */
	submit(one, ACCEL_OP_WAIT, fence, 2);
	submit(two, ACCEL_OP_WAIT, gate.id, 1);
	submit(two, ACCEL_OP_COUNT, 0, 0);
	submit(two, ACCEL_OP_SIGNAL, fence, 2);
	cr_assert(zero(int, accel_fence_signal(context, &gate)));
	expect_fence_fault(one);
	/* There is no such fence. */
	cr_assert(zero(int, soft_call(context, accel_queue_reset, one)));
	submit(one, ACCEL_OP_WAIT, fence + 100, 1);
	expect_fence_fault(one);
}

Test(backend, ends_while_it_waits)
{
	uint32_t queue = soft_queue(context, 0, 0), fence = soft_fence(context, 0);

	submit(queue, ACCEL_OP_WAIT, fence, 1);
	cr_assert(zero(int, soft_call(context, accel_queue_destroy, queue)));
	soft_queue(context, ACCEL_QUEUE_USER, 0);
}
