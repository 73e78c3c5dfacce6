/* SPDX-License-Identifier: MIT */
/* test-accel-syscalls.c - a busy queue takes no system call */
#include <signal.h>

#include "accel.h"
#include "child.h"
#include "harness.h"
#include "syscalls.h"

#define MANY    20000
#define ENTRIES ACCEL_RING_MAX
#define BATCH   16

/* So that neither side waits for the other, however it is scheduled. */
static uint64_t fill_up(struct dmabuffs_accel_queue *queue,
			const struct accel_command *batch)
{
	uint64_t last = 0, index;

	while (dmabuffs_accel_queue_submit(queue, batch, BATCH, &index) == 0)
		last = index + BATCH;
	return last;
}

/* Between the marks, both sides are at work from the beginning. */
static void submit_many(struct dmabuffs_accel_queue *queue)
{
	const struct accel_command batch[BATCH] = {nop()};
	uint64_t begin = dmabuffs_accel_queue_completed(queue);
	uint64_t end = fill_up(queue, batch) + MANY, index = 0;

	while (dmabuffs_accel_queue_completed(queue) == begin)
		;
	count_mark();
	while (index + BATCH < end) {
		int r = dmabuffs_accel_queue_submit(queue, batch, BATCH, &index);

		ASSERT(r == 0 || r == -EAGAIN);
	}
	count_mark();
	ASSERT_OK(dmabuffs_accel_queue_wait(queue, index, WAIT_NS));
}

static void submit_for_count(int peer, void *data)
{
	struct dmabuffs_accel_queue *queue;
	struct seat seat;

	seat_open(&seat, data, SOFT0);
	peer_signal(peer);
	peer_wait(peer);
	queue = make_queue_with(&seat, ACCEL_QUEUE_USER, ENTRIES, 0);
	expect_done(queue, nop());
	peer_signal(peer);
	for (;;) {
		peer_wait(peer);
		submit_many(queue);
		peer_signal(peer);
	}
}

/* The threads that the daemon has more than before: the engine is one of them. */
static void find_engine(struct count *count, pid_t daemon, const pid_t *before,
			size_t n_before)
{
	pid_t now[512];
	size_t n = list_threads(daemon, now, ARRAY_SIZE(now));

	for (size_t i = 0; i < n; i++) {
		size_t known = 0;

		while (known < n_before && before[known] != now[i])
			known++;
		if (known < n_before)
			continue;
		ASSERT(count->n_threads < COUNTED_THREADS);
		count->threads[count->n_threads++] = now[i];
	}
	ASSERT(count->n_threads > 0);
}

static unsigned long engine_ticks(const struct count *count, pid_t daemon)
{
	unsigned long ticks = 0;

	for (size_t i = 0; i < count->n_threads; i++)
		ticks += thread_ticks(daemon, count->threads[i]);
	return ticks;
}

static void count_once(struct count *count, struct child *child, pid_t daemon)
{
	unsigned long ticks = engine_ticks(count, daemon);

	count_start(count);
	peer_signal(child->peer);
	count_run(count);
	peer_wait(child->peer);
	/* It was at work all the time, so it is the one that was watched. */
	ASSERT(engine_ticks(count, daemon) > ticks);
	test_note("%d commands: %lu system calls of the client, %lu of the device", MANY,
		  count->by_client, count->by_threads);
}

static void start_counting(struct count *count, struct child *child,
			   const struct instance *instance)
{
	pid_t before[512];
	size_t n;

	child_start(child, NULL, submit_for_count, (void *)instance);
	peer_wait(child->peer);
	n = list_threads(instance->pid, before, ARRAY_SIZE(before));
	peer_signal(child->peer);
	peer_wait(child->peer);
	*count = (struct count){.client = child->pid};
	find_engine(count, instance->pid, before, n);
}

/*
 * A full ring lasts the device for 160 ms, in which neither side makes a system call
 * unless the scheduler keeps the client from running for all of that time: then the
 * device sleeps, and the client has to wake it. So it is tried until it was not: a client
 * or a device that makes system calls while there is work makes them every time, and the
 * watchdog ends the case.
 */
static void no_system_calls(struct instance *instance)
{
	struct count count;
	struct child child;

	start_counting(&count, &child, instance);
	do {
		count_once(&count, &child, instance->pid);
		ASSERT_EQ(count.by_client, count.futexes);
	} while (count.by_client || count.by_threads);
	child_kill(&child, SIGKILL);
}

const struct test_case test_cases[] = {
	{"queue_no_system_calls", no_system_calls, "accel=soft0:latency=40000", 300},
	{0},
};
