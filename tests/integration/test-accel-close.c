/* SPDX-License-Identifier: MIT */
/*
 * test-accel-close.c - what a context held is there again once close(2) has returned
 *
 * close(2) does not wait for FUSE_RELEASE. The kernel sends that in the background, a
 * limited number at a time: with a limit of 0 it keeps all of them back.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <dmabuffs-accel.h>

#include "../support/process.h"
#include "child.h"
#include "harness.h"
#include "raw-accel.h"
#include "syscalls.h"

#define PINNED (1UL << 20)
#define LIMITS                                                                           \
	"accel=soft0:queues=8,max-contexts-per-uid=3,max-queues-per-uid=2,"              \
	"max-asids-per-uid=2,max-pinned-per-uid=1M"
#define EXCLUSIVE "accel=soft0:exclusive"

#define DEFAULT_BACKGROUND 12
#define MAX_THREADS        200

/* ---- the kernel's queue ------------------------------------------------------------ */

/* Of the connection that the instance is mounted with. */
static void limit_background(const struct instance *instance, unsigned int n)
{
	char path[200], text[12];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/connections", test_work_dir);
	if (SYS(mkdir(path, 0700)) == 0)
		ASSERT_OK(SYS(mount("fusectl", path, "fusectl", 0, NULL)));
	ASSERT_OK(SYS(stat(instance->dir, &st)));
	snprintf(path, sizeof(path), "%s/connections/%u/max_background", test_work_dir,
		 minor(st.st_dev));
	fd = ASSERT_OK(SYS(open(path, O_WRONLY | O_CLOEXEC)));
	snprintf(text, sizeof(text), "%u", n);
	ASSERT_EQ(SYS(write(fd, text, strlen(text))), strlen(text));
	close(fd);
}

/* Sends what was kept back: the next one takes them along. */
static void send_background(const struct instance *instance)
{
	limit_background(instance, DEFAULT_BACKGROUND);
	close(ASSERT_OK(raw_devices(instance)));
}

/* ---- calls that find no room before a release is served ---------------------------- */

struct taking {
	const struct instance *instance;
	int context; /* or -1 */
	long long (*take)(const struct taking *taking);
	long long result;
	int done; /* is written to when it has returned */
};

/* The threads of the service that wait with a bound; more of them do once a call waits.
 */
struct waiters {
	pid_t service;
	int done; /* of the call */
	pid_t before[MAX_THREADS];
	size_t n_before;
};

static bool waits_with_bound(pid_t pid, pid_t tid)
{
	unsigned long arguments[4];

	return process_call(pid, tid, arguments) == SYS_futex && arguments[3];
}

static bool waited_before(const struct waiters *waiters, pid_t tid)
{
	for (size_t i = 0; i < waiters->n_before; i++)
		if (waiters->before[i] == tid)
			return true;
	return false;
}

static size_t list_waiters(pid_t service, pid_t *ret_tids)
{
	pid_t tids[MAX_THREADS];
	size_t n = list_threads(service, tids, ARRAY_SIZE(tids)), n_waiters = 0;

	for (size_t i = 0; i < n; i++)
		if (waits_with_bound(service, tids[i]))
			ret_tids[n_waiters++] = tids[i];
	return n_waiters;
}

static bool waits_or_returned(void *data)
{
	const struct waiters *waiters = data;
	pid_t tids[MAX_THREADS];
	size_t n = list_waiters(waiters->service, tids);

	for (size_t i = 0; i < n; i++)
		if (!waited_before(waiters, tids[i]))
			return true;
	return wait_ready(waiters->done, POLLIN, 0);
}

static void *take_in_thread(void *arg)
{
	struct taking *taking = arg;

	taking->result = taking->take(taking);
	ASSERT_EQ(SYS(write(taking->done, "", 1)), 1);
	return NULL;
}

