/* SPDX-License-Identifier: MIT */
/* test-hipipc-shared.c - open memory: reference counts, contexts, devices */
#include <pthread.h>
#include <stdlib.h>

#include "harness.h"
#include "hipipc.h"
#include "raw.h"

#define THREADS 8

static void begin(struct exporter *ret_exporter, struct instance *instance)
{
	*ret_exporter = (struct exporter){.instance = instance};
	exporter_start(ret_exporter, NULL);
	hip_begin(instance);
}

static void expect(hipError_t expected, hipIpcMemHandle_t handle)
{
	uint64_t start = now_ms();
	void *pointer;

	ASSERT_IPC(expected, hipIpcOpenMemHandle(&pointer, handle, 0));
	ASSERT(now_ms() - start < PROMPT_MS);
}

/* ---- open and close ---------------------------------------------------------------- */

static void open_twice(struct instance *instance)
{
	struct exporter exporter;
	void *first, *second;

	begin(&exporter, instance);
	first = open_memory(exporter.memory);
	second = open_memory(exporter.memory);
	ASSERT(first == second);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(first));
	device_check(second, 0, DEVICE_BYTES, 1);
	device_fill(second, DEVICE_BYTES, 3);
	exporter_order(&exporter, ORDER_CHECK, 3);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(second));
	ASSERT_HIP(hipErrorInvalidValue, hipMemset(second, 0, 1));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcCloseMemHandle(second));
	first = open_memory(exporter.memory);
	device_check(first, 0, DEVICE_BYTES, 3);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(first));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcCloseMemHandle(first));
	exporter_end(&exporter);
}

struct opener {
	pthread_barrier_t *barrier;
	hipIpcMemHandle_t handle;
	void *memory;
};

static void *open_in_thread(void *data)
{
	struct opener *opener = data;

	pthread_barrier_wait(opener->barrier);
	opener->memory = open_memory(opener->handle);
	return NULL;
}

static void open_threads(struct instance *instance)
{
	struct opener openers[THREADS] = {};
	pthread_t threads[THREADS];
	pthread_barrier_t barrier;
	struct exporter exporter;

	begin(&exporter, instance);
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < THREADS; i++) {
			openers[i].barrier = &barrier;
			openers[i].handle = exporter.memory;
			ASSERT_EQ(pthread_create(&threads[i], NULL, open_in_thread,
						 &openers[i]),
				  0);
		}
		for (int i = 0; i < THREADS; i++) {
			ASSERT_EQ(pthread_join(threads[i], NULL), 0);
			ASSERT(openers[i].memory == openers[0].memory);
		}
		for (int i = 0; i < THREADS; i++) {
			device_check(openers[0].memory, 0, DEVICE_BYTES, 1);
			ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(openers[0].memory));
		}
		ASSERT_IPC(hipErrorInvalidValue, hipIpcCloseMemHandle(openers[0].memory));
	}
	exporter_end(&exporter);
}

/* Two handles of one allocation: each open is closed with the pointer it returned. */
static void open_interior(struct instance *instance)
{
	struct exporter exporter;
	struct wire wire;
	uint8_t *whole, *part;

	begin(&exporter, instance);
	wire = memory_wire(exporter.memory);
	wire.offset = 4567;
	whole = open_memory(exporter.memory);
	part = open_memory(forge_memory(wire));
	device_check(part, 4567, DEVICE_BYTES - 4567, 1);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(whole));
	device_check(part, 4567, DEVICE_BYTES - 4567, 1);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(part));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcCloseMemHandle(part));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcCloseMemHandle(whole));
	exporter_end(&exporter);
}

static void close_not_open(struct instance *instance)
{
	struct exporter exporter;
	uint8_t *memory, *own;

	begin(&exporter, instance);
	ASSERT_IPC(hipErrorInvalidValue, hipIpcCloseMemHandle(NULL));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcCloseMemHandle(&exporter));
	own = device_alloc(DEVICE_BYTES, 5);
	get_memory(own);
	memory = open_memory(exporter.memory);
	ASSERT_IPC(hipErrorInvalidValue, hipIpcCloseMemHandle(own));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcCloseMemHandle(NULL));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcCloseMemHandle(memory + 1));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcCloseMemHandle(memory + PAGE));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcCloseMemHandle(memory + DEVICE_BYTES));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcCloseMemHandle((void *)UINTPTR_MAX));
	device_check(own, 0, DEVICE_BYTES, 5);
	device_check(memory, 0, DEVICE_BYTES, 1);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	exporter_end(&exporter);
}

