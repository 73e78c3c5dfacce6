/* SPDX-License-Identifier: MIT */
/* test-engine.c - the thread behind a queue: order, sleep and exit */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "../support/process.h"
#include "engine-fixture.h"
#include "relax.h"

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

/* A separate device whose commands take time, and a context of it. */
static struct accel_context *open_slow(uint32_t latency_ns)
{
	const struct accel_device_params params = {
		.size = sizeof(params),
		.name = "slow",
		.queues = 2,
		.latency_ns = latency_ns,
	};
	struct accel_device *device;

	cr_assert(zero(int, accel_device_create(soft_registry, &accel_soft_backend,
						&params, &device)));
	return soft_open(device);
}

/* Its only queue is free again at once. */
static void expect_end(struct accel_context *context, struct accel_device *device)
{
	struct engine_idle idle = {device, soft_info(device).queues_free + 1};
	int64_t begin = now_ns();

	accel_context_destroy(context);
	cr_expect(lt(i64, now_ns() - begin, 5 * SECOND), "it waited for the commands");
	cr_expect(wait_until(engine_is_idle, &idle));
	cr_expect(lt(i64, now_ns() - begin, 10 * SECOND));
}

/* ---- order and completion ---------------------------------------------------------- */

Test(engine, completes_many_in_order)
{
	struct accel_command commands[ENTRIES] = {0};
	uint64_t pushed = 0;

	while (pushed < 300000) {
		unsigned n = (unsigned)(pushed % ENTRIES) + 1;

		for (unsigned i = 0; i < n; i++)
			commands[i] = i % 2 ? soft_fill(engine_job.asid, engine_job.iova,
							pushed + i)
					    : (struct accel_command){0};
		pushed += ring_producer_push(&engine_queue.producer, commands, n);
	}
	engine_queue.next = pushed;
	cr_assert(zero(int, user_queue_wait(&engine_queue)));
	cr_expect(eq(u64, ring_completed(engine_queue.producer.ring), pushed));
	cr_expect(eq(u64, soft_queue_info(soft_context, engine_queue.id).completed,
		     pushed));
	cr_expect(le(u64, engine_job.memory[0], pushed));
}

Test(engine, a_completion_comes_after_what_it_is_of)
{
	for (uint64_t i = 1; i < 5000; i++) {
		struct accel_command command =
			soft_fill(engine_job.asid, engine_job.iova + 8, i);

		cr_assert(zero(int, user_queue_run(&engine_queue, &command)));
		cr_assert(eq(u64,
			     __atomic_load_n(&engine_job.memory[1], __ATOMIC_RELAXED),
			     i));
	}
}

Test(engine, takes_batches_of_a_mediated_queue)
{
	static struct accel_queue_submit batch;
	uint64_t next = 0;

	for (unsigned round = 1; round < 400; round++) {
		unsigned n = round % ENTRIES + 1;
		int r;

		batch = (struct accel_queue_submit){
			.size = sizeof(batch), .queue = engine_job.queue, .count = n};
		for (unsigned i = 0; i < n; i++)
			batch.commands[i] =
				soft_fill(engine_job.asid, engine_job.iova, next + i);
		do {
			r = accel_queue_submit(soft_context, &batch);
		} while (r == -EAGAIN);
		cr_assert(zero(int, r));
		cr_assert(eq(u64, batch.index, next));
		next += n;
	}
	cr_assert(soft_completed(soft_context, engine_job.queue, next));
	cr_expect(eq(u64, engine_job.memory[0], next - 1));
}

static bool has_event(void *data)
{
	return accel_events_pending(soft_context);
}

/* One event for each command with the flag, and no other. */
Test(engine, notifies_of_what_was_asked_for)
{
	struct accel_command command = {.flags = ACCEL_COMMAND_NOTIFY};
	const struct accel_command silent = {0};
	struct accel_event event;

	for (uint64_t i = 0; i < 100; i++) {
		user_queue_submit(&engine_queue, &silent);
		user_queue_submit(&engine_queue, &command);
		cr_assert(wait_until(has_event, NULL));
		cr_expect(gt(u64, ring_completed(engine_queue.producer.ring), 2 * i + 1));
		cr_assert(eq(sz, accel_events_read(soft_context, &event, 1), 1));
		cr_expect(eq(u32, event.type, ACCEL_EVENT_COMPLETED));
		cr_expect(eq(u32, event.object, engine_queue.id));
		cr_expect(eq(u64, event.value, 2 * i + 1));
	}
	cr_expect(not(accel_events_pending(soft_context)));
}

