/* SPDX-License-Identifier: MIT */
/* test-engine.c - the thread behind a queue: order, sleep, exit, and hostile clients */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "relax.h"
#include "soft-fixture.h"
#include "user-queue.h"

#define ENTRIES 64
#define MS      INT64_C(1000000)
#define SECOND  INT64_C(1000000000)

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static struct soft_job job; /* of the mediated queue */
static struct user_queue queue;

static void init(void)
{
	soft_init();
	soft_job_init(&job, soft_context, 0);
	user_queue_init(&queue, soft_context, ENTRIES);
	cr_assert(zero(int, soft_attach(soft_context, queue.id, job.asid)));
}

static void finish(void)
{
	user_queue_finish(&queue);
	soft_job_finish(&job);
	soft_finish();
}

TestSuite(engine, .init = init, .fini = finish);

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

/* Whether @n of the device's queues are free. */
struct idle {
	struct accel_device *device;
	uint32_t queues_free;
};

static bool is_idle(void *data)
{
	const struct idle *idle = data;

	return soft_info(idle->device).queues_free == idle->queues_free;
}

/* Its only queue is free again at once. */
static void expect_end(struct accel_context *context, struct accel_device *device)
{
	struct idle idle = {device, soft_info(device).queues_free + 1};
	int64_t begin = now_ns();

	accel_context_destroy(context);
	cr_expect(lt(i64, now_ns() - begin, 5 * SECOND), "it waited for the commands");
	cr_expect(wait_until(is_idle, &idle));
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
			commands[i] = i % 2 ? soft_fill(job.asid, job.iova, pushed + i)
					    : (struct accel_command){0};
		pushed += ring_producer_push(&queue.producer, commands, n);
	}
	queue.next = pushed;
	cr_assert(zero(int, user_queue_wait(&queue)));
	cr_expect(eq(u64, ring_completed(queue.producer.ring), pushed));
	cr_expect(eq(u64, soft_queue_info(soft_context, queue.id).completed, pushed));
	cr_expect(le(u64, job.memory[0], pushed));
}

Test(engine, a_completion_comes_after_what_it_is_of)
{
	for (uint64_t i = 1; i < 5000; i++) {
		struct accel_command command = soft_fill(job.asid, job.iova + 8, i);

		cr_assert(zero(int, user_queue_run(&queue, &command)));
		cr_assert(eq(u64, __atomic_load_n(&job.memory[1], __ATOMIC_RELAXED), i));
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
			.size = sizeof(batch), .queue = job.queue, .count = n};
		for (unsigned i = 0; i < n; i++)
			batch.commands[i] = soft_fill(job.asid, job.iova, next + i);
		do {
			r = accel_queue_submit(soft_context, &batch);
		} while (r == -EAGAIN);
		cr_assert(zero(int, r));
		cr_assert(eq(u64, batch.index, next));
		next += n;
	}
	cr_assert(soft_completed(soft_context, job.queue, next));
	cr_expect(eq(u64, job.memory[0], next - 1));
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
		user_queue_submit(&queue, &silent);
		user_queue_submit(&queue, &command);
		cr_assert(wait_until(has_event, NULL));
		cr_expect(gt(u64, ring_completed(queue.producer.ring), 2 * i + 1));
		cr_assert(eq(sz, accel_events_read(soft_context, &event, 1), 1));
		cr_expect(eq(u32, event.type, ACCEL_EVENT_COMPLETED));
		cr_expect(eq(u32, event.object, queue.id));
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
		uint32_t doorbell = queue.producer.ring->doorbell;

		cr_assert(wait_until(sleeps, &queue));
		cr_assert(zero(int, user_queue_run(&queue, &nop)));
		cr_expect(eq(u32, queue.producer.ring->doorbell, doorbell + 1));
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

		cr_assert(zero(int, user_queue_run(&queue, &nop)));
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

