/* SPDX-License-Identifier: MIT */
/* test-hipsoft-stream.c - order, completion and errors of streams */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hipsoft-gate.h"
#include "stream_private.h"

TestSuite(hipsoft_stream, .timeout = 300);

#define BYTES 4096

static atomic_bool opened;

static unsigned char *device_memory(void)
{
	void *memory;

	expect_ok(hipMalloc(&memory, BYTES));
	return memory;
}

/* Copies through a stream of its own: the default stream would wait for others. */
static unsigned char first_byte(const void *memory)
{
	hipStream_t stream;
	unsigned char byte = 0;

	expect_ok(hipStreamCreateWithFlags(&stream, hipStreamNonBlocking));
	expect_ok(hipMemcpyAsync(&byte, memory, 1, hipMemcpyDeviceToHost, stream));
	expect_ok(hipStreamSynchronize(stream));
	expect_ok(hipStreamDestroy(stream));
	return byte;
}

/* The stream has failed and is idle, according to calls that do not report the error. */
static bool has_failed(void *handle)
{
	struct stream *stream;
	bool has;

	cr_assert(zero(int, stream_get(handle, &stream)));
	has = stream_error(stream) < 0;
	stream_put(stream);
	return has;
}

static uint64_t tasks_given(hipStream_t handle)
{
	struct stream *stream;
	uint64_t given;

	cr_assert(zero(int, runtime_enter()));
	cr_assert(zero(int, stream_get(handle, &stream)));
	pthread_mutex_lock(&stream->lock);
	given = stream->given;
	pthread_mutex_unlock(&stream->lock);
	stream_put(stream);
	return given;
}

/* Counts tasks of the default stream. */
static bool has_given(void *n)
{
	return tasks_given(NULL) >= *(uint64_t *)n;
}

/* ---- handles ----------------------------------------------------------------------- */

Test(hipsoft_stream, arguments)
{
	hipStream_t stream = NULL;

	expect(hipStreamCreate(NULL), hipErrorInvalidValue);
	expect(hipStreamCreateWithFlags(&stream, 2), hipErrorInvalidValue);
	cr_assert(zero(ptr, stream));
	expect_ok(hipStreamCreateWithFlags(&stream, hipStreamDefault));
	expect_ok(hipStreamQuery(stream));
	expect_ok(hipStreamSynchronize(stream));
	expect_ok(hipStreamDestroy(stream));
}

static void expect_no_stream(hipStream_t stream)
{
	void *memory = device_memory();

	expect(hipStreamQuery(stream), hipErrorInvalidHandle);
	expect(hipStreamSynchronize(stream), hipErrorInvalidHandle);
	expect(hipStreamDestroy(stream), hipErrorInvalidHandle);
	expect(hipMemsetAsync(memory, 1, BYTES, stream), hipErrorInvalidHandle);
	expect_ok(hipFree(memory));
}

Test(hipsoft_stream, unknown_and_stale_handles)
{
	hipStream_t stream, next;
	char here = 0;

	expect_ok(hipStreamCreate(&stream));
	expect_ok(hipStreamDestroy(stream));
	expect_ok(hipStreamCreate(&next));
	cr_assert(ne(ptr, stream, next));
	expect_no_stream(stream);
	expect_no_stream((hipStream_t)&here);
	expect_no_stream((hipStream_t) ~(uintptr_t)0);
	expect_no_stream((hipStream_t)(uintptr_t)1);
	expect(hipStreamDestroy(NULL), hipErrorInvalidHandle);
	expect_ok(hipStreamDestroy(next));
}

Test(hipsoft_stream, streams_end_with_their_context)
{
	unsigned char *memory = device_memory();
	hipStream_t stream, other;
	hipCtx_t context;

	expect_ok(hipStreamCreate(&other));
	expect_ok(hipCtxCreate(&context, 0, 0));
	expect_ok(hipStreamCreate(&stream));
	expect_ok(hipMemsetAsync(memory, 7, BYTES, stream));
	expect_ok(hipCtxDestroy(context));
	cr_assert(eq(u8, first_byte(memory), 7));
	expect(hipStreamQuery(stream), hipErrorInvalidHandle);
	expect_ok(hipStreamQuery(other));
	expect_ok(hipStreamQuery(NULL));
}

/* Another thread destroys the context that is current here. */
static void *destroy_context(void *context)
{
	expect_ok(hipCtxDestroy(context));
	return NULL;
}

