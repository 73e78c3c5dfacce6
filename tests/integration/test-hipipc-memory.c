/* SPDX-License-Identifier: MIT */
/* test-hipipc-memory.c - handles of device memory: contents, lifetime and refusals */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "harness.h"
#include "hipipc.h"
#include "raw.h"

#define THREADS 8
#define MANY    2000

static bool same_bytes(hipIpcMemHandle_t one, hipIpcMemHandle_t other)
{
	return memcmp(one.reserved, other.reserved, sizeof(one.reserved)) == 0;
}

static bool same_name(hipIpcMemHandle_t one, hipIpcMemHandle_t other)
{
	return memcmp(memory_wire(one).uuid, memory_wire(other).uuid, 16) == 0;
}

static void get_refused(void *pointer)
{
	hipIpcMemHandle_t handle, untouched;

	memset(&handle, 0x5a, sizeof(handle));
	untouched = handle;
	ASSERT_IPC(hipErrorInvalidValue, hipIpcGetMemHandle(&handle, pointer));
	ASSERT(same_bytes(handle, untouched));
}

/* ---- get: null, unknown and freed pointers, bounds --------------------------------- */

static void get_null(struct instance *instance)
{
	hipIpcMemHandle_t handle;
	void *memory;

	hip_begin(instance);
	memory = device_alloc(DEVICE_BYTES, 1);
	ASSERT_IPC(hipErrorInvalidValue, hipIpcGetMemHandle(NULL, memory));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcGetMemHandle(&handle, NULL));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcGetMemHandle(NULL, NULL));
	expect_names(instance, 0);
}

static void get_unknown(struct instance *instance)
{
	static char data;
	_cleanup_free_ char *heap = malloc(100);
	char stack;

	hip_begin(instance);
	get_refused(&stack); /* also before any other runtime call */
	device_alloc(DEVICE_BYTES, 1);
	get_refused(&stack);
	get_refused(&data);
	get_refused(heap);
	get_refused((void *)(uintptr_t)get_unknown);
	get_refused((void *)1);
	get_refused((void *)UINTPTR_MAX);
	get_refused((void *)(UINTPTR_MAX / 2));
	expect_names(instance, 0);
}

static void get_freed(struct instance *instance)
{
	uint8_t *named, *other;

	hip_begin(instance);
	named = device_alloc(DEVICE_BYTES, 1);
	other = device_alloc(DEVICE_BYTES, 1);
	get_memory(named);
	ASSERT_HIP(hipSuccess, hipFree(named));
	ASSERT_HIP(hipSuccess, hipFree(other));
	get_refused(named);
	get_refused(named + 100);
	get_refused(other);
	expect_names(instance, 0);
}

static void get_bounds(struct instance *instance)
{
	uint8_t *memory;

	hip_begin(instance);
	memory = device_alloc(DEVICE_BYTES, 1);
	get_refused(memory - 1);
	get_memory(memory);
	ASSERT_EQ(memory_wire(get_memory(memory + DEVICE_BYTES - 1)).offset,
		  DEVICE_BYTES - 1);
	get_refused(memory + DEVICE_BYTES);
	get_refused(memory + DEVICE_BYTES + 1);
	expect_names(instance, 1);
}

static void get_of_import(struct instance *instance)
{
	struct exporter exporter = {.instance = instance};
	hipIpcMemHandle_t again;
	void *memory;

	exporter_start(&exporter, NULL);
	hip_begin(instance);
	memory = open_memory(exporter.memory);
	/* Imported memory is live device memory, but cannot be exported again. */
	ASSERT_IPC(hipErrorNotSupported, hipIpcGetMemHandle(&again, memory));
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	get_refused(memory);
	exporter_end(&exporter);
}

/* ---- get: identical and different handles ------------------------------------------ */

static void get_same_bytes(struct instance *instance)
{
	hipIpcMemHandle_t first, other;
	uint8_t *memory, *second;

	hip_begin(instance);
	memory = device_alloc(DEVICE_BYTES, 1);
	first = get_memory(memory);
	second = device_alloc(DEVICE_BYTES, 2);
	other = get_memory(second);
	ASSERT(!same_name(first, other));
	for (int i = 0; i < 100; i++) {
		ASSERT(same_bytes(get_memory(memory), first));
		ASSERT(same_bytes(get_memory(second), other));
	}
	ASSERT(same_name(get_memory(memory + 77), first));
	ASSERT(!same_bytes(get_memory(memory + 77), first));
	expect_names(instance, 2);
}

