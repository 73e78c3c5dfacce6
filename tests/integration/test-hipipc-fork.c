/* SPDX-License-Identifier: MIT */
/*
 * test-hipipc-fork.c - children of processes that use device memory
 *
 *
 * The program that a case executes is this one: variables in the environment make it
 * import and exit before main() (see the end of this file).
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"
#include "hipipc.h"
#include "raw.h"

#define EXEC_HANDLE "TEST_HIPIPC_HANDLE"
#define THREADS     4

/* A process with an object of each kind. */
struct parent {
	struct exporter other;
	void *own, *imported;
	hipEvent_t event, imported_event;
	hipIpcMemHandle_t handle;
	hipIpcEventHandle_t event_handle;
};

static void parent_start(struct parent *parent, struct instance *instance)
{
	memset(parent, 0, sizeof(*parent));
	parent->other.instance = instance;
	exporter_start(&parent->other, NULL);
	hip_begin(instance);
	parent->own = device_alloc(DEVICE_BYTES, 1);
	parent->event = make_event();
	parent->handle = get_memory(parent->own);
	parent->event_handle = get_event(parent->event);
	parent->imported = open_memory(parent->other.memory);
	parent->imported_event = open_event(parent->other.event);
}

/* The parent's objects must still work. */
static void parent_end(struct parent *parent)
{
	hipIpcMemHandle_t again = get_memory(parent->own);

	ASSERT(memcmp(&again, &parent->handle, sizeof(again)) == 0);
	device_check(parent->own, 0, DEVICE_BYTES, 1);
	device_fill(parent->imported, DEVICE_BYTES, 8);
	exporter_order(&parent->other, ORDER_CHECK, 8);
	exporter_order(&parent->other, ORDER_RECORD, 8);
	ASSERT_HIP(hipSuccess, hipEventSynchronize(parent->imported_event));
	ASSERT_HIP(hipSuccess, hipEventRecord(parent->event, NULL));
	ASSERT_HIP(hipSuccess, hipEventSynchronize(parent->event));
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(parent->imported));
	ASSERT_HIP(hipSuccess, hipEventDestroy(parent->imported_event));
	ASSERT_OK(raw_exists(parent->other.instance, memory_wire(parent->handle).uuid));
	exporter_end(&parent->other);
}

/* ---- children without exec --------------------------------------------------------- */

static void expect_hip_refused(struct parent *parent)
{
	hipIpcMemHandle_t handle;
	hipIpcEventHandle_t event_handle;
	hipEvent_t event;
	void *memory;

	ASSERT_IPC(hipErrorNotInitialized, hipIpcGetMemHandle(&handle, parent->own));
	ASSERT_IPC(hipErrorNotInitialized,
		   hipIpcOpenMemHandle(&memory, parent->other.memory, 0));
	ASSERT_IPC(hipErrorNotInitialized, hipIpcCloseMemHandle(parent->imported));
	ASSERT_IPC(hipErrorNotInitialized,
		   hipIpcGetEventHandle(&event_handle, parent->event));
	ASSERT_IPC(hipErrorNotInitialized,
		   hipIpcOpenEventHandle(&event, parent->other.event));
}

static void expect_cuda_refused(struct parent *parent)
{
	cudaIpcMemHandle_t handle;
	cudaIpcEventHandle_t event_handle;
	cudaEvent_t event;
	void *memory;

	ASSERT_EQ(cudaIpcGetMemHandle(&handle, parent->own),
		  cudaErrorInitializationError);
	memcpy(&handle, &parent->other.memory, sizeof(handle));
	ASSERT_EQ(cudaIpcOpenMemHandle(&memory, handle, 0), cudaErrorInitializationError);
	ASSERT_EQ(cudaIpcCloseMemHandle(parent->imported), cudaErrorInitializationError);
	ASSERT_EQ(cudaIpcGetEventHandle(&event_handle, (cudaEvent_t)parent->event),
		  cudaErrorInitializationError);
	memcpy(&event_handle, &parent->other.event, sizeof(event_handle));
	ASSERT_EQ(cudaIpcOpenEventHandle(&event, event_handle),
		  cudaErrorInitializationError);
}