Test(hipsoft_stream, a_destroyed_context_has_no_streams)
{
	hipStream_t stream;
	hipCtx_t context;
	pthread_t thread;

	expect_ok(hipCtxCreate(&context, 0, 0));
	pthread_create(&thread, NULL, destroy_context, context);
	pthread_join(thread, NULL);
	expect(hipStreamCreate(&stream), hipErrorInvalidValue);
	expect(hipStreamSynchronize(NULL), hipErrorInvalidValue);
	expect_ok(hipSetDevice(0));
	expect_ok(hipStreamCreate(&stream));
}

/* Threads, queues and descriptors are released in time. */
Test(hipsoft_stream, many_one_after_the_other)
{
	unsigned char *memory = device_memory();
	unsigned char byte = 3, back = 0;

	for (int i = 0; i < 1500; i++) {
		hipStream_t stream;

		expect_ok(hipStreamCreateWithFlags(&stream, hipStreamNonBlocking));
		expect_ok(
			hipMemcpyAsync(memory, &byte, 1, hipMemcpyHostToDevice, stream));
		expect_ok(hipStreamDestroy(stream));
	}
	expect_ok(hipMemcpy(&back, memory, 1, hipMemcpyDeviceToHost));
	cr_assert(eq(u8, back, 3));
}

/* ---- order ------------------------------------------------------------------------- */

Test(hipsoft_stream, in_order)
{
	unsigned char *memory = device_memory(), back[BYTES];
	hipStream_t stream;

	expect_ok(hipStreamCreate(&stream));
	for (int round = 0; round < 500; round++) {
		expect_ok(hipMemsetAsync(memory, round + 1, BYTES, stream));
		expect_ok(hipMemsetAsync(memory, round, BYTES - 1, stream));
	}
	expect_ok(hipMemcpyAsync(back, memory, BYTES, hipMemcpyDeviceToHost, stream));
	expect_ok(hipStreamSynchronize(stream));
	cr_assert(eq(u8, back[BYTES - 1], 500 % 256));
	for (int i = 0; i < BYTES - 1; i++)
		cr_assert(eq(u8, back[i], 499 % 256));
}

Test(hipsoft_stream, returns_at_once)
{
	unsigned char *memory = device_memory();
	hipStream_t stream;
	struct gate gate;

	expect_ok(hipStreamCreateWithFlags(&stream, hipStreamNonBlocking));
	gate_close(&gate, stream, 0);
	expect_ok(hipMemsetAsync(memory, 5, BYTES, stream));
	expect(hipStreamQuery(stream), hipErrorNotReady);
	cr_assert(zero(u8, first_byte(memory)));
	gate_open(&gate);
	expect_ok(hipStreamSynchronize(stream));
	expect_ok(hipStreamQuery(stream));
	cr_assert(eq(u8, first_byte(memory), 5));
}

Test(hipsoft_stream, streams_do_not_wait_for_each_other)
{
	unsigned char *memory = device_memory();
	hipStream_t held, free_one;
	struct gate gate;

	expect_ok(hipStreamCreate(&held));
	expect_ok(hipStreamCreate(&free_one));
	gate_close(&gate, held, 0);
	expect_ok(hipMemsetAsync(memory, 6, BYTES, free_one));
	expect_ok(hipStreamSynchronize(free_one));
	expect(hipStreamQuery(held), hipErrorNotReady);
	gate_open(&gate);
	expect_ok(hipDeviceSynchronize());
	expect_ok(hipStreamQuery(held));
}

Test(hipsoft_stream, the_default_one_waits_for_others)
{
	unsigned char *memory = device_memory();
	hipStream_t stream;
	struct gate gate;

	expect_ok(hipStreamCreate(&stream));
	gate_close(&gate, stream, 0);
	expect_ok(hipMemsetAsync(memory, 1, BYTES, NULL));
	expect_ok(hipMemsetAsync(memory, 2, BYTES, stream));
	expect(hipStreamQuery(NULL), hipErrorNotReady);
	cr_assert(zero(u8, first_byte(memory)));
	gate_open(&gate);
	/* First the default stream's tasks, then the later ones of @stream. */
	expect_ok(hipStreamSynchronize(stream));
	expect_ok(hipStreamQuery(NULL));
	cr_assert(eq(u8, first_byte(memory), 2));
}