struct getter {
	pthread_barrier_t *barrier;
	void *memory;
	hipIpcMemHandle_t handle;
};

static void *get_in_thread(void *data)
{
	struct getter *getter = data;

	pthread_barrier_wait(getter->barrier);
	getter->handle = get_memory(getter->memory);
	return NULL;
}

/* Concurrent first calls all return the same handle. */
static void get_same_bytes_threads(struct instance *instance)
{
	struct getter getters[THREADS];
	pthread_t threads[THREADS];
	pthread_barrier_t barrier;

	hip_begin(instance);
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int round = 0; round < 20; round++) {
		void *memory = device_alloc(100, 1);

		for (int i = 0; i < THREADS; i++) {
			getters[i] = (struct getter){&barrier, memory};
			ASSERT_EQ(pthread_create(&threads[i], NULL, get_in_thread,
						 &getters[i]),
				  0);
		}
		for (int i = 0; i < THREADS; i++) {
			ASSERT_EQ(pthread_join(threads[i], NULL), 0);
			ASSERT(same_bytes(getters[i].handle, getters[0].handle));
		}
		expect_names(instance, round + 1);
	}
}

static void get_other_bytes(struct instance *instance)
{
	hipIpcMemHandle_t first, second;
	void *memory;

	hip_begin(instance);
	memory = device_alloc(DEVICE_BYTES, 1);
	first = get_memory(memory);
	ASSERT(device_replace(memory, DEVICE_BYTES) == memory);
	second = get_memory(memory);
	ASSERT(!same_name(first, second));
	expect_no_name(instance, memory_wire(first).uuid);
	ASSERT_OK(raw_exists(instance, memory_wire(second).uuid));
	expect_names(instance, 1);
}

static int compare_handles(const void *one, const void *other)
{
	return memcmp(one, other, sizeof(hipIpcMemHandle_t));
}

static void get_unique(struct instance *instance)
{
	const struct rlimit enough = {3 * MANY, 3 * MANY};
	static hipIpcMemHandle_t handles[MANY];
	static void *memory[MANY];

	ASSERT_OK(SYS(setrlimit(RLIMIT_NOFILE, &enough)));
	hip_begin(instance);
	for (int i = 0; i < MANY; i++) {
		ASSERT_HIP(hipSuccess, hipMalloc(&memory[i], 64));
		handles[i] = get_memory(memory[i]);
	}
	expect_names(instance, MANY);
	qsort(handles, MANY, sizeof(handles[0]), compare_handles);
	for (int i = 1; i < MANY; i++)
		ASSERT(!same_name(handles[i - 1], handles[i]));
	for (int i = 0; i < MANY; i++)
		ASSERT_HIP(hipSuccess, hipFree(memory[i]));
	expect_names(instance, 0);
}

/* ---- get: interior pointers -------------------------------------------------------- */

static void get_interior(struct instance *instance)
{
	struct exporter exporter = {.instance = instance, .offset = 5003};
	uint8_t *memory;

	exporter_start(&exporter, NULL);
	ASSERT_EQ(memory_wire(exporter.memory).offset, 5003);
	hip_begin(instance);
	memory = open_memory(exporter.memory);
	device_check(memory, 5003, DEVICE_BYTES - 5003, 1);
	/* The exporter sees the write at the corresponding offset. */
	device_fill(memory - 5003, DEVICE_BYTES, 9);
	exporter_order(&exporter, ORDER_CHECK, 9);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	exporter_end(&exporter);
}

static void get_interior_cuda(struct instance *instance)
{
	struct exporter exporter = {instance, .offset = 5003, .compat = "cuda"};
	uint8_t *memory;

	exporter_start(&exporter, NULL);
	ASSERT_EQ(memory_wire(exporter.memory).offset, 0);
	hip_begin(instance);
	memory = open_memory(exporter.memory);
	device_check(memory, 0, DEVICE_BYTES, 1);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	exporter_end(&exporter);
}