/* ---- sleep ------------------------------------------------------------------------- */

static bool sleeps(void *data)
{
	const struct user_queue *one = data;

	return __atomic_load_n(&one->producer.ring->need_wakeup, __ATOMIC_SEQ_CST);
}

/* A submitter exited after it had cleared need_wakeup, before FUTEX_WAKE. */
Test(engine, is_woken_by_the_next_submitter)
{
	const struct accel_command nop = {0};
	struct user_queue one;

	user_queue_init(&one, soft_open(soft_device), 16);
	for (int i = 0; i < 20; i++) {
		cr_assert(zero(int, user_queue_run(&one, &nop)));
		cr_assert(wait_until(sleeps, &one));
		__atomic_store_n(&one.producer.ring->need_wakeup, 0, __ATOMIC_SEQ_CST);
		cr_assert(zero(int, ring_producer_init(&one.producer, one.producer.ring,
						       one.bytes)));
	}
	accel_context_destroy(one.context);
	user_queue_finish(&one);
}

static void sleep_and_wake(unsigned rounds)
{
	const struct accel_command nop = {0};

	for (unsigned i = 0; i < rounds; i++) {
		uint32_t doorbell = engine_queue.producer.ring->doorbell;

		cr_assert(wait_until(sleeps, &engine_queue));
		cr_assert(zero(int, user_queue_run(&engine_queue, &nop)));
		cr_expect(eq(u32, engine_queue.producer.ring->doorbell, doorbell + 1));
	}
}

Test(engine, sleeps_and_wakes)
{
	sleep_and_wake(300);
}

/* Submits at the moment when the engine is about to sleep. */
Test(engine, misses_no_wake_up)
{
	const struct accel_command nop = {0};

	for (unsigned i = 0; i < 3000; i++) {
		int64_t until = now_ns() + 40000 + i % 200 * 100;

		cr_assert(zero(int, user_queue_run(&engine_queue, &nop)));
		while (now_ns() < until)
			relax_cpu();
	}
}

/* The system call fails with ENOSYS from now on, in this process. */
static void forbid(long call)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {
		.len = sizeof(code) / sizeof(code[0]),
		.filter = code,
	};

	cr_assert(zero(int, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)));
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
		    &program) != 0)
		cr_skip("cannot install a seccomp filter");
}

Test(engine, does_without_futex_waitv)
{
	struct accel_context *context;
	struct user_queue other;

	forbid(SYS_futex_waitv);
	sleep_and_wake(100);
	context = soft_open(soft_device);
	user_queue_init(&other, context, 16);
	cr_assert(wait_until(sleeps, &other));
	cr_expect(zero(int, soft_call(context, accel_queue_destroy, other.id)));
	cr_expect(eq(int, ring_wait(other.producer.ring, 0, USER_WAIT_NS), -ENODEV));
	user_queue_finish(&other);
	accel_context_destroy(context);
}

struct nap {
	bool ends_by_itself; /* or there is none: the thread runs */
	bool at_doorbell;
};

static struct nap nap_of(pid_t tid)
{
	unsigned long arguments[4];
	long call = process_call(getpid(), tid, arguments);
	bool at_doorbell = call == SYS_futex_waitv;

	return (struct nap){
		.ends_by_itself = call < 0 || ((call == SYS_futex || at_doorbell) &&
					       arguments[3] /* a limit */),
		.at_doorbell = at_doorbell,
	};
}

/* Until they are woken. */
static bool engines_sleep(void *data)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	bool all = true, any = false;

	cr_assert(ne(ptr, tasks, NULL));
	while ((entry = readdir(tasks))) {
		pid_t tid = atoi(entry->d_name);
		struct nap nap;

		if (tid <= 0 || tid == gettid())
			continue;
		nap = nap_of(tid);
		all &= !nap.ends_by_itself;
		any |= nap.at_doorbell;
	}
	closedir(tasks);
	return all && any;
}

Test(engine, uses_no_processor_time_asleep)
{
	if (syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) < 0 && errno == ENOSYS)
		cr_skip("before Linux 5.16 its sleep is bounded");
	cr_assert(wait_until(engines_sleep, NULL));
}

/* ---- fences ------------------------------------------------------------------------ */

