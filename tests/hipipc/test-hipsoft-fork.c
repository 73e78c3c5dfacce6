/* SPDX-License-Identifier: MIT */
/* test-hipsoft-fork.c - children of fork(2), and failures to start the runtime */
#include "hipsoft-fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"

static void three_devices(void)
{
	soft_configure("3", "64");
}

static void *parents_memory;
static hipCtx_t parents_context;

/* Makes calls without effect in the parent. Returns 0, or the line of the failed call. */
static int call_all(void)
{
	struct hipipc_allocation allocation = {0};
	struct hipipc_backing backing = {-1, HIPIPC_KIND_MEMFD, 0};
	struct hipipc_place found;
	hipPointerAttribute_t attributes;
	void *pointer = parents_memory;
	uint64_t number;
	size_t bytes;
	hipCtx_t context;
	int n;

#define REFUSED(call)                                                                    \
	do {                                                                             \
		if ((call) != hipErrorNotInitialized)                                    \
			return __LINE__ % 251 + 1;                                       \
	} while (0)
#define ECHILD_FROM(call)                                                                \
	do {                                                                             \
		if ((call) != -ECHILD)                                                   \
			return __LINE__ % 251 + 1;                                       \
	} while (0)
	REFUSED(hipInit(0));
	REFUSED(hipGetDeviceCount(&n));
	REFUSED(hipSetDevice(0));
	REFUSED(hipGetDevice(&n));
	REFUSED(hipDeviceSynchronize());
	REFUSED(hipCtxCreate(&context, 0, 0));
	REFUSED(hipCtxDestroy(parents_context));
	REFUSED(hipCtxSetCurrent(NULL));
	REFUSED(hipCtxGetCurrent(&context));
	REFUSED(hipCtxPushCurrent(parents_context));
	REFUSED(hipCtxPopCurrent(NULL));
	REFUSED(hipDeviceCanAccessPeer(&n, 0, 1));
	REFUSED(hipDeviceEnablePeerAccess(1, 0));
	REFUSED(hipDeviceDisablePeerAccess(1));
	REFUSED(hipMalloc(&pointer, 1));
	REFUSED(hipMalloc(NULL, 1));
	REFUSED(hipFree(pointer));
	REFUSED(hipFree(NULL));
	REFUSED(hipMemGetInfo(&bytes, &bytes));
	REFUSED(hipPointerGetAttributes(&attributes, pointer));
	REFUSED(hipMemGetAddressRange(&pointer, &bytes, pointer));
	REFUSED(hipGetLastError());
	REFUSED(hipPeekAtLastError());
	ECHILD_FROM(hipsoft_provider.find((uintptr_t)pointer, &allocation));
	ECHILD_FROM(hipsoft_provider.export_memory(&allocation, &backing));
	ECHILD_FROM(hipsoft_provider.import_memory(&backing, PAGE, &number));
	ECHILD_FROM(hipsoft_provider.release_memory((uintptr_t)pointer));
	ECHILD_FROM(hipsoft_provider.place(&found));
	ECHILD_FROM(hipsoft_provider.find_event(&n, &number));
	ECHILD_FROM(hipsoft_provider.export_event(1, &n));
	ECHILD_FROM(hipsoft_provider.import_event(-1, &pointer));
	return 0;
}

static void prepare_for_fork(void)
{
	parents_memory = soft_malloc(PAGE);
	expect_ok(hipCtxCreate(&parents_context, 0, 0));
}

/* The parent's state is unchanged. */
static void check_parent(void)
{
	expect_ok(hipCtxDestroy(parents_context));
	expect_ok(hipFree(parents_memory));
}

Test(hipsoft_fork, children_of_users_are_refused, .init = three_devices)
{
	pid_t pid;

	prepare_for_fork();
	pid = fork();
	if (!pid)
		_exit(call_all());
	cr_assert(zero(int, wait_for_child(pid)));
	check_parent();
}

Test(hipsoft_fork, children_of_clone_are_refused, .init = three_devices)
{
	long pid;

	prepare_for_fork();
	pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (!pid)
		_exit(call_all());
	cr_assert(zero(int, wait_for_child((int)pid)));
	check_parent();
}

static int grandchild(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(call_all());
	return wait_for_child(pid);
}

Test(hipsoft_fork, grandchildren_are_refused, .init = three_devices)
{
	pid_t pid;

	prepare_for_fork();
	pid = fork();
	if (!pid)
		_exit(grandchild());
	cr_assert(zero(int, wait_for_child(pid)));
	check_parent();
}

static int use_runtime(void)
{
	void *pointer;
	int n;

	if (hipGetDeviceCount(&n) || n != 3)
		return 1;
	if (hipMalloc(&pointer, PAGE) || hipFree(pointer))
		return 2;
	return hipGetLastError() == hipSuccess ? 0 : 3;
}