static void get_last_byte(struct instance *instance)
{
	struct exporter exporter = {instance, .offset = DEVICE_BYTES - 1};
	uint8_t *memory;

	exporter_start(&exporter, NULL);
	hip_begin(instance);
	memory = open_memory(exporter.memory);
	device_check(memory, DEVICE_BYTES - 1, 1, 1);
	ASSERT_HIP(hipErrorInvalidValue, hipMemset(memory, 0, 2));
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	exporter_end(&exporter);
}

/* ---- get: limits and missing instances --------------------------------------------- */

static void get_limit(struct instance *instance)
{
	hipIpcMemHandle_t handle;
	void *memory[3];

	hip_begin(instance);
	for (int i = 0; i < 3; i++)
		memory[i] = device_alloc(100, 1);
	get_memory(memory[0]);
	get_memory(memory[1]);
	ASSERT_IPC(hipErrorOutOfMemory, hipIpcGetMemHandle(&handle, memory[2]));
	if (!strstr(hipipcLastReason(), "quota of uid 0: 2 of 2 names"))
		test_fail(__FILE__, __LINE__, "the reason is \"%s\"", hipipcLastReason());
	get_memory(memory[1]);
	ASSERT_HIP(hipSuccess, hipFree(memory[0]));
	expect_names(instance, 1);
	get_memory(memory[2]);
}

static void expect_too_large(struct instance *instance, const char *words)
{
	hipIpcMemHandle_t handle;
	void *memory;

	hip_begin(instance);
	memory = device_alloc(2 << 20, 1);
	ASSERT_IPC(hipErrorOutOfMemory, hipIpcGetMemHandle(&handle, memory));
	if (!strstr(hipipcLastReason(), words))
		test_fail(__FILE__, __LINE__, "the reason is \"%s\"", hipipcLastReason());
	get_memory(device_alloc(100, 1));
	expect_names(instance, 1);
}

static void get_larger_than_limit(struct instance *instance)
{
	expect_too_large(instance, "this buffer of 2097152 bytes is larger than the "
				   "limit of uid 0, 1048576 bytes (max-bytes-per-uid)");
}

static void get_larger_than_mount(struct instance *instance)
{
	expect_too_large(instance, "this buffer of 2097152 bytes is larger than the "
				   "limit of the mount, 1048576 bytes (max-bytes)");
}

/* Fails without delay, the first time and repeatedly. */
static void expect_no_instance(void)
{
	void *memory = device_alloc(100, 1);
	hipIpcMemHandle_t handle;
	hipIpcEventHandle_t event;
	uint64_t start = now_ms();

	for (int i = 0; i < 3; i++) {
		ASSERT_IPC(hipErrorOperatingSystem, hipIpcGetMemHandle(&handle, memory));
		ASSERT_IPC(hipErrorOperatingSystem,
			   hipIpcGetEventHandle(&event, make_event()));
	}
	ASSERT(now_ms() - start < PROMPT_MS);
	device_check(memory, 0, 100, 1);
}

static void no_instance(struct instance *unused)
{
	hip_begin(NULL);
	expect_no_instance();
}

static void no_instance_there(struct instance *unused)
{
	hip_begin(NULL);
	ASSERT_OK(SYS(setenv("DMABUFFS_MOUNT", test_work_dir, 1)));
	expect_no_instance();
}

/* An instance that starts later is found by the next call. */
static void instance_comes_later(struct instance *unused)
{
	hipIpcMemHandle_t handle;
	struct instance late;
	void *memory;

	hip_begin(NULL);
	memory = device_alloc(100, 1);
	ASSERT_IPC(hipErrorOperatingSystem, hipIpcGetMemHandle(&handle, memory));
	instance_start(&late, NULL);
	hip_begin(&late);
	get_memory(memory);
	instance_stop(&late);
}

static void open_and_check(int peer, void *data)
{
	hipIpcMemHandle_t handle;

	hip_begin(data);
	peer_get(peer, &handle, sizeof(handle));
	device_check(open_memory(handle), 0, DEVICE_BYTES, 1);
	peer_signal(peer);
}

