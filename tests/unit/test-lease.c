/* SPDX-License-Identifier: MIT */
/* test-lease.c - the lock of leases */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lease.h"
#include "../support/process.h"

static _Atomic pid_t asker, opener; /* the threads */
static atomic_int n_done;

static void *ask(void *arg)
{
	asker = gettid();
	(void)lease_held(*(int *)arg);
	n_done++;
	return NULL;
}

static void *keep_off(void *unused)
{
	opener = gettid();
	lease_keep_off();
	n_done++;
	lease_permit();
	return NULL;
}

static void wait_until_it_sleeps(const _Atomic pid_t *thread)
{
	unsigned long arguments[4];

	while (n_done == 0 &&
	       (*thread == 0 || process_call(getpid(), *thread, arguments) != SYS_futex))
		sched_yield();
}

/* Else clients could keep a lease, and what waits for it, from ever having a turn. */
Test(lease, does_not_wait_for_those_that_come_later, .timeout = 60)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	pthread_t threads[2];

	lease_keep_off();
	cr_assert(zero(int, pthread_create(&threads[0], NULL, ask, &fd)));
	wait_until_it_sleeps(&asker);
	cr_assert(zero(int, pthread_create(&threads[1], NULL, keep_off, NULL)));
	wait_until_it_sleeps(&opener);
	cr_assert(zero(int, n_done));
	lease_permit();
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	cr_assert(eq(int, n_done, 2));
	close(fd);
}
