/* SPDX-License-Identifier: MIT */
/* test-accel-syscalls.c - a busy queue makes no system call */
#include <signal.h>

#include "accel.h"
#include "child.h"
#include "harness.h"
#include "syscalls.h"

#define MANY    20000
#define ENTRIES ACCEL_RING_MAX
#define BATCH   16

/* Starts with a full ring, so that neither side waits for the other at first. */
static uint64_t fill_up(struct dmabuffs_accel_queue *queue,
			const struct accel_command *batch)
{
	uint64_t last = 0, index;

	while (dmabuffs_accel_queue_submit(queue, batch, BATCH, &index) == 0)
		last = index + BATCH;
	return last;
}

/* Both sides are busy from the first mark on. */
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

/* Finds the daemon's new threads, among them the engine. */
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
	/* The CPU time shows that the observed thread was the busy engine. */
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
	n = list_threads(instance->service, before, ARRAY_SIZE(before));
	peer_signal(child->peer);
	peer_wait(child->peer);
	*count = (struct count){.client = child->pid};
	find_engine(count, instance->service, before, n);
}

/*
 * A full ring keeps the device busy for 160 ms. Neither side makes a system call in that
 * time, unless the scheduler keeps the client off the CPU for all of it: then the device
 * sleeps and the client must wake it. So the run is repeated until it was undisturbed. A
 * client or device that makes system calls while there is work makes them in every run,
 * and the watchdog then fails the case.
 */
static void no_system_calls(struct instance *instance)
{
	struct count count;
	struct child child;

	start_counting(&count, &child, instance);
	do {
		count_once(&count, &child, instance->service);
		ASSERT_EQ(count.by_client, count.futexes);
	} while (count.by_client || count.by_threads);
	child_kill(&child, SIGKILL);
}

const struct test_case test_cases[] = {
	{"queue_no_system_calls", no_system_calls, "accel=soft0:latency=40000", 300},
	{0},
};
