/* SPDX-License-Identifier: MIT */
/*
 * raw-ring.c - user-mode queues on the accel-abi.h layout, without a library
 * (raw-accel.h)
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "harness.h"
#include "raw-accel.h"

void raw_ring_start(struct raw_ring *ring, const struct instance *instance, int context,
		    uint32_t entries)
{
	void *memory;

	*ring = (struct raw_ring){.context = context, .entries = entries};
	ring->queue =
		(uint32_t)ASSERT_OK(raw_accel_queue(context, ACCEL_QUEUE_USER, entries));
	ring->fd = ASSERT_OK(raw_accel_fd(instance, context, ring->queue, O_RDWR));
	ring->bytes = ACCEL_RING_ENTRIES + entries * sizeof(*ring->slots);
	ASSERT_OK(raw_map(ring->fd, ring->bytes, PROT_READ | PROT_WRITE, &memory));
	ring->header = memory;
	ring->slots = (void *)((char *)memory + ACCEL_RING_ENTRIES);
	ASSERT_EQ(ring->header->magic, ACCEL_RING_MAGIC);
	ASSERT_EQ(ring->header->entries, entries);
}

void raw_ring_end(struct raw_ring *ring)
{
	munmap(ring->header, ring->bytes);
	close(ring->fd);
}

void raw_ring_set_tail(struct raw_ring *ring, uint64_t tail)
{
	struct accel_ring *header = ring->header;

	ring->tail = tail;
	__atomic_store_n(&header->tail, tail, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&header->need_wakeup, __ATOMIC_RELAXED))
		return;
	__atomic_fetch_add(&header->doorbell, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &header->doorbell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void raw_ring_submit(struct raw_ring *ring, const struct accel_command *commands,
		     uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		ring->slots[(ring->tail + i) % ring->entries] = commands[i];
	raw_ring_set_tail(ring, ring->tail + n);
}

/* ---- a job ------------------------------------------------------------------------- */

void job_start(struct job *job, const struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance)), fd;
	void *memory;

	memset(job, 0, sizeof(*job));
	raw_ring_start(&job->ring, instance, context, JOB_ENTRIES);
	job->asid = (uint32_t)ASSERT_OK(raw_accel_asid(context, 0));
	job->buffer = (uint32_t)ASSERT_OK(raw_accel_alloc(context, 3 * JOB_BYTES));
	ASSERT_OK(
		raw_accel_map(context, job->asid, job->buffer, 3 * JOB_BYTES, JOB_IOVA));
	ASSERT_OK(raw_accel_attach(context, job->ring.queue, job->asid));
	fd = ASSERT_OK(raw_accel_fd(instance, context, job->buffer, O_RDWR));
	ASSERT_OK(raw_map(fd, 3 * JOB_BYTES, PROT_READ | PROT_WRITE, &memory));
	close(fd);
	job->memory = memory;
}

void job_end(struct job *job)
{
	munmap(job->memory, 3 * JOB_BYTES);
	raw_ring_end(&job->ring);
	close(job->ring.context);
}

/* Waits on the completion word's futex until this many commands are complete. */
static void job_wait(struct job *job, uint64_t completed)
{
	struct accel_ring *header = job->ring.header;
	const struct timespec step = {.tv_nsec = 100000000};
	uint64_t end = now_ms() + WAIT_MS;

	__atomic_fetch_add(&header->waiters, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		uint32_t seen = __atomic_load_n(&header->completion, __ATOMIC_SEQ_CST);

		if (__atomic_load_n(&header->completed, __ATOMIC_ACQUIRE) >= completed)
			break;
		ASSERT_EQ(__atomic_load_n(&header->state, __ATOMIC_ACQUIRE),
			  ACCEL_QUEUE_RUNNING);
		if (now_ms() > end)
			test_fail(__FILE__, __LINE__, "a command does not complete");
		syscall(SYS_futex, &header->completion, FUTEX_WAIT, seen, &step, NULL, 0);
	}
	__atomic_fetch_sub(&header->waiters, 1, __ATOMIC_SEQ_CST);
}

/*
 * The first third is the source; the second receives its XOR with a pattern, of which a
 * half is copied to the last.
 */
void job_round(struct job *job)
{
	uint64_t pattern64 = 0x0101010101010101 * (++job->round & 0xff);
	const uint64_t a = JOB_IOVA, b = a + JOB_BYTES, c = b + JOB_BYTES;
	const struct accel_command commands[] = {
		{.op = ACCEL_OP_FILL,
		 .dst_asid = job->asid,
		 .dst = c,
		 .length = JOB_BYTES,
		 .value = pattern64},
		{.op = ACCEL_OP_XOR,
		 .dst_asid = job->asid,
		 .src_asid = job->asid,
		 .src2_asid = job->asid,
		 .dst = b,
		 .src = a,
		 .src2 = c,
		 .length = JOB_BYTES},
		{.op = ACCEL_OP_COPY,
		 .dst_asid = job->asid,
		 .src_asid = job->asid,
		 .dst = c,
		 .src = b,
		 .length = JOB_BYTES / 2},
	};
	uint8_t byte = (uint8_t)pattern64;

	for (size_t i = 0; i < JOB_BYTES; i++)
		job->memory[i] = pattern(i + job->round);
	memset(job->memory + JOB_BYTES, 0, 2 * JOB_BYTES);
	raw_ring_submit(&job->ring, commands, ARRAY_SIZE(commands));
	job_wait(job, job->ring.tail);
	for (size_t i = 0; i < JOB_BYTES; i++) {
		uint8_t right = pattern(i + job->round) ^ byte;

		ASSERT_EQ(job->memory[i], pattern(i + job->round));
		ASSERT_EQ(job->memory[JOB_BYTES + i], right);
		ASSERT_EQ(job->memory[2 * JOB_BYTES + i],
			  i < JOB_BYTES / 2 ? right : byte);
	}
}
