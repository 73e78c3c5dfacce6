/* SPDX-License-Identifier: MIT */
/* test-restore-queue.c - what of queues, commands and fences a kill leaves */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "restore-fixture.h"
#include "soft-fixture.h"
#include "user-queue.h"

#define MASK UINT64_C(0xff)

/* In ids[], for a queue with a page; commands toggle its first word, so twice is seen. */
enum { QUEUE, ASID, BUFFER, FENCE };

/* ---- helpers ----------------------------------------------------------------------- */

static void make_job(unsigned device, uint32_t flags)
{
	struct soft_job job;

	kept_open(0, device);
	soft_job_init(&job, contexts[0], flags);
	job.memory[1] = MASK;
	kept->ids[QUEUE] = job.queue;
	kept->ids[ASID] = job.asid;
	kept->ids[BUFFER] = job.buffer;
	kept->values[0] = job.iova;
	kept->ids[FENCE] = soft_fence(contexts[0], 1);
	soft_job_finish(&job);
}

static struct accel_command toggle(void)
{
	return (struct accel_command){
		.op = ACCEL_OP_XOR,
		.dst_asid = kept->ids[ASID],
		.src_asid = kept->ids[ASID],
		.src2_asid = kept->ids[ASID],
		.dst = kept->values[0],
		.src = kept->values[0],
		.src2 = kept->values[0] + 8,
		.length = 8,
	};
}

static struct accel_command fence_command(enum accel_op op, uint64_t value)
{
	return (struct accel_command){
		.op = op, .src2_asid = kept->ids[FENCE], .value = value};
}

static uint64_t read_word(void)
{
	int fd = soft_fd(contexts[0], kept->ids[BUFFER], O_RDONLY);
	uint64_t word = 0;

	cr_assert(eq(long, pread(fd, &word, sizeof(word), 0), sizeof(word)));
	close(fd);
	return word;
}

/* The ring of a queue of this process, as its client has it. */
static struct accel_ring *view_ring(uint32_t queue, size_t bytes)
{
	struct accel_ring *ring;
	int fd;

	cr_assert(zero(int, accel_queue_open_ring(contexts[0], queue, &fd)));
	ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert(ne(ptr, ring, MAP_FAILED));
	close(fd);
	return ring;
}

static struct accel_fence query_fence(void)
{
	struct accel_fence arg = {.size = sizeof(arg), .id = kept->ids[FENCE]};

	cr_assert(zero(int, accel_fence_query(contexts[0], &arg)));
	return arg;
}

static void submit(const struct accel_command *command)
{
	cr_assert(ge(i64, soft_submit(contexts[0], kept->ids[QUEUE], command), 0));
}

/* ---- mediated ---------------------------------------------------------------------- */

/* Of three commands that take a second each, one has completed. */
static void make_pending(void)
{
	struct accel_command command;

	make_job(KEPT_LATENCY, 0);
	command = toggle();
	submit(&command);
	submit(&command);
	submit(&command);
	cr_assert(soft_completed(contexts[0], kept->ids[QUEUE], 1));
}

Test(restore_queue, pending_commands)
{
	struct accel_command command;
	struct accel_queue_info info;
	struct accel_event event;
	struct accel_ring *ring;

	restore_kill_after(make_pending);
	cr_assert(zero(uint, restore_all()));
	info = soft_queue_info(contexts[0], kept->ids[QUEUE]);
	cr_expect(eq(u32, info.state, ACCEL_QUEUE_FAULTED));
	cr_expect(eq(u32, info.fault.reason, ACCEL_FAULT_OWNER));
	cr_expect(eq(u64, info.fault.index, 1));
	cr_expect(zero(u32, info.fault.count));
	cr_expect(eq(u32, info.attached, 1));
	cr_expect(eq(u64, info.submitted, 3));
	ring = view_ring(kept->ids[QUEUE], ACCEL_RING_ENTRIES);
	cr_expect(zero(int, ring_wait(ring, 0, USER_WAIT_NS)));
	cr_expect(eq(int, ring_wait(ring, 1, USER_WAIT_NS), -EOWNERDEAD));
	cr_expect(eq(int, ring_wait(ring, 2, USER_WAIT_NS), -EOWNERDEAD));
	command = toggle();
	cr_expect(eq(i64, soft_submit(contexts[0], kept->ids[QUEUE], &command),
		     -EOWNERDEAD));
	cr_assert(soft_next_event(contexts[0], &event));
	cr_expect(eq(u32, event.type, ACCEL_EVENT_FAULT));
	cr_expect(eq(u32, event.reason, ACCEL_FAULT_OWNER));
	cr_expect(eq(u64, event.value, 1));
	cr_expect(not(accel_events_pending(contexts[0])), "reported twice");
	/* A reset makes it usable, and executes none of them. */
	cr_assert(zero(int, soft_call(contexts[0], accel_queue_reset, kept->ids[QUEUE])));
	cr_expect(eq(int, ring_wait(ring, 2, USER_WAIT_NS), -EOWNERDEAD));
	cr_expect(eq(u64, read_word(), MASK));
	cr_expect(eq(i64, soft_submit(contexts[0], kept->ids[QUEUE], &command), 3));
	cr_expect(zero(int, ring_wait(ring, 3, USER_WAIT_NS)));
	cr_expect(zero(u64, read_word()));
	munmap(ring, ACCEL_RING_ENTRIES);
	restore_finish();
}

