/* SPDX-License-Identifier: MIT */
/* test-caller.c - the process that sent a request */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/policy.h"
#include "buffers/buffer.h"
#include "names/caller.h"
#include "fd_identity.h"
#include "fixture.h"

static int own; /* a pidfd of the main thread */

static void init(void)
{
	caller_setup();
	own = caller_open(gettid());
	cr_assert(ge(int, own, 0));
}

static void finish(void)
{
	close(own);
}

TestSuite(caller, .init = init, .fini = finish);

static struct caller *read_self(void)
{
	struct caller *caller = NULL;

	cr_assert(zero(int, caller_read(gettid(), own, NULL, &caller)));
	return caller;
}

/* Pidfds of threads need Linux 6.9; older kernels have pidfds of processes only. */
static bool names_threads(void)
{
	int fd = (int)syscall(SYS_pidfd_open, gettid(), O_EXCL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/*
 * Some containers forbid pidfd_getfd(2); an export by descriptor then fails as
 * documented.
 */
static void need_getfd(int pidfd)
{
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, 0, 0);

	if (fd < 0 && (errno == EPERM || errno == ENOSYS))
		cr_skip_test("pidfd_getfd(2) is not permitted");
	close(fd);
}

/* Another thread or process, which waits until it is released. */
struct other {
	int ready[2], release[2];
	pid_t id;
	int memfd; /* in its own descriptor table */
};

static void other_init(struct other *other)
{
	cr_assert(zero(int, pipe2(other->ready, O_CLOEXEC)));
	cr_assert(zero(int, pipe2(other->release, O_CLOEXEC)));
}

static void wait_for_release(struct other *other)
{
	char byte;

	(void)!write(other->ready[1], other, sizeof(*other));
	(void)!read(other->release[0], &byte, 1);
}

static void wait_until_ready(struct other *other)
{
	struct other told;

	cr_assert(eq(long, read(other->ready[0], &told, sizeof(told)), sizeof(told)));
	other->id = told.id;
	other->memfd = told.memfd;
}

static void release(struct other *other)
{
	(void)!write(other->release[1], "", 1);
}

/* ---- recorded identity ------------------------------------------------------------- */

Test(caller, own_thread)
{
	struct caller *caller;

	prctl(PR_SET_NAME, "fifteen letters");
	caller = read_self();
	cr_assert(eq(uint, caller->refs, 1));
	cr_assert(eq(int, caller->pid, getpid()));
	cr_assert(eq(str, caller->comm, (char *)"fifteen letters"));
	cr_assert(eq(int, caller->thread != 0, names_threads()));
	caller_unref(caller);
}

Test(caller, a_name_is_one_line)
{
	struct caller *caller;

	prctl(PR_SET_NAME, "a b\nc");
	caller = read_self();
	cr_assert(eq(str, caller->comm, (char *)"a b"));
	caller_unref(caller);
}

Test(caller, namespaces)
{
	struct caller *caller = read_self();
	uint64_t ns[DMABUFFS_NS_COUNT];
	char path[64];
	struct stat st;

	caller_read_namespaces(gettid(), ns);
	for (int i = 0; i < DMABUFFS_NS_COUNT; i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", policy_ns_name(i));
		cr_assert(zero(int, stat(path, &st)));
		cr_assert(eq(u64, caller->ns[i], st.st_ino), "%s", path);
		cr_assert(eq(u64, ns[i], st.st_ino), "%s", path);
	}
	caller_unref(caller);
}

static void expect_unknown(const uint64_t ns[DMABUFFS_NS_COUNT])
{
	for (int i = 0; i < DMABUFFS_NS_COUNT; i++)
		cr_assert(zero(u64, ns[i]));
}

/* The kernel reports pid 0 for a process outside the service's PID namespace. */
Test(caller, not_nameable)
{
	struct caller *caller;
	uint64_t ns[DMABUFFS_NS_COUNT] = {7, 7, 7, 7, 7, 7};

	cr_assert(eq(int, caller_open(0), -EREMOTE));
	cr_assert(eq(int, caller_open(-1), -EREMOTE));
	cr_assert(zero(int, caller_read(0, -EREMOTE, NULL, &caller)));
	cr_assert(eq(int, caller->pid, 0));
	cr_assert(eq(u64, caller->thread, 0));
	cr_assert(eq(str, caller->comm, (char *)""));
	cr_assert(eq(ptr, caller->security, NULL));
	expect_unknown(caller->ns);
	caller_unref(caller);
	caller_read_namespaces(0, ns);
	expect_unknown(ns);
}

static int end_at_once(void *data)
{
	*(pid_t *)data = getpid();
	return 0;
}

Test(caller, gone)
{
	pid_t *pid = mmap(NULL, sizeof(*pid), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct caller *caller;

	cr_assert(zero(int, run_in_child(end_at_once, pid)));
	cr_assert(eq(int, caller_open(*pid), -EREMOTE));
	cr_assert(zero(int, caller_read(*pid, -EREMOTE, NULL, &caller)));
	cr_assert(eq(int, caller->pid, 0));
	cr_assert(eq(str, caller->comm, (char *)""));
	expect_unknown(caller->ns);
	caller_unref(caller);
	munmap(pid, sizeof(*pid));
}

static void *be_another(void *data)
{
	struct other *other = data;

	prctl(PR_SET_NAME, "another");
	other->id = gettid();
	other->memfd = new_memfd(42);
	wait_for_release(other);
	close(other->memfd);
	return NULL;
}

Test(caller, another_thread)
{
	struct other other;
	struct caller *caller, *first = read_self();
	pthread_t thread;
	int fd;

	other_init(&other);
	cr_assert(zero(int, pthread_create(&thread, NULL, be_another, &other)));
	wait_until_ready(&other);
	fd = caller_open(other.id);
	cr_assert(ge(int, fd, 0));
	cr_assert(zero(int, caller_read(other.id, fd, first, &caller)));
	cr_assert(ne(ptr, caller, first));
	cr_assert(eq(int, caller->pid, getpid()), "the process, not the thread");
	cr_assert(eq(str, caller->comm, (char *)"another"));
	if (names_threads())
		cr_assert(ne(u64, caller->thread, first->thread));
	release(&other);
	pthread_join(thread, NULL);
	close(fd);
	caller_unref(caller);
	caller_unref(first);
}

Test(caller, is_cached_for_the_same_thread)
{
	struct caller *first = read_self(), *second;
	int again = caller_open(gettid());

	prctl(PR_SET_NAME, "renamed");
	cr_assert(zero(int, caller_read(gettid(), again, first, &second)));
	if (names_threads()) {
		cr_assert(eq(ptr, second, first));
		cr_assert(eq(uint, first->refs, 2));
	} else {
		cr_assert(ne(ptr, second, first));
	}
	caller_unref(second);
	cr_assert(eq(uint, first->refs, 1));
	cr_assert(zero(int, caller_read(0, -EREMOTE, first, &second)));
	cr_assert(ne(ptr, second, first),
		  "a caller without a pid shares another's record");
	caller_unref(second);
	caller_unref(first);
	close(again);
}

/* Two callers without a pid may be different processes. */
Test(caller, unnamed_caller_is_not_cached)
{
	struct caller *first, *second;

	cr_assert(zero(int, caller_read(0, -EREMOTE, NULL, &first)));
	cr_assert(zero(int, caller_read(0, -EREMOTE, first, &second)));
	cr_assert(ne(ptr, first, second));
	caller_unref(first);
	caller_unref(second);
	caller_unref(NULL);
}

/* ---- descriptors ------------------------------------------------------------------- */

Test(caller, take_own_fd)
{
	int fd = new_memfd(1), taken;
	uint64_t dev[2], ino[2];

	need_getfd(own);
	taken = caller_take_fd(own, fd);
	cr_assert(ge(int, taken, 0));
	cr_assert(eq(int, fcntl(taken, F_GETFD), FD_CLOEXEC));
	cr_assert(zero(int, fd_identity(fd, &dev[0], &ino[0])));
	cr_assert(zero(int, fd_identity(taken, &dev[1], &ino[1])));
	cr_assert(eq(u64, dev[0], dev[1]));
	cr_assert(eq(u64, ino[0], ino[1]));
	close(fd);
	close(taken);
	cr_assert(eq(int, caller_take_fd(own, 999), -EBADF));
	cr_assert(eq(int, caller_take_fd(own, -1), -EBADF));
}

static void expect_memfd(int fd)
{
	struct stat st;

	cr_assert(ge(int, fd, 0));
	cr_assert(zero(int, fstat(fd, &st)));
	cr_assert(eq(long, st.st_size, 42));
	close(fd);
}

Test(caller, take_fd_of_a_child)
{
	struct other other;
	int pidfd, status;
	pid_t pid;

	other_init(&other);
	pid = fork();
	cr_assert(ge(int, pid, 0));
	if (pid == 0) {
		be_another(&other);
		_exit(0);
	}
	wait_until_ready(&other);
	pidfd = caller_open(pid);
	cr_assert(ge(int, pidfd, 0));
	need_getfd(pidfd);
	expect_memfd(caller_take_fd(pidfd, other.memfd));
	cr_assert(eq(int, caller_take_fd(pidfd, 999), -EBADF));
	release(&other);
	waitpid(pid, &status, 0);
	cr_assert(eq(int, caller_take_fd(pidfd, other.memfd), -EREMOTE),
		  "took a descriptor of an exited process");
	close(pidfd);
}

static void *leave_the_table(void *data)
{
	cr_assert(zero(int, unshare(CLONE_FILES)));
	return be_another(data);
}

/* A thread may have its own descriptor table. */
Test(caller, take_fd_of_a_threads_own_table)
{
	struct other other;
	pthread_t thread;
	int pidfd;

	if (!names_threads())
		cr_skip_test("the kernel has no pidfds of threads");
	need_getfd(own);
	other_init(&other);
	cr_assert(zero(int, pthread_create(&thread, NULL, leave_the_table, &other)));
	wait_until_ready(&other);
	cr_assert(not(is_open(other.memfd)));
	pidfd = caller_open(other.id);
	cr_assert(ge(int, pidfd, 0));
	expect_memfd(caller_take_fd(pidfd, other.memfd));
	release(&other);
	pthread_join(thread, NULL);
	close(pidfd);
}

/* ---- references -------------------------------------------------------------------- */

static void *ref_often(void *data)
{
	for (int i = 0; i < 10000; i++)
		caller_unref(caller_ref(data));
	return NULL;
}

Test(caller, references_of_threads)
{
	struct caller *caller = read_self();
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		cr_assert(
			zero(int, pthread_create(&threads[i], NULL, ref_often, caller)));
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	cr_assert(eq(uint, caller->refs, 1));
	caller_unref(caller);
}