/* The call waits in the service when this returns. */
static pthread_t close_and_begin(struct taking *taking, int closed, int done[2])
{
	struct waiters waiters = {.service = taking->instance->service};
	pthread_t thread;

	ASSERT_OK(SYS(pipe2(done, O_CLOEXEC)));
	taking->done = done[1];
	waiters.done = done[0];
	limit_background(taking->instance, 0);
	ASSERT_OK(SYS(close(closed)));
	waiters.n_before = list_waiters(waiters.service, waiters.before);
	ASSERT_EQ(pthread_create(&thread, NULL, take_in_thread, taking), 0);
	ASSERT(wait_until(waits_or_returned, &waiters));
	ASSERT(!wait_ready(done[0], POLLIN, 0));
	return thread;
}

static void close_and_take(struct taking *taking, int closed)
{
	int done[2];
	pthread_t thread = close_and_begin(taking, closed, done);

	send_background(taking->instance);
	ASSERT_EQ(pthread_join(thread, NULL), 0);
	ASSERT_OK(taking->result);
	close(done[0]);
	close(done[1]);
}

/* All that the user may have is taken by one context, which is closed. */
static void take_after_close(const struct instance *instance,
			     long long (*take)(const struct taking *taking))
{
	struct taking taking = {instance, ASSERT_OK(raw_context(instance)), take, 0, -1};
	struct taking first = taking;

	first.context = ASSERT_OK(raw_context(instance));
	while (take(&first) >= 0)
		;
	ASSERT_ERR(take(&taking), EDQUOT);
	close_and_take(&taking, first.context);
	close(taking.context);
}

static long long take_queue(const struct taking *taking)
{
	return raw_accel_queue(taking->context, 0, ACCEL_RING_MIN);
}

static void queue(struct instance *instance)
{
	take_after_close(instance, take_queue);
}

static long long take_asid(const struct taking *taking)
{
	return raw_accel_asid(taking->context, 0);
}

static void asid(struct instance *instance)
{
	take_after_close(instance, take_asid);
}

static long long take_buffer(const struct taking *taking)
{
	int fd = raw_memfd(PINNED);
	long long result = raw_accel_import(taking->context, fd);

	close(fd);
	return result;
}

static void buffer(struct instance *instance)
{
	take_after_close(instance, take_buffer);
}

static long long take_own_memory(const struct taking *taking)
{
	int mem = raw_open_proc(getpid(), "mem", O_RDWR);
	int maps = raw_open_proc(getpid(), "maps", O_RDONLY);
	long long result = raw_accel_sva(taking->context, mem, maps);

	close(mem);
	close(maps);
	return result;
}

static void own_memory(struct instance *instance)
{
	take_after_close(instance, take_own_memory);
}

static long long take_context(const struct taking *taking)
{
	return raw_context(taking->instance);
}

static void context(struct instance *instance)
{
	struct taking taking = {instance, -1, take_context, 0, -1};
	int contexts[3];

	for (size_t i = 0; i < ARRAY_SIZE(contexts); i++)
		contexts[i] = ASSERT_OK(raw_context(instance));
	ASSERT_ERR(raw_context(instance), EDQUOT);
	close_and_take(&taking, contexts[0]);
}

static void exclusive_device(struct instance *instance)
{
	struct taking taking = {instance, -1, take_context, 0, -1};
	int first = ASSERT_OK(raw_context(instance));

	ASSERT_ERR(raw_context(instance), EBUSY);
	close_and_take(&taking, first);
}

/* Its engines stop later than the context is closed, which the library waits for. */
static void exclusive_device_with_queue(struct instance *instance)
{
	struct dmabuffs *library;
	int context;

	ASSERT_OK(dmabuffs_open(instance->dir, &library));
	for (int i = 0; i < 20; i++) {
		ASSERT_OK(dmabuffs_accel_open(library, "soft0", &context));
		ASSERT_OK(raw_accel_queue(context, 0, ACCEL_RING_MIN));
		close(context);
	}
	dmabuffs_close(library);
}

/* ---- contexts that stay open ------------------------------------------------------- */