Test(hipsoft_stream, others_wait_for_the_default_one)
{
	unsigned char *memory = device_memory();
	hipStream_t stream, apart;
	struct gate gate;

	expect_ok(hipStreamCreate(&stream));
	expect_ok(hipStreamCreateWithFlags(&apart, hipStreamNonBlocking));
	gate_close(&gate, NULL, 0);
	expect_ok(hipMemsetAsync(memory, 3, BYTES, stream));
	expect(hipStreamQuery(stream), hipErrorNotReady);
	expect_ok(hipMemsetAsync(memory, 4, BYTES, apart));
	expect_ok(hipStreamSynchronize(apart));
	expect(hipStreamQuery(stream), hipErrorNotReady);
	cr_assert(eq(u8, first_byte(memory), 4));
	gate_open(&gate);
	expect_ok(hipStreamSynchronize(stream));
	cr_assert(eq(u8, first_byte(memory), 3));
}

Test(hipsoft_stream, the_default_one_does_not_wait_for_nonblocking_ones)
{
	unsigned char *memory = device_memory();
	hipStream_t stream;
	struct gate gate;

	expect_ok(hipStreamCreateWithFlags(&stream, hipStreamNonBlocking));
	gate_close(&gate, stream, 0);
	expect_ok(hipMemset(memory, 8, BYTES));
	expect(hipStreamQuery(stream), hipErrorNotReady);
	gate_open(&gate);
	expect_ok(hipStreamSynchronize(stream));
}

static void *open_and_say(void *arg)
{
	struct gate *gate = arg;

	atomic_store(&opened, true);
	gate_open(gate);
	return NULL;
}

/* The default stream waits for a busy blocking stream, for the host, too. */
Test(hipsoft_stream, waiting_for_the_default_one)
{
	hipStream_t stream;
	struct gate gate;

	expect_ok(hipStreamCreate(&stream));
	for (int i = 0; i < 100; i++) {
		pthread_t thread;

		atomic_store(&opened, false);
		gate_close(&gate, stream, 0);
		expect(hipStreamQuery(NULL), hipErrorNotReady);
		pthread_create(&thread, NULL, open_and_say, &gate);
		expect_ok(hipStreamSynchronize(NULL));
		cr_assert(atomic_load(&opened));
		expect_ok(hipStreamQuery(stream));
		expect_ok(hipStreamQuery(NULL));
		pthread_join(thread, NULL);
	}
}

Test(hipsoft_stream, waiting_for_the_default_one_is_not_for_others)
{
	hipStream_t stream, apart;
	struct gate gate, other;

	expect_ok(hipStreamCreate(&stream));
	expect_ok(hipStreamCreateWithFlags(&apart, hipStreamNonBlocking));
	gate_close(&gate, apart, 0);
	expect_ok(hipStreamQuery(NULL));
	expect_ok(hipStreamSynchronize(NULL));
	gate_close(&other, stream, -EFAULT);
	gate_open(&other);
	/* Its failure does not affect the default stream. */
	expect_ok(hipStreamSynchronize(NULL));
	expect_ok(hipStreamQuery(NULL));
	expect(hipStreamQuery(stream), hipErrorIllegalAddress);
	gate_open(&gate);
	expect_ok(hipStreamSynchronize(apart));
}

/* One barrier for many tasks, in both directions, and a new one for new tasks. */
Test(hipsoft_stream, barriers_are_not_repeated)
{
	unsigned char *memory = device_memory();
	hipStream_t stream;
	struct gate gate;
	uint64_t before;

	expect_ok(hipStreamCreate(&stream));
	before = tasks_given(NULL);
	gate_close(&gate, stream, 0);
	for (int i = 0; i < 100; i++)
		expect_ok(hipMemsetAsync(memory, 1, BYTES, NULL));
	cr_assert(eq(u64, tasks_given(NULL), before + 101));
	expect_ok(hipMemsetAsync(memory, 2, BYTES, stream));
	expect_ok(hipMemsetAsync(memory, 3, BYTES, stream));
	/* The gate, the barrier, and these two. */
	cr_assert(eq(u64, tasks_given(stream), 4));
	expect_ok(hipMemsetAsync(memory, 4, BYTES, NULL));
	cr_assert(eq(u64, tasks_given(NULL), before + 103));
	gate_open(&gate);
	expect_ok(hipStreamSynchronize(NULL));
	cr_assert(eq(u8, first_byte(memory), 4));
}