static void free_of_import(struct instance *instance)
{
	struct exporter exporter;
	void *memory;

	begin(&exporter, instance);
	memory = open_memory(exporter.memory);
	ASSERT_HIP(hipErrorInvalidValue, hipFree(memory));
	device_check(memory, 0, DEVICE_BYTES, 1);
	ASSERT(open_memory(exporter.memory) == memory);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	exporter_end(&exporter);
}

static bool no_more_fds(void *data)
{
	return count_process_fds(getpid()) <= *(int *)data;
}

/* Descriptors do not accumulate, though some are closed with a delay. */
static void nothing_grows(struct instance *instance)
{
	struct exporter exporter;
	int n_fds = 0;

	begin(&exporter, instance);
	for (int i = 0; i < 300; i++) {
		void *memory = open_memory(exporter.memory);

		ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
		ASSERT_HIP(hipSuccess, hipEventDestroy(open_event(exporter.event)));
		expect(hipErrorInvalidValue, (hipIpcMemHandle_t){0});
		if (i == 0)
			n_fds = count_process_fds(getpid());
	}
	ASSERT(wait_until(no_more_fds, &n_fds));
	exporter_end(&exporter);
}

/* ---- contexts and devices ---------------------------------------------------------- */

static void second_context(struct instance *instance)
{
	struct exporter exporter;
	hipCtx_t first, second;
	void *memory;

	begin(&exporter, instance);
	ASSERT_HIP(hipSuccess, hipCtxGetCurrent(&first));
	memory = open_memory(exporter.memory);
	ASSERT_HIP(hipSuccess, hipCtxCreate(&second, 0, 0));
	expect(hipErrorInvalidResourceHandle, exporter.memory);
	ASSERT_HIP(hipSuccess, hipCtxSetCurrent(first));
	ASSERT(open_memory(exporter.memory) == memory);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	ASSERT_HIP(hipSuccess, hipCtxSetCurrent(second));
	expect(hipErrorInvalidResourceHandle, exporter.memory);
	/* Any context may close it, and then the other can open it. */
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	memory = open_memory(exporter.memory);
	device_check(memory, 0, DEVICE_BYTES, 1);
	ASSERT_HIP(hipSuccess, hipCtxSetCurrent(first));
	expect(hipErrorInvalidResourceHandle, exporter.memory);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	ASSERT_HIP(hipSuccess, hipCtxDestroy(second));
	exporter_end(&exporter);
}

static void context_destroyed(struct instance *instance)
{
	struct exporter exporter;
	hipCtx_t context;
	void *memory;

	begin(&exporter, instance);
	ASSERT_HIP(hipSuccess, hipCtxCreate(&context, 0, 0));
	memory = open_memory(exporter.memory);
	ASSERT_HIP(hipSuccess, hipCtxDestroy(context));
	device_check(memory, 0, DEVICE_BYTES, 1);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	memory = open_memory(exporter.memory);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	exporter_end(&exporter);
}

static void check_device(const void *memory, int device)
{
	hipPointerAttribute_t attributes;

	ASSERT_HIP(hipSuccess, hipPointerGetAttributes(&attributes, memory));
	ASSERT_EQ(attributes.type, hipMemoryTypeDevice);
	ASSERT_EQ(attributes.device, device);
}

static void two_devices(struct instance *instance)
{
	struct exporter exporter;
	void *memory[2];

	ASSERT_OK(SYS(setenv("HIPSOFT_DEVICES", "2", 1)));
	begin(&exporter, instance);
	for (int i = 0; i < 2; i++) {
		ASSERT_HIP(hipSuccess, hipSetDevice(i));
		memory[i] = open_memory(exporter.memory);
		check_device(memory[i], i);
		ASSERT(open_memory(exporter.memory) == memory[i]);
		ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory[i]));
	}
	ASSERT(memory[0] != memory[1]);
	device_fill(memory[1], DEVICE_BYTES, 4);
	exporter_order(&exporter, ORDER_CHECK, 4);
	ASSERT_HIP(hipSuccess, hipSetDevice(0));
	device_check(memory[0], 0, DEVICE_BYTES, 4);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory[0]));
	ASSERT_HIP(hipSuccess, hipSetDevice(1));
	device_check(memory[1], 0, DEVICE_BYTES, 4);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory[1]));
	exporter_end(&exporter);
}

const struct test_case test_cases[] = {
	{"row_open_twice_same_pointer", open_twice},
	{"row_open_twice_nopassthrough", open_twice, "nopassthrough"},
	{"row_open_twice_threads", open_threads},
	{"row_open_twice_interior", open_interior},
	{"row_close_not_open", close_not_open},
	{"row_close_leaves_nothing", nothing_grows},
	{"row_free_of_imported", free_of_import},
	{"row_second_context", second_context},
	{"row_second_context_destroyed", context_destroyed},
	{"row_second_context_two_devices", two_devices},
	{NULL},
};
