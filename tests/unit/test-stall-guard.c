/* SPDX-License-Identifier: MIT */
/* test-stall-guard.c - interrupting system calls that wait too long */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "broker/stall_guard.h"
#include "stuck-socket.h"

static struct stall_guard guard;

static void init(void)
{
	cr_assert(zero(int, stall_guard_init(&guard)));
}

static void finish(void)
{
	stall_guard_finish(&guard);
}

TestSuite(stall_guard, .init = init, .fini = finish);

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Reads from an empty pipe; returns -errno when interrupted. */
static int read_nothing(void)
{
	int fds[2], r;
	char byte;

	cr_assert(zero(int, pipe(fds)));
	r = read(fds[0], &byte, 1) < 0 ? -errno : 0;
	close(fds[0]);
	close(fds[1]);
	return r;
}

Test(stall_guard, ends_a_wait)
{
	double start = now();

	stall_guard_begin(&guard);
	cr_assert(eq(int, read_nothing(), -EINTR));
	stall_guard_end(&guard);
	cr_assert(lt(dbl, now() - start, 10));
}

/* The signal may arrive just before the wait begins. */
Test(stall_guard, ends_every_wait)
{
	stall_guard_begin(&guard);
	for (int i = 0; i < 10; i++)
		cr_assert(eq(int, read_nothing(), -EINTR));
	stall_guard_end(&guard);
}

Test(stall_guard, ends_what_close_waits_for)
{
	int peer, fd = stuck_socket(&peer);
	double start = now();

	stall_guard_begin(&guard);
	close(fd);
	stall_guard_end(&guard);
	cr_assert(lt(dbl, now() - start, STUCK_SECONDS / 2.0));
	close(peer);
}

Test(stall_guard, is_quiet_after_the_end)
{
	stall_guard_begin(&guard);
	read_nothing();
	stall_guard_end(&guard);
	cr_assert(zero(int, poll(NULL, 0, 100)), "not interrupted");
}

Test(stall_guard, is_quiet_before_the_beginning)
{
	cr_assert(zero(int, poll(NULL, 0, 50)), "not interrupted");
}

static void *wait_unguarded(void *data)
{
	*(int *)data = poll(NULL, 0, 200);
	return NULL;
}

Test(stall_guard, concerns_its_own_thread_only)
{
	pthread_t thread;
	int other = -1;

	cr_assert(zero(int, pthread_create(&thread, NULL, wait_unguarded, &other)));
	stall_guard_begin(&guard);
	for (int i = 0; i < 5; i++)
		cr_assert(eq(int, read_nothing(), -EINTR));
	pthread_join(thread, NULL);
	stall_guard_end(&guard);
	cr_assert(zero(int, other), "another thread was interrupted");
}

/* New threads inherit the signal mask, in which the signal may be blocked. */
Test(stall_guard, unblocks_its_signal)
{
	sigset_t all;

	finish();
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	init();
	stall_guard_begin(&guard);
	cr_assert(eq(int, read_nothing(), -EINTR));
	stall_guard_end(&guard);
	pthread_sigmask(SIG_UNBLOCK, &all, NULL);
}