/* Streams of another context, and of another device that owns the memory. */
Test(hipsoft_stream, default_streams_of_others)
{
	unsigned char *memory, byte = 0;
	struct gate gate;
	hipStream_t stream;
	hipCtx_t context;

	setenv("HIPSOFT_DEVICES", "2", 1);
	expect_ok(hipCtxCreate(&context, 0, 0));
	gate_close(&gate, NULL, 0);
	expect_ok(hipCtxPopCurrent(NULL));
	memory = device_memory();
	expect_ok(hipMemsetAsync(memory, 9, BYTES, NULL));
	expect(hipStreamQuery(NULL), hipErrorNotReady);
	gate_open(&gate);
	expect_ok(hipStreamSynchronize(NULL));

	expect_ok(hipStreamCreate(&stream));
	gate_close(&gate, stream, 0);
	expect_ok(hipMemsetAsync(memory, 10, BYTES, stream));
	expect_ok(hipSetDevice(1));
	expect_ok(hipMemcpyAsync(&byte, memory, 1, hipMemcpyDeviceToHost, NULL));
	expect(hipStreamQuery(NULL), hipErrorNotReady);
	gate_open(&gate);
	expect_ok(hipStreamSynchronize(NULL));
	cr_assert(eq(u8, byte, 10));
}

/* ---- destruction ------------------------------------------------------------------- */

static void *open_soon(void *gate)
{
	gate_open(gate);
	return NULL;
}

Test(hipsoft_stream, destroying_waits)
{
	unsigned char *memory = device_memory();
	hipStream_t stream;
	struct gate gate;
	pthread_t thread;

	expect_ok(hipStreamCreate(&stream));
	gate_close(&gate, stream, 0);
	expect_ok(hipMemsetAsync(memory, 11, BYTES, stream));
	/* Tasks that others wait for complete while it is destroyed. */
	expect_ok(hipMemsetAsync(memory + 1, 12, BYTES - 1, NULL));
	pthread_create(&thread, NULL, open_soon, &gate);
	expect_ok(hipStreamDestroy(stream));
	pthread_join(thread, NULL);
	cr_assert(eq(u8, first_byte(memory), 11));
	expect_ok(hipStreamSynchronize(NULL));
	cr_assert(eq(u8, first_byte(memory + 1), 12));
}

/* ---- failure ----------------------------------------------------------------------- */

Test(hipsoft_stream, a_failed_one_reports_it_once)
{
	unsigned char *memory = device_memory();
	hipStream_t stream, other;
	struct gate gate;

	expect_ok(hipStreamCreate(&stream));
	expect_ok(hipStreamCreate(&other));
	gate_close(&gate, stream, -EFAULT);
	expect_ok(hipMemsetAsync(memory, 1, BYTES, stream));
	gate_open(&gate);
	cr_assert(wait_until(has_failed, stream));
	/* It rejects tasks before that, and these calls do not report the error. */
	expect(hipMemsetAsync(memory, 1, BYTES, stream), hipErrorIllegalAddress);
	expect(hipMemsetAsync(memory, 1, 0, stream), hipErrorIllegalAddress);
	expect_ok(hipFree(device_memory()));
	expect_ok(hipStreamSynchronize(NULL));
	expect(hipStreamSynchronize(stream), hipErrorIllegalAddress);
	expect_ok(hipStreamSynchronize(stream));
	expect_ok(hipStreamQuery(stream));
	/* Later commands were dropped; this stream and others continue. */
	cr_assert(zero(u8, first_byte(memory)));
	expect_ok(hipMemset(memory, 2, BYTES));
	expect_ok(hipMemsetAsync(memory, 3, BYTES, other));
	expect_ok(hipStreamSynchronize(other));
	expect_ok(hipMemsetAsync(memory, 4, BYTES, stream));
	expect_ok(hipStreamSynchronize(stream));
	cr_assert(eq(u8, first_byte(memory), 4));
	expect_ok(hipStreamDestroy(stream));
	expect_ok(hipDeviceSynchronize());
}

static hipError_t copy_here(hipStream_t stream, void *memory)
{
	unsigned char byte;

	return hipMemcpy(&byte, memory, 1, hipMemcpyDeviceToHost);
}

static hipError_t fill(hipStream_t stream, void *memory)
{
	return hipMemset(memory, 1, BYTES);
}

static hipError_t fill_nothing(hipStream_t stream, void *memory)
{
	return hipMemset(memory, 1, 0);
}

static hipError_t synchronize(hipStream_t stream, void *memory)
{
	return hipStreamSynchronize(stream);
}

static hipError_t query(hipStream_t stream, void *memory)
{
	return hipStreamQuery(stream);
}