static struct accel_command fence_command(enum accel_op op, uint32_t fence,
					  uint64_t value)
{
	return (struct accel_command){
		.op = (uint16_t)op, .src2_asid = fence, .value = value};
}

static bool is_fetched(void *data)
{
	return __atomic_load_n(&engine_queue.producer.ring->head, __ATOMIC_ACQUIRE) ==
	       engine_queue.next;
}

/* One queue produces what the other consumes, a thousand times. */
Test(engine, fences_order_two_queues)
{
	uint32_t there = soft_fence(soft_context, 0), back = soft_fence(soft_context, 0);

	for (uint64_t i = 1; i <= 1000; i++) {
		struct accel_command commands[] = {
			fence_command(ACCEL_OP_WAIT, there, i),
			{.op = ACCEL_OP_COPY,
			 .dst_asid = engine_job.asid,
			 .src_asid = engine_job.asid,
			 .dst = engine_job.iova + 64,
			 .src = engine_job.iova,
			 .length = 8},
			fence_command(ACCEL_OP_SIGNAL, back, i),
		};
		const struct accel_command make[] = {
			soft_fill(engine_job.asid, engine_job.iova, i),
			fence_command(ACCEL_OP_SIGNAL, there, i),
			fence_command(ACCEL_OP_WAIT, back, i),
		};

		for (size_t k = 0; k < 3; k++)
			user_queue_submit(&engine_queue, &commands[k]);
		for (size_t k = 0; k < 3; k++)
			cr_assert(
				ge(i64,
				   soft_submit(soft_context, engine_job.queue, &make[k]),
				   0));
		cr_assert(soft_completed(soft_context, engine_job.queue, 3 * i));
		cr_assert(eq(u64, engine_job.memory[8], i));
	}
}

Test(engine, waits_for_a_program)
{
	struct accel_fence arg = {.size = sizeof(arg)};
	struct accel_command wait;

	arg.id = soft_fence(soft_context, 0);
	wait = fence_command(ACCEL_OP_WAIT, arg.id, 7);
	user_queue_submit(&engine_queue, &wait);
	cr_assert(wait_until(is_fetched, NULL));
	for (arg.value = 1; arg.value < 7; arg.value++) {
		cr_assert(zero(int, accel_fence_signal(soft_context, &arg)));
		cr_expect(eq(int, ring_wait(engine_queue.producer.ring, 0, 2 * MS),
			     -ETIMEDOUT));
	}
	cr_assert(zero(int, accel_fence_signal(soft_context, &arg)));
	cr_expect(zero(int, user_queue_wait(&engine_queue)));
}

/* Commands before one that waits are reported complete without it. */
Test(engine, tells_what_is_complete_before_it_waits)
{
	uint32_t fence = soft_fence(soft_context, 0);
	struct accel_command commands[] = {
		{0}, {0}, fence_command(ACCEL_OP_WAIT, fence, 1)};

	cr_assert(eq(uint, ring_producer_push(&engine_queue.producer, commands, 3), 3));
	cr_expect(zero(int, ring_wait(engine_queue.producer.ring, 1, USER_WAIT_NS)));
	cr_expect(eq(int, ring_wait(engine_queue.producer.ring, 2, 0), -ETIMEDOUT));
}

Test(engine, faults_if_its_fence_is_destroyed)
{
	uint32_t fence = soft_fence(soft_context, 0);
	struct accel_command wait = fence_command(ACCEL_OP_WAIT, fence, 1);

	user_queue_submit(&engine_queue, &wait);
	cr_assert(wait_until(is_fetched, NULL));
	cr_assert(zero(int, soft_call(soft_context, accel_fence_destroy, fence)));
	cr_expect(eq(int, user_queue_wait(&engine_queue), -EIO));
	cr_expect(eq(u32, engine_queue.producer.ring->fault.reason, ACCEL_FAULT_FENCE));
}

/* ---- latency ----------------------------------------------------------------------- */