static void be_killed(struct instance *instance)
{
	ASSERT_OK(SYS(kill(instance->service, SIGKILL)));
	ASSERT_EQ(waitpid(instance->pid, NULL, 0), instance->pid);
}

static void be_terminated(struct instance *instance)
{
	ASSERT_OK(SYS(kill(instance->pid, SIGTERM)));
	instance_expect_exit(instance, 0);
}

static void be_detached(struct instance *instance)
{
	ASSERT_OK(SYS(umount2(instance->dir, MNT_DETACH)));
	instance_expect_exit(instance, 0);
}

static void be_aborted(struct instance *instance)
{
	ASSERT_OK(SYS(umount2(instance->dir, MNT_DETACH | MNT_FORCE)));
	instance_expect_exit(instance, 0);
}

static void replace_at_the_same_place(struct instance *instance, void *memory,
				      void (*end)(struct instance *instance))
{
	hipIpcMemHandle_t before = get_memory(memory), after;

	ASSERT(same_bytes(before, get_memory(memory)));
	end(instance);
	instance_start_again(instance, "nosupervisor");
	after = get_memory(memory);
	ASSERT(!same_name(before, after));
	ASSERT_OK(raw_exists(instance, memory_wire(after).uuid));
	ASSERT(same_bytes(after, get_memory(memory)));
	expect_names(instance, 1);
}

static void service_replaced_in_each_way(struct instance *unused)
{
	struct instance instance;
	void *memory;

	instance_start(&instance, "nosupervisor");
	hip_begin(&instance);
	memory = device_alloc(DEVICE_BYTES, 1);
	replace_at_the_same_place(&instance, memory, be_killed);
	replace_at_the_same_place(&instance, memory, be_terminated);
	replace_at_the_same_place(&instance, memory, be_detached);
	replace_at_the_same_place(&instance, memory, be_aborted);
	ASSERT_HIP(hipSuccess, hipFree(memory));
	expect_names(&instance, 0);
	instance_stop(&instance);
}

struct getting {
	void *memory;
	hipIpcMemHandle_t before, now;
};

static bool has_another_handle(void *data)
{
	struct getting *getting = data;

	getting->now = get_memory(getting->memory);
	return !same_name(getting->before, getting->now);
}

/* Also when the memory is freed after the removal, and not got again. */
static void name_removed(struct instance *instance)
{
	struct getting getting;
	struct child importer;

	child_start(&importer, NULL, open_and_check, instance);
	hip_begin(instance);
	getting.memory = device_alloc(DEVICE_BYTES, 1);
	getting.before = get_memory(getting.memory);
	ASSERT_OK(raw_unlink(instance, memory_wire(getting.before).uuid));
	ASSERT(wait_until(has_another_handle, &getting));
	peer_put(importer.peer, &getting.now, sizeof(getting.now));
	peer_wait(importer.peer);
	child_wait(&importer);
	expect_names(instance, 1);
	ASSERT_OK(raw_unlink(instance, memory_wire(getting.now).uuid));
	ASSERT_HIP(hipSuccess, hipFree(getting.memory));
	expect_names(instance, 0);
}

#define STOP_SECONDS 2

/* So that a get which waits for the service ends, too late. */
static void continue_it(int peer, void *data)
{
	const struct instance *instance = data;

	for (;;) {
		peer_wait(peer);
		sleep(STOP_SECONDS);
		ASSERT_OK(SYS(kill(instance->service, SIGCONT)));
	}
}

/* How long the second get took; *@ret_late: too long after the first one. */
static uint64_t get_while_stopped(struct instance *instance, int peer, void *memory,
				  bool *ret_late)
{
	uint64_t first = now_ms(), second, end;
	hipIpcMemHandle_t handle = get_memory(memory);

	ASSERT_OK(SYS(kill(instance->service, SIGSTOP)));
	peer_signal(peer);
	second = now_ms();
	ASSERT(same_bytes(handle, get_memory(memory)));
	end = now_ms();
	ASSERT_OK(SYS(kill(instance->service, SIGCONT)));
	*ret_late = second - first > 500;
	return end - second;
}