static hipError_t synchronize_device(hipStream_t stream, void *memory)
{
	return hipDeviceSynchronize();
}

/* The default stream cannot be destroyed, so it must work again. */
Test(hipsoft_stream, who_reports)
{
	hipError_t (*const reporters[])(hipStream_t stream, void *memory) = {
		copy_here, fill, fill_nothing, synchronize, query, synchronize_device,
	};
	unsigned char *memory = device_memory();
	struct gate gate;

	for (size_t i = 0; i < ARRAY_SIZE(reporters); i++) {
		gate_close(&gate, NULL, -EOWNERDEAD);
		expect_ok(hipMemsetAsync(memory, 9, BYTES, NULL));
		gate_open(&gate);
		cr_assert(wait_until(has_failed, NULL));
		expect(reporters[i](NULL, memory), hipErrorContextIsDestroyed);
		expect_ok(hipMemset(memory, (int)i, BYTES));
		cr_assert(eq(u8, first_byte(memory), (uint8_t)i));
		expect_ok(hipDeviceSynchronize());
	}
	gate_close(&gate, NULL, -EFAULT);
	gate_open(&gate);
	expect(hipMemset(memory, 1, BYTES), hipErrorIllegalAddress);
	expect_ok(hipMemset(memory, 1, BYTES));
}

/* The first error reports those of all streams of the device. */
Test(hipsoft_stream, the_device_reports_all)
{
	hipStream_t streams[3];
	struct gate gates[3];

	for (int i = 0; i < 3; i++) {
		expect_ok(hipStreamCreate(&streams[i]));
		gate_close(&gates[i], streams[i], i ? -EFAULT : -EOWNERDEAD);
		gate_open(&gates[i]);
	}
	expect(hipDeviceSynchronize(), hipErrorContextIsDestroyed);
	expect_ok(hipDeviceSynchronize());
	for (int i = 0; i < 3; i++)
		expect_ok(hipStreamSynchronize(streams[i]));
}

struct dropped {
	void *memory;
	hipError_t error;
};

static void *fill_it(void *arg)
{
	struct dropped *dropped = arg;

	dropped->error = hipMemset(dropped->memory, 1, BYTES);
	return NULL;
}

/* In whichever thread reports it first, a dropped hipMemset() never succeeds. */
Test(hipsoft_stream, what_was_dropped_fails_in_all_threads)
{
	void *memory = device_memory();
	struct dropped dropped[4];
	pthread_t threads[4];
	struct gate gate;
	uint64_t given;

	for (int round = 0; round < 200; round++) {
		given = tasks_given(NULL);
		gate_close(&gate, NULL, -EFAULT);
		for (int i = 0; i < 4; i++) {
			dropped[i] = (struct dropped){.memory = memory};
			pthread_create(&threads[i], NULL, fill_it, &dropped[i]);
		}
		given += 5;
		cr_assert(wait_until(has_given, &given));
		gate_open(&gate);
		for (int i = 0; i < 4; i++) {
			pthread_join(threads[i], NULL);
			expect(dropped[i].error, hipErrorIllegalAddress);
		}
		expect_ok(hipMemset(memory, 0, BYTES));
	}
}

static int run_nothing(struct task *task, struct stream *stream)
{
	return 0;
}

static void drop_nothing(struct task *task, int error)
{
}

/* Even if another thread received the report before. */
Test(hipsoft_stream, a_task_says_what_became_of_it)
{
	int results[2] = {1, 1};
	struct task tasks[2] = {
		{.run = run_nothing, .drop = drop_nothing, .result = &results[0]},
		{.run = run_nothing, .drop = drop_nothing, .result = &results[1]},
	};
	struct stream *stream;
	struct gate gate;

	gate_close(&gate, NULL, -EFAULT);
	cr_assert(zero(int, stream_get(NULL, &stream)));
	cr_assert(zero(int, stream_push(stream, &tasks[0])));
	gate_open(&gate);
	expect(hipStreamSynchronize(NULL), hipErrorIllegalAddress);
	cr_assert(zero(int, stream_push(stream, &tasks[1])));
	expect_ok(hipStreamSynchronize(NULL));
	stream_put(stream);
	cr_assert(eq(int, results[0], -EFAULT));
	cr_assert(zero(int, results[1]));
}