static void make_idle(void)
{
	struct accel_command command;

	make_job(0, 0);
	command = toggle();
	submit(&command);
	cr_assert(soft_completed(contexts[0], kept->ids[QUEUE], 1));
}

/* A queue without a command that was taken goes on, and its indexes do. */
Test(restore_queue, idle_queue)
{
	struct accel_command command;
	struct accel_queue_info info;

	restore_kill_after(make_idle);
	cr_assert(zero(uint, restore_all()));
	info = soft_queue_info(contexts[0], kept->ids[QUEUE]);
	cr_expect(eq(u32, info.state, ACCEL_QUEUE_RUNNING));
	command = toggle();
	cr_expect(eq(i64, soft_submit(contexts[0], kept->ids[QUEUE], &command), 1));
	cr_assert(soft_completed(contexts[0], kept->ids[QUEUE], 2));
	cr_expect(zero(u64, read_word()));
	restore_finish();
}

/* ---- a ring ------------------------------------------------------------------------ */

static void make_ring(struct user_queue *queue, unsigned device)
{
	make_job(device, 0);
	user_queue_init(queue, contexts[0], 32);
	kept->ids[QUEUE] = queue->id;
	cr_assert(zero(int, soft_attach(contexts[0], queue->id, kept->ids[ASID])));
}

static void make_ring_pending(void)
{
	struct accel_command command;
	struct user_queue queue;

	make_ring(&queue, KEPT_LATENCY);
	command = toggle();
	user_queue_submit(&queue, &command);
	cr_assert(zero(int, user_queue_wait(&queue)));
	user_queue_submit(&queue, &command);
	command = fence_command(ACCEL_OP_SIGNAL, 9);
	user_queue_submit(&queue, &command);
	/* Until the device has taken it. */
	while (__atomic_load_n(&queue.producer.ring->head, __ATOMIC_ACQUIRE) < 2)
		usleep(1000);
	kept_pass(queue.fd);
}

Test(restore_queue, ring_with_taken_commands)
{
	struct accel_queue_info info;
	struct accel_ring *ring;
	size_t bytes = ACCEL_RING_ENTRIES + 32 * sizeof(struct accel_command);

	restore_kill_after(make_ring_pending);
	cr_assert(zero(uint, restore_all()));
	close(kept_take());
	ring = view_ring(kept->ids[QUEUE], bytes);
	cr_expect(eq(int, ring_wait(ring, 1, USER_WAIT_NS), -EOWNERDEAD));
	cr_expect(eq(int, ring_wait(ring, 2, USER_WAIT_NS), -EOWNERDEAD));
	info = soft_queue_info(contexts[0], kept->ids[QUEUE]);
	cr_expect(eq(u32, info.state, ACCEL_QUEUE_FAULTED));
	cr_expect(eq(u64, info.fault.index, 1));
	/* No command waits without end for what the lost one was to signal. */
	cr_expect(eq(u32, query_fence().flags, ACCEL_FENCE_FAILED));
	cr_assert(zero(int, soft_call(contexts[0], accel_queue_reset, kept->ids[QUEUE])));
	cr_expect(eq(u64, __atomic_load_n(&ring->completed, __ATOMIC_ACQUIRE), 3));
	cr_expect(eq(u64, read_word(), MASK));
	munmap(ring, bytes);
	restore_finish();
}

