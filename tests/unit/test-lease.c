/* SPDX-License-Identifier: MIT */
/* test-lease.c - the lock of leases, and who waits for it */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lease.h"
#include "../support/process.h"

/* Opens that meet a lease: the second call of each is made with the lock held. */
struct opening {
	_Atomic pid_t tid;
	atomic_int n_calls;
	sem_t permitted; /* to return */
};

static struct opening first, later;
static _Atomic pid_t asker;
static atomic_int n_done;

static int meet_lease(void *data)
{
	struct opening *opening = data;

	opening->tid = gettid();
	if (++opening->n_calls == 1)
		return -EAGAIN;
	sem_wait(&opening->permitted);
	return -ENOENT;
}

static void *keep_off(void *opening)
{
	cr_assert(eq(int, lease_keep_off(meet_lease, opening), -ENOENT));
	n_done++;
	return NULL;
}

static void *ask(void *fd)
{
	asker = gettid();
	(void)lease_held(*(int *)fd);
	n_done++;
	return NULL;
}

static void wait_until_it_sleeps(const _Atomic pid_t *thread)
{
	unsigned long arguments[4];

	while (n_done == 0 &&
	       (*thread == 0 || process_call(getpid(), *thread, arguments) != SYS_futex))
		sched_yield();
}

static void wait_until_it_opens(const struct opening *opening)
{
	while (opening->n_calls < 2)
		sched_yield();
}

static int open_another(void)
{
	int memfd = memfd_create("test", MFD_CLOEXEC), fd;
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	fd = lease_open(AT_FDCWD, path, O_RDWR);
	close(memfd);
	return fd;
}

/* Else clients could keep a lease, and what waits for it, from ever having a turn. */
Test(lease, does_not_wait_for_those_that_come_later, .timeout = 60)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	pthread_t threads[3];

	sem_init(&first.permitted, 0, 0);
	sem_init(&later.permitted, 0, 1);
	cr_assert(zero(int, pthread_create(&threads[0], NULL, keep_off, &first)));
	wait_until_it_opens(&first);
	cr_assert(zero(int, pthread_create(&threads[1], NULL, ask, &fd)));
	wait_until_it_sleeps(&asker);
	cr_assert(zero(int, pthread_create(&threads[2], NULL, keep_off, &later)));
	wait_until_it_sleeps(&later.tid);
	cr_assert(eq(int, later.n_calls, 1));
	cr_assert(zero(int, n_done));
	sem_post(&first.permitted);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	cr_assert(eq(int, n_done, 3));
	close(fd);
}

/* What others wait for is not its business. */
Test(lease, an_open_that_meets_none_does_not_wait, .timeout = 60)
{
	int fd = memfd_create("test", MFD_CLOEXEC), other;
	pthread_t threads[2];

	sem_init(&first.permitted, 0, 0);
	cr_assert(zero(int, pthread_create(&threads[0], NULL, keep_off, &first)));
	wait_until_it_opens(&first);
	cr_assert(zero(int, pthread_create(&threads[1], NULL, ask, &fd)));
	wait_until_it_sleeps(&asker);
	other = open_another();
	cr_assert(ge(int, other, 0));
	close(other);
	cr_assert(zero(int, n_done));
	sem_post(&first.permitted);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	close(fd);
}