Test(engine, takes_its_time_when_told_to)
{
	static const uint32_t latencies[] = {50000, 3000000};

	for (size_t i = 0; i < 2; i++) {
		const struct accel_command nop = {0};
		struct accel_device_params params = {
			.size = sizeof(params),
			.name = {(char)('a' + (int)i)},
			.latency_ns = latencies[i],
		};
		struct accel_context *context;
		struct accel_device *device;
		struct user_queue slow;
		int64_t begin;

		cr_assert(
			zero(int, accel_device_create(soft_registry, &accel_soft_backend,
						      &params, &device)));
		context = soft_open(device);
		user_queue_init(&slow, context, 16);
		begin = now_ns();
		for (int k = 0; k < 10; k++)
			user_queue_submit(&slow, &nop);
		cr_assert(zero(int, user_queue_wait(&slow)));
		cr_expect(ge(i64, now_ns() - begin, 10 * (int64_t)latencies[i]));
		user_queue_finish(&slow);
		accel_context_destroy(context);
	}
}

/* ---- stopping ---------------------------------------------------------------------- */

Test(engine, ends_in_its_latency)
{
	const struct accel_command nop = {0};
	struct accel_context *context = open_slow(1000000000);
	struct user_queue slow;
	int64_t begin;

	user_queue_init(&slow, context, ENTRIES);
	for (int i = 0; i < ENTRIES; i++)
		user_queue_submit(&slow, &nop);
	begin = now_ns();
	expect_end(context, accel_device_find(soft_registry, "slow"));
	cr_expect(eq(int, ring_wait(slow.producer.ring, ENTRIES - 1, USER_WAIT_NS),
		     -ENODEV));
	cr_expect(lt(i64, now_ns() - begin, 10 * SECOND), "it waited for the commands");
	user_queue_finish(&slow);
}

Test(engine, ends_while_it_waits_for_a_fence)
{
	struct accel_context *context = soft_open(soft_device);
	struct accel_command wait =
		fence_command(ACCEL_OP_WAIT, soft_fence(context, 0), 1);
	struct user_queue other;

	user_queue_init(&other, context, 16);
	user_queue_submit(&other, &wait);
	accel_context_destroy(context);
	cr_expect(eq(int, ring_wait(other.producer.ring, 0, USER_WAIT_NS), -ENODEV));
	user_queue_finish(&other);
}

Test(engine, ends_asleep_and_faulted)
{
	struct accel_context *context = soft_open(soft_device);
	const struct accel_command bad = {.op = UINT16_MAX};
	struct user_queue asleep, faulted;

	user_queue_init(&asleep, context, 16);
	user_queue_init(&faulted, context, 16);
	cr_assert(eq(int, user_queue_run(&faulted, &bad), -EIO));
	cr_assert(wait_until(sleeps, &asleep));
	accel_context_destroy(context);
	cr_expect(eq(int, ring_wait(asleep.producer.ring, 0, USER_WAIT_NS), -ENODEV));
	user_queue_finish(&asleep);
	user_queue_finish(&faulted);
}

/* 4096 commands that take minutes together. */
Test(engine, ends_in_the_middle_of_long_commands)
{
	struct accel_context *context = soft_open(soft_device);
	const uint64_t bytes = 2 << 20;
	int fd = new_memfd(bytes);
	struct accel_command product;
	struct user_queue other;
	uint32_t asid, buffer;

	cr_assert(zero(int, accel_buffer_import(context, fd, &buffer)));
	asid = soft_asid(context, 0);
	user_queue_init(&other, context, ENTRIES);
	cr_assert(zero(int, soft_attach(context, other.id, asid)));
	product = (struct accel_command){
		.op = ACCEL_OP_MATMUL,
		.dst_asid = asid,
		.src_asid = asid,
		.src2_asid = asid,
		.dst = soft_map(context, asid, buffer, bytes),
		.rows = ACCEL_MAX_MATRIX,
		.columns = ACCEL_MAX_MATRIX,
		.inner = ACCEL_MAX_MATRIX,
	};
	product.src = product.src2 = product.dst + (1 << 20);
	for (int i = 0; i < ENTRIES; i++)
		user_queue_submit(&other, &product);
	expect_end(context, soft_device);
	user_queue_finish(&other);
}

/* Engines start and stop repeatedly. */
Test(engine, ends_at_any_moment)
{
	for (int i = 0; i < 500; i++) {
		const struct accel_command nop = {0};
		struct user_queue other;

		user_queue_init(&other, soft_context, 16);
		for (int k = 0; k < i % 3; k++)
			user_queue_submit(&other, &nop);
		cr_assert(zero(int,
			       soft_call(soft_context, accel_queue_destroy, other.id)));
		user_queue_finish(&other);
		/* The device has few queues; this one is free again shortly. */
		cr_assert(wait_until(engine_has_free_queue, NULL));
	}
}