/* The runtime refuses the parent's memory and events as well. */
static void expect_runtime_refused(struct parent *parent)
{
	char byte;

	ASSERT_HIP(hipErrorNotInitialized, hipMalloc(&(void *){NULL}, 1));
	ASSERT_HIP(hipErrorNotInitialized, hipFree(parent->own));
	ASSERT_HIP(hipErrorNotInitialized,
		   hipMemcpy(&byte, parent->own, 1, hipMemcpyDeviceToHost));
	ASSERT_HIP(hipErrorNotInitialized, hipEventQuery(parent->event));
	ASSERT_HIP(hipErrorNotInitialized, hipEventDestroy(parent->event));
	ASSERT_HIP(hipErrorNotInitialized, hipDeviceSynchronize());
}

static void expect_all_refused(int peer, void *data)
{
	for (int i = 0; i < 2; i++) {
		expect_hip_refused(data);
		expect_cuda_refused(data);
		expect_runtime_refused(data);
	}
}

static void child_of_fork(struct instance *instance)
{
	struct parent parent;
	struct child child;

	parent_start(&parent, instance);
	child_start(&child, NULL, expect_all_refused, &parent);
	child_wait(&child);
	parent_end(&parent);
}

/* Bypasses the atfork handlers of the C library. */
static void child_of_clone(struct instance *instance)
{
	struct parent parent;
	int status;
	pid_t pid;

	parent_start(&parent, instance);
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	ASSERT(pid >= 0);
	if (pid == 0) {
		expect_all_refused(-1, &parent);
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_EQ(status, 0);
	parent_end(&parent);
}

static void fork_again(int peer, void *data)
{
	struct child child;

	child_start(&child, NULL, expect_all_refused, data);
	child_wait(&child);
	expect_all_refused(peer, data);
}

static void grandchild(struct instance *instance)
{
	struct parent parent;
	struct child child;

	parent_start(&parent, instance);
	child_start(&child, NULL, fork_again, &parent);
	child_wait(&child);
	parent_end(&parent);
}

static void expect_forked(hipError_t result)
{
	ASSERT_EQ(result, hipErrorNotInitialized);
	if (!strstr(hipipcLastReason(), "forked"))
		test_fail(__FILE__, __LINE__, "the reason is \"%s\"", hipipcLastReason());
}

/* A parent that made no IPC call has an initialized runtime as well. */
static void without_handles_refused(int peer, void *data)
{
	const struct parent *parent = data;
	hipIpcEventHandle_t event_handle;
	hipIpcMemHandle_t handle;
	hipEvent_t event;
	void *memory;

	expect_forked(hipIpcGetMemHandle(&handle, parent->own));
	expect_forked(hipIpcOpenMemHandle(&memory, parent->other.memory, 0));
	expect_forked(hipIpcGetEventHandle(&event_handle, parent->event));
	expect_forked(hipIpcOpenEventHandle(&event, parent->other.event));
}

static void parent_without_handles(struct instance *instance)
{
	struct parent parent = {.other.instance = instance};
	struct child child;

	exporter_start(&parent.other, NULL);
	hip_begin(instance);
	parent.own = device_alloc(DEVICE_BYTES, 1);
	parent.event = make_event();
	child_start(&child, NULL, without_handles_refused, &parent);
	child_wait(&child);
	get_memory(parent.own);
	device_check(parent.own, 0, DEVICE_BYTES, 1);
	exporter_end(&parent.other);
}

/* ---- fork during calls of other threads -------------------------------------------- */

struct work {
	struct parent parent;
	atomic_bool done;
};

static void *open_and_close(void *data)
{
	struct work *work = data;

	while (!work->done) {
		void *memory = open_memory(work->parent.other.memory), *own;

		ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
		ASSERT_HIP(hipSuccess, hipMalloc(&own, 100));
		get_memory(own);
		ASSERT_HIP(hipSuccess, hipFree(own));
	}
	return NULL;
}

static void threads_at_work(struct instance *instance)
{
	static struct work work;
	pthread_t threads[THREADS];
	struct child child;

	parent_start(&work.parent, instance);
	for (int i = 0; i < THREADS; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, open_and_close, &work), 0);
	for (int i = 0; i < 60; i++) {
		child_start(&child, NULL, expect_all_refused, &work.parent);
		child_wait(&child);
	}
	work.done = true;
	for (int i = 0; i < THREADS; i++)
		ASSERT_EQ(pthread_join(threads[i], NULL), 0);
	parent_end(&work.parent);
}

/* ---- names and children of their exporter ------------------------------------------ */

