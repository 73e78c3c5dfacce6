/* SPDX-License-Identifier: MIT */
/* test-engine-hostile.c - the thread behind a queue, and clients that misuse the ring */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine-fixture.h"

/* The mediated queue is unaffected. */
static void expect_neighbour(void)
{
	struct accel_command command =
		soft_fill(engine_job.asid, engine_job.iova + 512, 0);
	static uint64_t rounds;
	int64_t index;

	command.value = ++rounds;
	index = soft_submit(soft_context, engine_job.queue, &command);
	cr_assert(ge(i64, index, 0));
	cr_assert(soft_completed(soft_context, engine_job.queue, (uint64_t)index + 1));
	cr_assert(eq(u64, engine_job.memory[64], rounds));
}

/* Resets the queue, or creates a new one if it was isolated. */
static void revive(void)
{
	int r = soft_call(soft_context, accel_queue_reset, engine_queue.id);

	if (r == 0 || r == -EINVAL)
		return;
	user_queue_finish(&engine_queue);
	cr_assert(
		zero(int, soft_call(soft_context, accel_queue_destroy, engine_queue.id)));
	cr_assert(wait_until(engine_has_free_queue, NULL));
	user_queue_init(&engine_queue, soft_context, ENTRIES);
	cr_assert(zero(int, soft_attach(soft_context, engine_queue.id, engine_job.asid)));
}

static void ring_bell(void)
{
	struct accel_ring *ring = engine_queue.producer.ring;

	__atomic_fetch_add(&ring->doorbell, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &ring->doorbell, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

Test(engine, stops_at_a_tail_that_jumps)
{
	static const uint64_t jumps[] = {ENTRIES + 1, UINT32_MAX, UINT64_MAX,
					 UINT64_MAX / 2};
	const struct accel_command nop = {0};

	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		struct accel_ring *ring = engine_queue.producer.ring;
		uint64_t before;

		cr_assert(zero(int, user_queue_run(&engine_queue, &nop)));
		before = ring_completed(ring);
		__atomic_store_n(&ring->tail, before + jumps[i], __ATOMIC_SEQ_CST);
		ring_bell();
		cr_assert(soft_in_state(soft_context, engine_queue.id,
					ACCEL_QUEUE_FAULTED));
		cr_expect(eq(u32, ring->fault.reason, ACCEL_FAULT_RING));
		cr_expect(eq(u64, ring->fault.index, before));
		cr_expect(eq(u64, ring_completed(ring), before));
		/* The producer resumes from the current tail. */
		cr_assert(zero(int, soft_call(soft_context, accel_queue_reset,
					      engine_queue.id)));
		cr_assert(zero(int, ring_producer_init(&engine_queue.producer, ring,
						       engine_queue.bytes)));
		engine_queue.next = engine_queue.producer.tail;
		cr_expect(eq(u64, engine_queue.next, before + jumps[i]));
		cr_assert(zero(int, user_queue_run(&engine_queue, &nop)));
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
	return soft_queue_info(soft_context, engine_queue.id).completed ==
	       engine_queue.next;
}

Test(engine, bears_scribbled_words)
{
	const struct accel_command nop = {0};
	pthread_t thread;

	cr_assert(zero(int, pthread_create(&thread, NULL, scribble_words,
					   engine_queue.producer.ring)));
	for (int i = 0; i < 300; i++) {
		for (int k = 0; k < 40; k++)
			user_queue_submit(&engine_queue, &nop);
		cr_assert(wait_until(has_run_all, NULL));
		expect_neighbour();
	}
	/* Destroy it while the scribbler runs. */
	cr_assert(
		zero(int, soft_call(soft_context, accel_queue_destroy, engine_queue.id)));
	cr_expect(wait_until(engine_is_idle,
			     &(struct engine_idle){soft_device, SOFT_QUEUES - 1}));
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
		.dst_asid = engine_job.asid,
		.src_asid = engine_job.asid,
		.dst = engine_job.iova,
		.src = engine_job.iova + 1024,
		.length = 64,
	};

	if (command.op == ACCEL_OP_XOR || command.op == ACCEL_OP_VADD) {
		command.src2_asid = engine_job.asid;
		command.src2 = engine_job.iova + 2048;
	}
	return command.op == ACCEL_OP_NOP ? (struct accel_command){0} : command;
}

static bool has_run_or_faulted(void *data)
{
	struct accel_queue_info info = soft_queue_info(soft_context, engine_queue.id);

	return info.state != ACCEL_QUEUE_RUNNING ||
	       info.completed == engine_queue.producer.tail;
}

static pthread_t start_scribbling(void)
{
	pthread_t thread;

	stop = false;
	cr_assert(
		zero(int, pthread_create(&thread, NULL, scribble_slots, &engine_queue)));
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
		ring_producer_push(&engine_queue.producer, commands, ENTRIES);
		cr_assert(wait_until(has_run_or_faulted, NULL));
		info = soft_queue_info(soft_context, engine_queue.id);
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
			ring_producer_push(&engine_queue.producer, &nop, 1);
		cr_assert(zero(int, fallocate(engine_queue.fd,
					      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					      i % 2 ? 0 : PAGE, PAGE)));
		ring_bell();
		cr_assert(lt(int, ftruncate(engine_queue.fd, 0), 0));
		revive();
		expect_neighbour();
	}
}