/* A handle that was got less than a second ago is returned without a request. */
static void service_stopped(struct instance *instance)
{
	struct child child;
	uint64_t took_ms;
	void *memory;
	bool is_late;

	child_start(&child, NULL, continue_it, instance);
	hip_begin(instance);
	memory = device_alloc(DEVICE_BYTES, 1);
	do
		took_ms = get_while_stopped(instance, child.peer, memory, &is_late);
	while (is_late);
	ASSERT(took_ms < 1000);
	child_kill(&child, SIGKILL);
	ASSERT_HIP(hipSuccess, hipFree(memory));
}

/* The get of an allocation that had a handle makes one of the new service. */
static void service_replaced(struct instance *unused)
{
	struct instance first, second;
	hipIpcMemHandle_t before, after;
	struct child importer;
	void *memory;

	instance_start(&first, "nosupervisor");
	instance_start(&second, NULL);
	child_start(&importer, NULL, open_and_check, &second);
	hip_begin(&first);
	memory = device_alloc(DEVICE_BYTES, 1);
	before = get_memory(memory);
	ASSERT_OK(SYS(kill(first.service, SIGKILL)));
	ASSERT_EQ(waitpid(first.pid, NULL, 0), first.pid);
	hip_begin(&second);
	after = get_memory(memory);
	ASSERT(memcmp(&before, &after, sizeof(before)) != 0);
	peer_put(importer.peer, &after, sizeof(after));
	peer_wait(importer.peer);
	child_wait(&importer);
	ASSERT_HIP(hipSuccess, hipFree(memory));
	expect_names(&second, 0);
}

static void service_killed(struct instance *unused)
{
	struct exporter exporter;
	struct instance mortal;
	uint64_t start;
	void *memory;

	instance_start(&mortal, "nosupervisor");
	exporter = (struct exporter){.instance = &mortal};
	exporter_start(&exporter, NULL);
	hip_begin(&mortal);
	get_memory(device_alloc(100, 1));
	ASSERT_OK(SYS(kill(mortal.service, SIGKILL)));
	ASSERT_EQ(waitpid(mortal.pid, NULL, 0), mortal.pid);
	start = now_ms();
	ASSERT_IPC(hipErrorOperatingSystem,
		   hipIpcOpenMemHandle(&memory, exporter.memory, 0));
	ASSERT(now_ms() - start < PROMPT_MS);
	expect_no_instance();
	child_kill(&exporter.child, SIGKILL);
	umount2(mortal.dir, MNT_DETACH);
	rmdir(mortal.dir);
}

const struct test_case test_cases[] = {
	{"row_get_null", get_null},
	{"row_get_unknown_pointer", get_unknown},
	{"row_get_freed", get_freed},
	{"row_get_one_past_the_end", get_bounds},
	{"row_get_of_imported", get_of_import},
	{"row_get_same_bytes", get_same_bytes},
	{"row_get_same_bytes_threads", get_same_bytes_threads},
	{"row_get_other_bytes_at_same_address", get_other_bytes},
	{"row_get_unique", get_unique, .seconds = 60},
	{"row_get_interior_offset_travels", get_interior},
	{"row_get_interior_cuda", get_interior_cuda},
	{"row_get_last_byte", get_last_byte},
	{"row_get_limit", get_limit, "max-exports-per-uid=2"},
	{"row_get_larger_than_limit", get_larger_than_limit, "max-bytes-per-uid=1M"},
	{"row_get_larger_than_mount", get_larger_than_mount, "max-bytes=1M"},
	{"row_get_no_instance", no_instance, .flags = CASE_NO_INSTANCE},
	{"row_get_no_instance_there", no_instance_there, .flags = CASE_NO_INSTANCE},
	{"row_get_instance_later", instance_comes_later, .flags = CASE_NO_INSTANCE},
	{"row_get_service_killed", service_killed, .flags = CASE_NO_INSTANCE},
	{"row_get_service_replaced", service_replaced, .flags = CASE_NO_INSTANCE},
	{"row_get_service_replaced_in_each_way", service_replaced_in_each_way,
	 .flags = CASE_NO_INSTANCE},
	{"row_get_service_stopped", service_stopped},
	{"row_get_name_removed", name_removed},
	{NULL},
};