/* A stream that fails still waits for others: later tasks are in order. */
Test(hipsoft_stream, order_outlives_failure)
{
	unsigned char *memory = device_memory();
	struct gate failing, held;
	struct stream *first;
	hipStream_t stream;
	pthread_t thread;

	expect_ok(hipStreamCreate(&stream));
	cr_assert(zero(int, stream_get(NULL, &first)));
	gate_close(&failing, NULL, -EFAULT);
	/* It waits for the default stream and does not start yet. */
	gate_push(&held, stream, 0);
	expect_ok(hipMemsetAsync(memory, 1, BYTES, NULL));
	gate_open(&failing);
	gate_wait(&held.held->entered);
	cr_assert(wait_until(has_failed, NULL));
	pthread_create(&thread, NULL, open_and_say, &held);
	cr_assert(eq(int, stream_synchronize(first), -EFAULT));
	cr_assert(atomic_load(&opened));
	cr_assert(zero(u8, first_byte(memory)));
	pthread_join(thread, NULL);
	stream_put(first);
}

static int open_reader(uint64_t bytes)
{
	int fd = new_memfd(bytes);
	char path[32];
	int reader;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert(ge(int, reader, 0));
	close(fd);
	return reader;
}

/* More faults than a queue allows before it is isolated. */
Test(hipsoft_stream, faults_do_not_add_up)
{
	const struct hipipc_backing backing = {
		.fd = open_reader(BYTES),
		.kind = HIPIPC_KIND_MEMFD,
	};
	unsigned char *memory;
	uint64_t pointer;

	expect_ok(hipInit(0));
	cr_assert(zero(int, hipsoft_provider.import_memory(&backing, BYTES, &pointer)));
	memory = device_memory();
	for (int i = 0; i < 50; i++) {
		expect(hipMemset((void *)(uintptr_t)pointer, 1, 8),
		       hipErrorIllegalAddress);
		expect_ok(hipMemset(memory, i, BYTES));
		cr_assert(eq(u8, first_byte(memory), (uint8_t)i));
	}
}

Test(hipsoft_stream, what_waits_for_a_failed_one_goes_on)
{
	unsigned char *memory = device_memory();
	hipStream_t stream;
	struct gate gate;

	expect_ok(hipStreamCreate(&stream));
	gate_close(&gate, stream, -EFAULT);
	expect_ok(hipMemsetAsync(memory, 4, BYTES, NULL));
	gate_open(&gate);
	expect_ok(hipStreamSynchronize(NULL));
	cr_assert(eq(u8, first_byte(memory), 4));
}

/* ---- threads ----------------------------------------------------------------------- */

#define THREADS 4
#define ROUNDS  300

/* Returns the first error: Criterion's assertions work in one thread only. */
static hipError_t use_stream(void *memory, hipStream_t stream)
{
	hipError_t error = hipSuccess;

	for (int i = 0; i < ROUNDS && error == hipSuccess; i++) {
		error = hipMemsetAsync(memory, i, 64, i % 3 ? stream : NULL);
		if (error == hipSuccess && i % 50 == 0)
			error = hipDeviceSynchronize();
		if (error == hipSuccess && i % 20 == 0)
			error = hipStreamSynchronize(NULL);
	}
	return error;
}

static void *use_streams(void *memory)
{
	hipStream_t stream;
	hipError_t error = hipStreamCreate(&stream);

	if (error == hipSuccess)
		error = use_stream(memory, stream);
	if (error == hipSuccess)
		error = hipStreamDestroy(stream);
	return (void *)(uintptr_t)error;
}

Test(hipsoft_stream, from_many_threads)
{
	unsigned char *memory = device_memory();
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, use_streams, memory + i * 64);
	for (int i = 0; i < THREADS; i++) {
		void *error = NULL;

		pthread_join(threads[i], &error);
		cr_assert(zero(ptr, error));
	}
	expect_ok(hipDeviceSynchronize());
	for (int i = 0; i < THREADS; i++)
		cr_assert(eq(u8, first_byte(memory + i * 64), (ROUNDS - 1) % 256));
}

Test(hipsoft_stream, not_in_a_child)
{
	hipStream_t stream;
	int status;
	pid_t pid;

	expect_ok(hipStreamCreate(&stream));
	pid = fork();
	if (pid == 0)
		_exit(hipStreamQuery(stream) == hipErrorNotInitialized &&
				      hipStreamDestroy(stream) ==
					      hipErrorNotInitialized &&
				      hipMemset(&stream, 0, 0) == hipErrorNotInitialized
			      ? 0
			      : 1);
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_assert(zero(int, status));
	expect_ok(hipStreamDestroy(stream));
}
