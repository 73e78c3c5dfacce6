/* SPDX-License-Identifier: MIT */
/* test-offload-close.c - closing unknown descriptors of clients */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <time.h>

#include "base/offload.h"
#include "fixture.h"
#include "stuck-socket.h"

#define MANY 253 /* the maximum per message */

#define PER_UID   8
#define PER_MOUNT 20

static struct limits limits;

static void init(void)
{
	struct limits_config config;

	limits_config_default(&config);
	config.per_uid[RES_CLOSES] = PER_UID;
	config.per_mount[RES_CLOSES] = PER_MOUNT;
	limits_init(&limits, &config);
}

/* Whether all threads have returned. */
static bool is_idle(void *data)
{
	return limits_used(&limits, RES_CLOSES) == 0;
}

static void finish(void)
{
	cr_assert(wait_until(is_idle, NULL), "charges of jobs are left");
	limits_finish(&limits);
}

TestSuite(offload_close, .init = init, .fini = finish);

static struct offload *reserve(uid_t uid)
{
	struct offload *job = NULL;

	cr_assert(zero(int, offload_reserve_close(&limits, uid, &job)));
	cr_assert(ne(ptr, job, NULL));
	return job;
}

Test(offload_close, cancel)
{
	struct offload *job = reserve(1);

	cr_assert(eq(u64, limits_used(&limits, RES_CLOSES), 1));
	offload_cancel(job);
	cr_assert(zero(u64, limits_used(&limits, RES_CLOSES)));
	offload_cancel(NULL);
}

Test(offload_close, closes_one)
{
	struct offload *job = reserve(1);
	int fd = new_memfd(1);

	offload_close(job, &fd, 1);
	cr_assert(wait_until(is_idle, NULL));
	cr_assert(not(is_open(fd)));
}

Test(offload_close, closes_many)
{
	struct offload *job = reserve(1);
	unsigned before = count_fds();
	int fds[MANY];

	for (int i = 0; i < MANY; i++)
		fds[i] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	offload_close(job, fds, MANY);
	/* The job has its own copy; the caller may reuse the array. */
	memset(fds, 0xff, sizeof(fds));
	cr_assert(wait_until(is_idle, NULL));
	cr_assert(eq(uint, count_fds(), before));
}

Test(offload_close, many_jobs)
{
	for (int i = 0; i < 300; i++) {
		struct offload *job;
		int fd;

		if (offload_reserve_close(&limits, 1, &job) < 0) {
			cr_assert(wait_until(is_idle, NULL));
			job = reserve(1);
		}
		fd = new_memfd(1);
		offload_close(job, &fd, 1);
	}
}

/* A user at its limit is refused; other users are not affected. */
Test(offload_close, is_limited)
{
	struct offload *job, *untouched = (void *)1;
	int peers[PER_UID];
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < PER_UID; i++) {
		int fd = stuck_socket(&peers[i]);

		offload_close(reserve(1), &fd, 1);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	cr_assert(lt(long, end.tv_sec - start.tv_sec, STUCK_SECONDS / 2));
	job = untouched;
	cr_assert(eq(int, offload_reserve_close(&limits, 1, &job), -EBUSY));
	cr_assert(eq(ptr, job, untouched), "output written on failure");
	cr_assert(eq(u64, limits_used(&limits, RES_CLOSES), PER_UID));
	offload_cancel(reserve(2));
	for (int i = 0; i < PER_UID; i++)
		close(peers[i]);
	cr_assert(wait_until(is_idle, NULL));
	offload_cancel(reserve(1));
}

Test(offload_close, of_the_mount_is_limited)
{
	struct offload *jobs[PER_MOUNT], *job;

	/* The last two are for users who hold nothing yet. */
	for (uid_t i = 0; i < PER_MOUNT; i++)
		jobs[i] = reserve(i < PER_MOUNT - 2 ? i / PER_UID : i);
	cr_assert(eq(int, offload_reserve_close(&limits, 7777, &job), -EBUSY));
	for (int i = 0; i < PER_MOUNT; i++)
		offload_cancel(jobs[i]);
}