Test(engine, uses_no_processor_time_asleep)
{
	struct timespec before, after;
	const struct timespec moment = {0, 200 * 1000 * 1000};

	cr_assert(wait_until(sleeps, &queue));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	nanosleep(&moment, NULL);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	cr_expect(lt(i64,
		     (after.tv_sec - before.tv_sec) * SECOND + after.tv_nsec -
			     before.tv_nsec,
		     50 * MS));
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
	return __atomic_load_n(&queue.producer.ring->head, __ATOMIC_ACQUIRE) ==
	       queue.next;
}

/* One queue produces what the other consumes, a thousand times. */
Test(engine, fences_order_two_queues)
{
	uint32_t there = soft_fence(soft_context, 0), back = soft_fence(soft_context, 0);

	for (uint64_t i = 1; i <= 1000; i++) {
		struct accel_command commands[] = {
			fence_command(ACCEL_OP_WAIT, there, i),
			{.op = ACCEL_OP_COPY,
			 .dst_asid = job.asid,
			 .src_asid = job.asid,
			 .dst = job.iova + 64,
			 .src = job.iova,
			 .length = 8},
			fence_command(ACCEL_OP_SIGNAL, back, i),
		};
		const struct accel_command make[] = {
			soft_fill(job.asid, job.iova, i),
			fence_command(ACCEL_OP_SIGNAL, there, i),
			fence_command(ACCEL_OP_WAIT, back, i),
		};

		for (size_t k = 0; k < 3; k++)
			user_queue_submit(&queue, &commands[k]);
		for (size_t k = 0; k < 3; k++)
			cr_assert(ge(i64, soft_submit(soft_context, job.queue, &make[k]),
				     0));
		cr_assert(soft_completed(soft_context, job.queue, 3 * i));
		cr_assert(eq(u64, job.memory[8], i));
	}
}

Test(engine, waits_for_a_program)
{
	struct accel_fence arg = {.size = sizeof(arg)};
	struct accel_command wait;

	arg.id = soft_fence(soft_context, 0);
	wait = fence_command(ACCEL_OP_WAIT, arg.id, 7);
	user_queue_submit(&queue, &wait);
	cr_assert(wait_until(is_fetched, NULL));
	for (arg.value = 1; arg.value < 7; arg.value++) {
		cr_assert(zero(int, accel_fence_signal(soft_context, &arg)));
		cr_expect(eq(int, ring_wait(queue.producer.ring, 0, 2 * MS), -ETIMEDOUT));
	}
	cr_assert(zero(int, accel_fence_signal(soft_context, &arg)));
	cr_expect(zero(int, user_queue_wait(&queue)));
}

/* Commands before one that waits are reported complete without it. */
Test(engine, tells_what_is_complete_before_it_waits)
{
	uint32_t fence = soft_fence(soft_context, 0);
	struct accel_command commands[] = {
		{0}, {0}, fence_command(ACCEL_OP_WAIT, fence, 1)};

	cr_assert(eq(uint, ring_producer_push(&queue.producer, commands, 3), 3));
	cr_expect(zero(int, ring_wait(queue.producer.ring, 1, USER_WAIT_NS)));
	cr_expect(eq(int, ring_wait(queue.producer.ring, 2, 0), -ETIMEDOUT));
}

Test(engine, faults_if_its_fence_is_destroyed)
{
	uint32_t fence = soft_fence(soft_context, 0);
	struct accel_command wait = fence_command(ACCEL_OP_WAIT, fence, 1);

	user_queue_submit(&queue, &wait);
	cr_assert(wait_until(is_fetched, NULL));
	cr_assert(zero(int, soft_call(soft_context, accel_fence_destroy, fence)));
	cr_expect(eq(int, user_queue_wait(&queue), -EIO));
	cr_expect(eq(u32, queue.producer.ring->fault.reason, ACCEL_FAULT_FENCE));
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
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const uint64_t bytes = 2 << 20;
	struct accel_command product;
	struct user_queue other;
	uint32_t asid, buffer;

	cr_assert(zero(int, ftruncate(fd, (off_t)bytes)));
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
		while (!soft_info(soft_device).queues_free)
			relax_cpu();
	}
}