/* The names are removed with the exporter, not with its children. */
static void names_end_with_the_parent(struct instance *instance)
{
	struct exporter exporter = {.instance = instance};
	pid_t bystander;

	exporter_start(&exporter, NULL);
	exporter_tell(&exporter, ORDER_FORK, 0);
	bystander = exporter_get_pid(&exporter);
	exporter_done(&exporter);
	exporter_kill(&exporter);
	ASSERT_OK(SYS(kill(bystander, 0)));
	ASSERT_OK(SYS(kill(bystander, SIGKILL)));
	expect_names(instance, 0);
}

static void import_exporters(int peer, void *data)
{
	const struct exporter *exporter = data;

	hip_begin(exporter->instance);
	device_check(open_memory(exporter->memory), 0, DEVICE_BYTES, 1);
}

static void names_outlive_children(struct instance *instance)
{
	struct exporter exporter = {.instance = instance};
	struct child child;
	pid_t bystander;

	exporter_start(&exporter, NULL);
	exporter_tell(&exporter, ORDER_FORK, 0);
	bystander = exporter_get_pid(&exporter);
	exporter_done(&exporter);
	ASSERT_OK(SYS(kill(bystander, SIGKILL)));
	exporter_order(&exporter, ORDER_CHECK, 1);
	expect_names(instance, 2);
	child_start(&child, NULL, import_exporters, &exporter);
	child_wait(&child);
	exporter_end(&exporter);
}

/* ---- exec -------------------------------------------------------------------------- */

static void execute(hipIpcMemHandle_t handle)
{
	char text[2 * sizeof(handle) + 1];

	for (size_t i = 0; i < sizeof(handle); i++)
		snprintf(text + 2 * i, 3, "%02x", (uint8_t)handle.reserved[i]);
	ASSERT_OK(SYS(setenv(EXEC_HANDLE, text, 1)));
	execl("/proc/self/exe", "importer", NULL);
	test_fail(__FILE__, __LINE__, "exec: %s", strerrorname_np(errno));
}

static void refused_until_exec(int peer, void *data)
{
	struct parent *parent = data;

	expect_all_refused(peer, parent);
	execute(parent->handle);
}

static void child_that_execs(struct instance *instance)
{
	struct parent parent;
	struct child child;

	parent_start(&parent, instance);
	child_start(&child, NULL, refused_until_exec, &parent);
	child_wait(&child);
	parent_end(&parent);
}

/* After execve(2) the new program has the same PID and must be able to import. */
static void use_and_exec(int peer, void *data)
{
	const struct exporter *exporter = data;

	hip_begin(exporter->instance);
	open_memory(exporter->memory);
	get_memory(device_alloc(DEVICE_BYTES, 3));
	execute(exporter->memory);
}

static void user_that_execs(struct instance *instance)
{
	struct exporter exporter = {.instance = instance};
	struct child child;

	exporter_start(&exporter, NULL);
	child_start(&child, NULL, use_and_exec, &exporter);
	child_wait(&child);
	expect_names(instance, 2);
	exporter_end(&exporter);
}

/* Runs in the executed program, without the harness. */
__attribute__((constructor)) static void import_if_executed(void)
{
	const char *text = getenv(EXEC_HANDLE);
	hipIpcMemHandle_t handle;
	uint8_t first[2];
	unsigned int byte;
	void *memory;

	if (!text)
		return;
	for (size_t i = 0; i < sizeof(handle); i++) {
		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			_exit(2);
		handle.reserved[i] = (char)byte;
	}
	if (hipIpcOpenMemHandle(&memory, handle, 0) != hipSuccess ||
	    hipMemcpy(first, memory, 2, hipMemcpyDeviceToHost) != hipSuccess)
		_exit(3);
	if (first[0] != (pattern(0) ^ 1) || first[1] != (pattern(1) ^ 1))
		_exit(4);
	_exit(hipIpcCloseMemHandle(memory) == hipSuccess ? 0 : 5);
}

const struct test_case test_cases[] = {
	{"row_fork", child_of_fork},
	{"row_fork_by_clone", child_of_clone},
	{"row_fork_grandchild", grandchild},
	{"row_fork_without_handles", parent_without_handles},
	{"row_fork_threads_at_work", threads_at_work, .seconds = 60},
	{"row_fork_names_end_with_the_parent", names_end_with_the_parent},
	{"row_fork_names_outlive_children", names_outlive_children},
	{"row_fork_child_execs", child_that_execs},
	{"row_fork_user_execs", user_that_execs},
	{NULL},
};