static void make_ring_idle(void)
{
	struct accel_command command;
	struct user_queue queue;

	make_ring(&queue, 0);
	command = toggle();
	cr_assert(zero(int, user_queue_run(&queue, &command)));
	kept_pass(queue.fd);
}

/* What a client submits while nobody serves it is executed, once. */
Test(restore_queue, ring_in_the_pause)
{
	struct accel_command command;
	struct user_queue queue = {0};
	size_t bytes = ACCEL_RING_ENTRIES + 32 * sizeof(struct accel_command);
	void *memory;

	restore_kill_after(make_ring_idle);
	queue.fd = kept_take();
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, queue.fd, 0);
	cr_assert(ne(ptr, memory, MAP_FAILED));
	cr_assert(zero(int, ring_producer_init(&queue.producer, memory, bytes)));
	queue.producer.tail = queue.producer.head = queue.next = 1;
	command = toggle();
	user_queue_submit(&queue, &command);
	cr_assert(zero(uint, restore_all()));
	cr_expect(zero(int, user_queue_wait(&queue)));
	cr_expect(zero(u64, read_word()));
	command = toggle();
	cr_expect(zero(int, user_queue_run(&queue, &command)));
	cr_expect(eq(u64, read_word(), MASK));
	munmap(memory, bytes);
	close(queue.fd);
	restore_finish();
}

/* ---- a kill between the record and the ring ---------------------------------------- */

#define RING_BYTES (ACCEL_RING_ENTRIES + 32 * sizeof(struct accel_command))

/* The ring of the killed process, before there is another one. */
static struct accel_ring *take_ring(void)
{
	int fd = kept_take();
	struct accel_ring *ring =
		mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	cr_assert(ne(ptr, ring, MAP_FAILED));
	close(fd);
	return ring;
}

/* Who waits for a command is not left asleep. */
Test(restore_queue, completion_under_way)
{
	struct accel_ring *ring;
	uint32_t seen;

	restore_kill_after(make_ring_idle);
	ring = take_ring();
	ring->completed = 0;
	ring->waiters = 1;
	seen = ring->completion;
	cr_assert(zero(uint, restore_all()));
	cr_expect(zero(int, ring_wait(ring, 0, 0)));
	cr_expect(ne(u32, ring->completion, seen));
	munmap(ring, RING_BYTES);
	restore_finish();
}

/* The second command faults. */
static void make_ring_faulted(struct user_queue *queue)
{
	struct accel_command command;

	make_ring(queue, 0);
	command = toggle();
	cr_assert(zero(int, user_queue_run(queue, &command)));
	command.dst = 1 << 30;
	cr_assert(eq(int, user_queue_run(queue, &command), -EIO));
	kept_pass(queue->fd);
}

static void make_ring_stopped(void)
{
	struct user_queue queue;

	make_ring_faulted(&queue);
}

static void make_ring_reset(void)
{
	struct user_queue queue;

	make_ring_faulted(&queue);
	cr_assert(zero(int, soft_call(contexts[0], accel_queue_reset, kept->ids[QUEUE])));
}

Test(restore_queue, fault_under_way)
{
	struct accel_ring *ring;
	struct accel_queue_info info;

	restore_kill_after(make_ring_stopped);
	ring = take_ring();
	ring->state = ACCEL_QUEUE_RUNNING;
	ring->fault = (struct accel_fault){0};
	cr_assert(zero(uint, restore_all()));
	cr_expect(eq(int, ring_wait(ring, 1, USER_WAIT_NS), -EOWNERDEAD));
	info = soft_queue_info(contexts[0], kept->ids[QUEUE]);
	cr_expect(eq(u32, info.state, ACCEL_QUEUE_FAULTED));
	cr_expect(eq(u32, info.fault.reason, ACCEL_FAULT_OWNER));
	cr_expect(eq(u64, info.fault.index, 1));
	cr_expect(eq(u32, info.fault.count, 1));
	munmap(ring, RING_BYTES);
	restore_finish();
}