/* The mediated queue is unaffected. */
static void expect_neighbour(void)
{
	struct accel_command command = soft_fill(job.asid, job.iova + 512, 0);
	static uint64_t rounds;
	int64_t index;

	command.value = ++rounds;
	index = soft_submit(soft_context, job.queue, &command);
	cr_assert(ge(i64, index, 0));
	cr_assert(soft_completed(soft_context, job.queue, (uint64_t)index + 1));
	cr_assert(eq(u64, job.memory[64], rounds));
}

/* ---- hostile clients --------------------------------------------------------------- */

/* Resets the queue, or creates a new one if it was isolated. */
static void revive(void)
{
	int r = soft_call(soft_context, accel_queue_reset, queue.id);

	if (r == 0 || r == -EINVAL)
		return;
	user_queue_finish(&queue);
	cr_assert(zero(int, soft_call(soft_context, accel_queue_destroy, queue.id)));
	while (!soft_info(soft_device).queues_free)
		relax_cpu();
	user_queue_init(&queue, soft_context, ENTRIES);
	cr_assert(zero(int, soft_attach(soft_context, queue.id, job.asid)));
}

static void ring_bell(void)
{
	struct accel_ring *ring = queue.producer.ring;

	__atomic_fetch_add(&ring->doorbell, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &ring->doorbell, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

Test(engine, stops_at_a_tail_that_jumps)
{
	static const uint64_t jumps[] = {ENTRIES + 1, UINT32_MAX, UINT64_MAX,
					 UINT64_MAX / 2};
	const struct accel_command nop = {0};

	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		struct accel_ring *ring = queue.producer.ring;
		uint64_t before;

		cr_assert(zero(int, user_queue_run(&queue, &nop)));
		before = ring_completed(ring);
		__atomic_store_n(&ring->tail, before + jumps[i], __ATOMIC_SEQ_CST);
		ring_bell();
		cr_assert(soft_in_state(soft_context, queue.id, ACCEL_QUEUE_FAULTED));
		cr_expect(eq(u32, ring->fault.reason, ACCEL_FAULT_RING));
		cr_expect(eq(u64, ring->fault.index, before));
		cr_expect(eq(u64, ring_completed(ring), before));
		/* The producer resumes from the current tail. */
		cr_assert(
			zero(int, soft_call(soft_context, accel_queue_reset, queue.id)));
		cr_assert(zero(int,
			       ring_producer_init(&queue.producer, ring, queue.bytes)));
		queue.next = queue.producer.tail;
		cr_expect(eq(u64, queue.next, before + jumps[i]));
		cr_assert(zero(int, user_queue_run(&queue, &nop)));
	}
	expect_neighbour();
}

static atomic_bool stop;

/* Overwrites fields that only the device may write, and the futex words. */
static void *scribble_words(void *arg)
{
	struct accel_ring *ring = arg;
	unsigned seed = 7;

	while (!stop) {
		__u32 *words[] = {
			&ring->need_wakeup, &ring->doorbell,   &ring->waiters,
			&ring->completion,  &ring->entries,    &ring->magic,
			&ring->state,       &ring->entry_size, &ring->fault.reserved};

		__atomic_store_n(words[(unsigned)rand_r(&seed) % 9],
				 (uint32_t)rand_r(&seed) % 3, __ATOMIC_RELAXED);
		__atomic_store_n(&ring->completed, (uint64_t)rand_r(&seed),
				 __ATOMIC_RELAXED);
	}
	return NULL;
}

static bool has_run_all(void *data)
{
	/*
	 * The scribbler changes the futex word, so the wake-up may be lost: ring again.
	 */
	ring_bell();
	return soft_queue_info(soft_context, queue.id).completed == queue.next;
}

Test(engine, bears_scribbled_words)
{
	const struct accel_command nop = {0};
	pthread_t thread;

	cr_assert(zero(
		int, pthread_create(&thread, NULL, scribble_words, queue.producer.ring)));
	for (int i = 0; i < 300; i++) {
		for (int k = 0; k < 40; k++)
			user_queue_submit(&queue, &nop);
		cr_assert(wait_until(has_run_all, NULL));
		expect_neighbour();
	}
	/* Destroy it while the scribbler runs. */
	cr_assert(zero(int, soft_call(soft_context, accel_queue_destroy, queue.id)));
	cr_expect(wait_until(is_idle, &(struct idle){soft_device, SOFT_QUEUES - 1}));
	stop = true;
	pthread_join(thread, NULL);
}

/* Overwrites everything behind the header, as another process could. */
static void *scribble_slots(void *arg)
{
	const struct user_queue *one = arg;
	unsigned char *memory = soft_view(one->fd, one->bytes);
	unsigned char *slots = memory + ACCEL_RING_ENTRIES;
	unsigned seed = 11;

	while (!stop) {
		unsigned place = (unsigned)rand_r(&seed) % (ENTRIES * 64);

		__atomic_store_n(&slots[place], (unsigned char)rand_r(&seed),
				 __ATOMIC_RELAXED);
	}
	munmap(memory, one->bytes);
	return NULL;
}

/* Well-formed commands, which the scribbler may then change. */
static struct accel_command random_command(void)
{
	struct accel_command command = {
		.op = (uint16_t)(rand() % ACCEL_OP_COUNT),
		.dst_asid = job.asid,
		.src_asid = job.asid,
		.dst = job.iova,
		.src = job.iova + 1024,
		.length = 64,
	};

	if (command.op == ACCEL_OP_XOR || command.op == ACCEL_OP_VADD) {
		command.src2_asid = job.asid;
		command.src2 = job.iova + 2048;
	}
	return command.op == ACCEL_OP_NOP ? (struct accel_command){0} : command;
}

static bool has_run_or_faulted(void *data)
{
	struct accel_queue_info info = soft_queue_info(soft_context, queue.id);

	return info.state != ACCEL_QUEUE_RUNNING || info.completed == queue.producer.tail;
}

static pthread_t start_scribbling(void)
{
	pthread_t thread;

	stop = false;
	cr_assert(zero(int, pthread_create(&thread, NULL, scribble_slots, &queue)));
	return thread;
}

static void end_scribbling(pthread_t thread)
{
	stop = true;
	pthread_join(thread, NULL);
}

Test(engine, bears_commands_that_change_while_it_reads)
{
	pthread_t thread = start_scribbling();
	unsigned faults = 0, reasons = 0;

	for (int i = 0; i < 30000 && faults < 300; i++) {
		struct accel_command commands[ENTRIES];
		struct accel_queue_info info;

		for (int k = 0; k < ENTRIES; k++)
			commands[k] = random_command();
		ring_producer_push(&queue.producer, commands, ENTRIES);
		cr_assert(wait_until(has_run_or_faulted, NULL));
		info = soft_queue_info(soft_context, queue.id);
		if (info.state == ACCEL_QUEUE_RUNNING)
			continue;
		faults++;
		reasons |= 1U << info.fault.reason;
		end_scribbling(thread);
		expect_neighbour();
		revive();
		thread = start_scribbling();
	}
	end_scribbling(thread);
	cr_expect(gt(uint, faults, 0), "no command was hit");
	cr_expect(not(zero(uint, reasons & 1U << ACCEL_FAULT_COMMAND)));
}

/* Pages of the ring are punched out and read as zero from then on. */
Test(engine, bears_a_ring_with_holes)
{
	const struct accel_command nop = {0};

	for (int i = 0; i < 100; i++) {
		for (int k = 0; k < 20; k++)
			ring_producer_push(&queue.producer, &nop, 1);
		cr_assert(zero(int, fallocate(queue.fd,
					      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					      i % 2 ? 0 : PAGE, PAGE)));
		ring_bell();
		cr_assert(lt(int, ftruncate(queue.fd, 0), 0));
		revive();
		expect_neighbour();
	}
}