Test(hipsoft_fork, a_child_forked_before_can_use_it, .init = three_devices)
{
	int ends[2];
	char byte;
	pid_t pid;

	cr_assert(zero(int, pipe(ends)));
	pid = fork();
	if (!pid) {
		close(ends[1]);
		/* Waits until the parent has used the runtime. */
		_exit(read(ends[0], &byte, 1) == 0 ? use_runtime() : 9);
	}
	cr_assert(zero(int, use_runtime()));
	close(ends[1]);
	close(ends[0]);
	cr_assert(zero(int, wait_for_child(pid)));
}

static atomic_bool stop_working;

static void *hold_locks(void *arg)
{
	while (!atomic_load(&stop_working)) {
		void *pointer = soft_malloc(PAGE);
		hipCtx_t context;

		expect_ok(hipCtxCreate(&context, 0, 0));
		expect_ok(hipCtxDestroy(context));
		expect_ok(hipFree(pointer));
	}
	return NULL;
}

/* Some children have copies of locks that were held. */
Test(hipsoft_fork, locks_of_other_threads_do_not_matter, .init = three_devices)
{
	pthread_t threads[2];

	prepare_for_fork();
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, hold_locks, NULL);
	for (int i = 0; i < 100; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(call_all());
		cr_assert(zero(int, wait_for_child(pid)));
	}
	atomic_store(&stop_working, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	check_parent();
}

static void *begin_in_thread(void *barrier)
{
	pthread_barrier_wait(barrier);
	cr_expect(zero(int, use_runtime()));
	return NULL;
}

static int begin_and_fork(void)
{
	pthread_barrier_t barrier;
	pthread_t thread;
	hipError_t error;
	pid_t pid;
	int n, r;

	pthread_barrier_init(&barrier, NULL, 2);
	if (pthread_create(&thread, NULL, begin_in_thread, &barrier))
		return 10;
	pthread_barrier_wait(&barrier);
	pid = fork();
	if (!pid) {
		error = hipGetDeviceCount(&n);
		_exit(error == hipSuccess || error == hipErrorNotInitialized ? 0 : 1);
	}
	r = wait_for_child(pid);
	pthread_join(thread, NULL);
	return r;
}

/* The child's call returns, whether it was forked before or after. */
Test(hipsoft_fork, happens_while_another_thread_begins, .init = three_devices)
{
	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(begin_and_fork());
		cr_assert(zero(int, wait_for_child(pid)));
	}
}

/* ---- a kernel without MADV_WIPEONFORK ---------------------------------------------- */

static unsigned refused;
static bool no_wipe;

/* Replaces the C library's function, also in the library under test. */
__attribute__((visibility("default"))) int madvise(void *address, size_t length,
						   int advice)
{
	if (no_wipe && advice == MADV_WIPEONFORK) {
		refused++;
		errno = EINVAL;
		return -1;
	}
	return (int)syscall(SYS_madvise, address, length, advice);
}

Test(hipsoft_fork, the_pid_tells_where_the_kernel_does_not, .init = three_devices)
{
	pid_t pid;

	no_wipe = true;
	prepare_for_fork();
	cr_assert(gt(uint, refused, 0));
	pid = fork();
	if (!pid)
		_exit(call_all());
	cr_assert(zero(int, wait_for_child(pid)));
	check_parent();
}

/* ---- missing resources ------------------------------------------------------------- */

static void limit(int resource, rlim_t n)
{
	struct rlimit now;

	cr_assert(zero(int, getrlimit(resource, &now)));
	now.rlim_cur = n < now.rlim_max ? n : now.rlim_max;
	cr_assert(zero(int, setrlimit(resource, &now)));
}

/* Returns 0: failed first, then succeeded; 1: succeeded at once; else an error. */
static int begin_with(int resource, rlim_t n)
{
	unsigned before = count_fds();
	hipError_t error;

	limit(resource, n);
	error = hipInit(0);
	limit(resource, RLIM_INFINITY);
	if (error != hipSuccess && error != hipErrorOutOfMemory)
		return 3;
	if (error != hipSuccess && !wait_until(has_fds, &before))
		return 4;
	if (hipGetLastError() != error)
		return 5;
	if (use_runtime())
		return 6;
	return error == hipSuccess;
}

/* Whichever step fails, nothing is leaked, and a later start works. */
static void try_all(int resource, rlim_t first, rlim_t step, int n)
{
	int failed = 0;

	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		int status;

		if (!pid)
			_exit(begin_with(resource, first + (rlim_t)i * step));
		status = wait_for_child(pid);
		cr_assert(zero(int, status & ~1), "%d, at %d", status, i);
		failed += !status;
	}
	cr_assert(gt(int, failed, 0));
}

static rlim_t address_space(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	cr_assert(ne(ptr, file, NULL));
	cr_assert(eq(int, fscanf(file, "%lu", &pages), 1));
	fclose(file);
	return pages * PAGE;
}

Test(hipsoft_fork, begins_whole_or_not_at_all, .init = three_devices)
{
#ifdef SANITIZED
	cr_skip_test("sanitizers abort when address space is exhausted");
#endif
	try_all(RLIMIT_AS, address_space(), 512 << 10, 120);
}
