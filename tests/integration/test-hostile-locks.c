/* SPDX-License-Identifier: MIT */
/*
 * test-hostile-locks.c - files that take long to close
 *
 * Each close(2) of a file walks the POSIX locks of its inode. An attacker makes the
 * service close many descriptors of a memfd with a million locks, and sleeps. What others
 * wait meanwhile is measured beside the same load with a memfd without locks, while the
 * attacker closes one with locks itself: a processor on which the kernel walks them runs
 * nothing else, whoever closes.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "attacks/attacks.h"
#include "harness.h"
#include "latency.h"
#include "raw.h"
#include "config.h"

#define ATTACKER   1001
#define INNOCENT   1003
#define ROUNDS     5   /* pairs of runs with and without locks; odd */
#define LOOPS      150 /* of the innocent user in a run */
#define CALLS      3   /* measured in each */
#define MAX_RATIO  3
#define LONGEST_MS 1000 /* thousands of closes, one after the other, take longer */
#define TRIES      3    /* of all rounds: a processor can be busy in one of them */

#ifdef SANITIZED
#define LOCKS 100000
#else
#define LOCKS 1000000
#endif

struct run {
	const struct instance *instance;
	bool locks;
};

/* ---- the attacker ------------------------------------------------------------------ */

/* Closes until it is killed. */
static void close_locked(int fd)
{
	for (;;)
		close(ASSERT_OK(SYS(fcntl(fd, F_DUPFD_CLOEXEC, 0))));
}

static void leave_closes(int peer, void *data)
{
	const struct run *run = data;
	int fd = raw_memfd(PAGE), own = raw_memfd(PAGE);

	attack_make_closes(run->instance, fd, run->locks ? fd : own, LOCKS);
	peer_signal(peer);
	if (!run->locks)
		close_locked(own);
	pause();
}

/* ---- the innocent user ------------------------------------------------------------- */

static void work_once(const struct instance *instance, int root, int connection,
		      struct latency *times)
{
	int memfd = raw_memfd(PAGE), opened;
	uint8_t uuid[16];

	ASSERT_OK(TIMED(times, raw_export_fd(root, memfd, 0, 0, uuid)));
	opened = ASSERT_OK(TIMED(times, raw_open(instance, uuid, O_RDWR)));
	close(ASSERT_OK(TIMED(times, raw_exchange(connection, opened))));
	ASSERT_OK(raw_withdraw(root, uuid));
	close(opened);
	close(memfd);
}

/* Sends how long its calls take. */
static void work(int peer, void *data)
{
	const struct run *run = data;
	int root = ASSERT_OK(raw_root(run->instance));
	int connection = ASSERT_OK(raw_connect(run->instance));
	struct latency times = {.n = 0};
	struct latency_figures figures;

	for (int i = 0; i < LOOPS; i++)
		work_once(run->instance, root, connection, &times);
	figures = latency_figures(&times);
	peer_put(peer, &figures, sizeof(figures));
}

/* ---- runs -------------------------------------------------------------------------- */

/* The end of the attacker ends its locks: what the service still has closes quickly. */
static struct latency_figures measure(struct instance *instance, bool locks)
{
	struct run run = {instance, locks};
	struct child attacker, innocent;
	struct latency_figures figures;

	child_start(&attacker, USER(ATTACKER), leave_closes, &run);
	peer_wait(attacker.peer);
	child_start(&innocent, USER(INNOCENT), work, &run);
	if (!wait_ready(innocent.peer, POLLIN, WAIT_MS))
		test_fail(__FILE__, __LINE__, "an attacker stalls others");
	peer_get(innocent.peer, &figures, sizeof(figures));
	child_wait(&innocent);
	child_kill(&attacker, SIGKILL);
	instance_settle(instance);
	return figures;
}

static void others_do_not_wait(struct instance *instance)
{
	static const struct latency_comparison comparison = {
		.measure = measure,
		.without = "without locks",
		.rounds = ROUNDS,
		.max_ratio = MAX_RATIO,
		.longest_ms = LONGEST_MS,
		.tries = TRIES,
	};

	latency_compare(instance, &comparison);
}

static bool is_unmounted(void *data)
{
	const struct instance *instance = data;

	return !is_mounted(instance->dir);
}

/* The mount goes at once, whatever the service still has to close. */
static void the_end_is_not_held_up(struct instance *instance)
{
	struct run run = {instance, true};
	struct child attacker;

	child_start(&attacker, USER(ATTACKER), leave_closes, &run);
	peer_wait(attacker.peer);
	ASSERT_OK(SYS(kill(instance->pid, SIGTERM)));
	ASSERT(wait_until(is_unmounted, instance));
	child_kill(&attacker, SIGKILL);
	instance_expect_exit(instance, 0);
}

const struct test_case test_cases[] = {
	{"others_do_not_wait", others_do_not_wait, NULL, 600},
	{"the_end_is_not_held_up", the_end_is_not_held_up},
	{0},
};