/* The service sees a close of one of two descriptors, as of the last one. */
static void close_duplicate(int context)
{
	int duplicate = ASSERT_OK(SYS(fcntl(context, F_DUPFD_CLOEXEC, 0)));

	ASSERT_OK(SYS(close(duplicate)));
}

/* A refusal comes late, once; not at all late if the context was used since. */
static void with_duplicates(struct instance *instance)
{
	struct taking taking = {.context = ASSERT_OK(raw_context(instance))};
	int other = ASSERT_OK(raw_context(instance));
	uint64_t start;

	for (int i = 0; i < 2; i++)
		ASSERT_OK(raw_accel_queue(other, 0, ACCEL_RING_MIN));
	close_duplicate(other);
	ASSERT_ERR(take_queue(&taking), EDQUOT);
	start = now_ms();
	ASSERT_ERR(take_queue(&taking), EDQUOT);
	close_duplicate(other);
	ASSERT_OK(raw_accel_fence(other));
	ASSERT_ERR(take_queue(&taking), EDQUOT);
	ASSERT(now_ms() - start < PROMPT_MS);
}

/* What the context itself has in the way ends with no other one. */
static void attached_asid(struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance));
	int other = ASSERT_OK(raw_context(instance));
	uint32_t asid = (uint32_t)ASSERT_OK(raw_accel_asid(context, 0));
	uint32_t queue = (uint32_t)ASSERT_OK(raw_accel_queue(context, 0, ACCEL_RING_MIN));
	uint64_t start = now_ms();

	ASSERT_OK(raw_accel_attach(context, queue, asid));
	close_duplicate(other);
	ASSERT_ERR(raw_accel_object(context, DMABUFFS_ACCEL_IOC_ASID_DESTROY, asid),
		   EBUSY);
	ASSERT(now_ms() - start < PROMPT_MS);
	close(other);
	close(context);
}

static int refused_at_once(void *data)
{
	struct taking taking = {.context = ASSERT_OK(raw_context(data))};
	uint64_t start = now_ms();

	for (int i = 0; i < 2; i++)
		ASSERT_OK(take_queue(&taking));
	ASSERT_ERR(take_queue(&taking), EDQUOT);
	ASSERT(now_ms() - start < PROMPT_MS);
	return 0;
}

/* Nobody waits for what another user has closed. */
static void of_another_user(struct instance *instance)
{
	int closed = ASSERT_OK(raw_context(instance));

	limit_background(instance, 0);
	close(closed);
	ASSERT_OK(child_call(USER(1001), refused_at_once, instance));
	send_background(instance);
}

/* A call that waits does not delay the end. */
static void at_the_end(struct instance *instance)
{
	struct taking taking = {.instance = instance,
				.context = ASSERT_OK(raw_context(instance)),
				.take = take_queue};
	int closed = ASSERT_OK(raw_context(instance)), done[2];
	pthread_t thread;
	uint64_t start;

	for (int i = 0; i < 2; i++)
		ASSERT_OK(raw_accel_queue(closed, 0, ACCEL_RING_MIN));
	thread = close_and_begin(&taking, closed, done);
	start = now_ms();
	ASSERT_OK(SYS(kill(instance->pid, SIGTERM)));
	instance_expect_exit(instance, 0);
	ASSERT(now_ms() - start < PROMPT_MS);
	ASSERT_EQ(pthread_join(thread, NULL), 0);
	ASSERT(taking.result < 0);
}

const struct test_case test_cases[] = {
	{"queue", queue, LIMITS},
	{"asid", asid, LIMITS},
	{"buffer", buffer, LIMITS},
	{"own_memory", own_memory, LIMITS},
	{"context", context, LIMITS},
	{"exclusive_device", exclusive_device, EXCLUSIVE},
	{"exclusive_device_with_queue", exclusive_device_with_queue, EXCLUSIVE},
	{"with_duplicates", with_duplicates, LIMITS},
	{"attached_asid", attached_asid, LIMITS},
	{"of_another_user", of_another_user, LIMITS},
	{"at_the_end", at_the_end, LIMITS},
	{0},
};