/* What a reset drops has never completed. */
Test(restore_queue, reset_under_way)
{
	struct accel_ring *ring;

	restore_kill_after(make_ring_reset);
	ring = take_ring();
	ring->state = ACCEL_QUEUE_FAULTED;
	ring->completed = 1;
	ring->dropped_first = ring->dropped_end = 0;
	cr_assert(zero(uint, restore_all()));
	cr_expect(eq(u32, ring->state, ACCEL_QUEUE_RUNNING));
	cr_expect(zero(int, ring_wait(ring, 0, USER_WAIT_NS)));
	cr_expect(eq(int, ring_wait(ring, 1, USER_WAIT_NS), -EIO));
	munmap(ring, RING_BYTES);
	restore_finish();
}

Test(restore_queue, dropped_commands)
{
	struct accel_ring *ring;

	restore_kill_after(make_ring_reset);
	ring = take_ring();
	cr_assert(zero(uint, restore_all()));
	cr_expect(eq(int, ring_wait(ring, 1, USER_WAIT_NS), -EIO));
	munmap(ring, RING_BYTES);
	restore_finish();
}

/* ---- faults ------------------------------------------------------------------------ */

static void make_faulted(void)
{
	struct accel_command command;

	make_job(0, 0);
	command = toggle();
	command.dst = 1 << 30;
	submit(&command);
	cr_assert(soft_in_state(contexts[0], kept->ids[QUEUE], ACCEL_QUEUE_FAULTED));
}

Test(restore_queue, faulted_queue)
{
	struct accel_queue_info info;

	restore_kill_after(make_faulted);
	cr_assert(zero(uint, restore_all()));
	info = soft_queue_info(contexts[0], kept->ids[QUEUE]);
	cr_expect(eq(u32, info.state, ACCEL_QUEUE_FAULTED));
	cr_expect(eq(u32, info.fault.reason, ACCEL_FAULT_UNMAPPED));
	cr_expect(eq(u32, info.fault.count, 1));
	restore_finish();
}

static void make_isolated(void)
{
	make_faulted();
	for (int i = 1; i < 16; i++) {
		struct accel_command command = toggle();

		cr_assert(zero(int, soft_call(contexts[0], accel_queue_reset,
					      kept->ids[QUEUE])));
		command.dst = 1 << 30;
		submit(&command);
		while (soft_queue_info(contexts[0], kept->ids[QUEUE]).state ==
		       ACCEL_QUEUE_RUNNING)
			usleep(1000);
	}
}

/* Also if its client writes something else into the ring. */
Test(restore_queue, isolated_queue)
{
	restore_kill_after(make_isolated);
	cr_assert(zero(uint, restore_all()));
	cr_expect(eq(u32, soft_queue_info(contexts[0], kept->ids[QUEUE]).state,
		     ACCEL_QUEUE_ISOLATED));
	cr_expect(eq(int, soft_call(contexts[0], accel_queue_reset, kept->ids[QUEUE]),
		     -EIO));
	restore_finish();
}

/* ---- fences ------------------------------------------------------------------------ */

static void make_fences(void)
{
	struct accel_command command;

	make_job(KEPT_LATENCY, 0);
	command = fence_command(ACCEL_OP_SIGNAL, 4);
	submit(&command);
	cr_assert(soft_completed(contexts[0], kept->ids[QUEUE], 1));
	command = fence_command(ACCEL_OP_SIGNAL, 8);
	submit(&command);
}

/* The value is what commands have made it; what a lost one was to make it has failed. */
Test(restore_queue, fences)
{
	struct accel_command wait;
	struct accel_fence fence;

	restore_kill_after(make_fences);
	cr_assert(zero(uint, restore_all()));
	fence = query_fence();
	cr_expect(eq(u64, fence.value, 4));
	cr_expect(eq(u32, fence.flags, ACCEL_FENCE_FAILED));
	cr_assert(zero(int, soft_call(contexts[0], accel_queue_reset, kept->ids[QUEUE])));
	wait = fence_command(ACCEL_OP_WAIT, 8);
	submit(&wait);
	cr_assert(soft_in_state(contexts[0], kept->ids[QUEUE], ACCEL_QUEUE_FAULTED));
	cr_expect(eq(u32, soft_queue_info(contexts[0], kept->ids[QUEUE]).fault.reason,
		     ACCEL_FAULT_FENCE));
	fence = (struct accel_fence){
		.size = sizeof(fence), .id = kept->ids[FENCE], .value = 8};
	cr_assert(zero(int, accel_fence_signal(contexts[0], &fence)));
	cr_expect(zero(u32, query_fence().flags));
	restore_finish();
}
