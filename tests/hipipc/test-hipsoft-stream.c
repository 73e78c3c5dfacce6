/* SPDX-License-Identifier: MIT */
/* test-hipsoft-stream.c - order and completion of streams */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stream-fixture.h"

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
	void *memory = stream_memory();

	expect(hipStreamQuery(stream), hipErrorInvalidHandle);
	expect(hipStreamSynchronize(stream), hipErrorInvalidHandle);
	expect(hipStreamDestroy(stream), hipErrorInvalidHandle);
	expect(hipMemsetAsync(memory, 1, STREAM_BYTES, stream), hipErrorInvalidHandle);
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
	unsigned char *memory = stream_memory();
	hipStream_t stream, other;
	hipCtx_t context;

	expect_ok(hipStreamCreate(&other));
	expect_ok(hipCtxCreate(&context, 0, 0));
	expect_ok(hipStreamCreate(&stream));
	expect_ok(hipMemsetAsync(memory, 7, STREAM_BYTES, stream));
	expect_ok(hipCtxDestroy(context));
	cr_assert(eq(u8, stream_first_byte(memory), 7));
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
	unsigned char *memory = stream_memory();
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
	unsigned char *memory = stream_memory(), back[STREAM_BYTES];
	hipStream_t stream;

	expect_ok(hipStreamCreate(&stream));
	for (int round = 0; round < 500; round++) {
		expect_ok(hipMemsetAsync(memory, round + 1, STREAM_BYTES, stream));
		expect_ok(hipMemsetAsync(memory, round, STREAM_BYTES - 1, stream));
	}
	expect_ok(hipMemcpyAsync(back, memory, STREAM_BYTES, hipMemcpyDeviceToHost,
				 stream));
	expect_ok(hipStreamSynchronize(stream));
	cr_assert(eq(u8, back[STREAM_BYTES - 1], 500 % 256));
	for (int i = 0; i < STREAM_BYTES - 1; i++)
		cr_assert(eq(u8, back[i], 499 % 256));
}

Test(hipsoft_stream, returns_at_once)
{
	unsigned char *memory = stream_memory();
	hipStream_t stream;
	struct gate gate;

	expect_ok(hipStreamCreateWithFlags(&stream, hipStreamNonBlocking));
	gate_close(&gate, stream, 0);
	expect_ok(hipMemsetAsync(memory, 5, STREAM_BYTES, stream));
	expect(hipStreamQuery(stream), hipErrorNotReady);
	cr_assert(zero(u8, stream_first_byte(memory)));
	gate_open(&gate);
	expect_ok(hipStreamSynchronize(stream));
	expect_ok(hipStreamQuery(stream));
	cr_assert(eq(u8, stream_first_byte(memory), 5));
}

Test(hipsoft_stream, streams_do_not_wait_for_each_other)
{
	unsigned char *memory = stream_memory();
	hipStream_t held, free_one;
	struct gate gate;

	expect_ok(hipStreamCreate(&held));
	expect_ok(hipStreamCreate(&free_one));
	gate_close(&gate, held, 0);
	expect_ok(hipMemsetAsync(memory, 6, STREAM_BYTES, free_one));
	expect_ok(hipStreamSynchronize(free_one));
	expect(hipStreamQuery(held), hipErrorNotReady);
	gate_open(&gate);
	expect_ok(hipDeviceSynchronize());
	expect_ok(hipStreamQuery(held));
}

Test(hipsoft_stream, the_default_one_waits_for_others)
{
	unsigned char *memory = stream_memory();
	hipStream_t stream;
	struct gate gate;

	expect_ok(hipStreamCreate(&stream));
	gate_close(&gate, stream, 0);
	expect_ok(hipMemsetAsync(memory, 1, STREAM_BYTES, NULL));
	expect_ok(hipMemsetAsync(memory, 2, STREAM_BYTES, stream));
	expect(hipStreamQuery(NULL), hipErrorNotReady);
	cr_assert(zero(u8, stream_first_byte(memory)));
	gate_open(&gate);
	/* First the default stream's tasks, then the later ones of @stream. */
	expect_ok(hipStreamSynchronize(stream));
	expect_ok(hipStreamQuery(NULL));
	cr_assert(eq(u8, stream_first_byte(memory), 2));
}

Test(hipsoft_stream, others_wait_for_the_default_one)
{
	unsigned char *memory = stream_memory();
	hipStream_t stream, apart;
	struct gate gate;

	expect_ok(hipStreamCreate(&stream));
	expect_ok(hipStreamCreateWithFlags(&apart, hipStreamNonBlocking));
	gate_close(&gate, NULL, 0);
	expect_ok(hipMemsetAsync(memory, 3, STREAM_BYTES, stream));
	expect(hipStreamQuery(stream), hipErrorNotReady);
	expect_ok(hipMemsetAsync(memory, 4, STREAM_BYTES, apart));
	expect_ok(hipStreamSynchronize(apart));
	expect(hipStreamQuery(stream), hipErrorNotReady);
	cr_assert(eq(u8, stream_first_byte(memory), 4));
	gate_open(&gate);
	expect_ok(hipStreamSynchronize(stream));
	cr_assert(eq(u8, stream_first_byte(memory), 3));
}

Test(hipsoft_stream, the_default_one_does_not_wait_for_nonblocking_ones)
{
	unsigned char *memory = stream_memory();
	hipStream_t stream;
	struct gate gate;

	expect_ok(hipStreamCreateWithFlags(&stream, hipStreamNonBlocking));
	gate_close(&gate, stream, 0);
	expect_ok(hipMemset(memory, 8, STREAM_BYTES));
	expect(hipStreamQuery(stream), hipErrorNotReady);
	gate_open(&gate);
	expect_ok(hipStreamSynchronize(stream));
}

/* The default stream waits for a busy blocking stream, for the host, too. */
Test(hipsoft_stream, waiting_for_the_default_one)
{
	hipStream_t stream;
	struct gate gate;

	expect_ok(hipStreamCreate(&stream));
	for (int i = 0; i < 100; i++) {
		pthread_t thread;

		atomic_store(&stream_opened, false);
		gate_close(&gate, stream, 0);
		expect(hipStreamQuery(NULL), hipErrorNotReady);
		pthread_create(&thread, NULL, stream_open_and_say, &gate);
		expect_ok(hipStreamSynchronize(NULL));
		cr_assert(atomic_load(&stream_opened));
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
	unsigned char *memory = stream_memory();
	hipStream_t stream;
	struct gate gate;
	uint64_t before;

	expect_ok(hipStreamCreate(&stream));
	before = stream_tasks_given(NULL);
	gate_close(&gate, stream, 0);
	for (int i = 0; i < 100; i++)
		expect_ok(hipMemsetAsync(memory, 1, STREAM_BYTES, NULL));
	cr_assert(eq(u64, stream_tasks_given(NULL), before + 101));
	expect_ok(hipMemsetAsync(memory, 2, STREAM_BYTES, stream));
	expect_ok(hipMemsetAsync(memory, 3, STREAM_BYTES, stream));
	/* The gate, the barrier, and these two. */
	cr_assert(eq(u64, stream_tasks_given(stream), 4));
	expect_ok(hipMemsetAsync(memory, 4, STREAM_BYTES, NULL));
	cr_assert(eq(u64, stream_tasks_given(NULL), before + 103));
	gate_open(&gate);
	expect_ok(hipStreamSynchronize(NULL));
	cr_assert(eq(u8, stream_first_byte(memory), 4));
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
	memory = stream_memory();
	expect_ok(hipMemsetAsync(memory, 9, STREAM_BYTES, NULL));
	expect(hipStreamQuery(NULL), hipErrorNotReady);
	gate_open(&gate);
	expect_ok(hipStreamSynchronize(NULL));

	expect_ok(hipStreamCreate(&stream));
	gate_close(&gate, stream, 0);
	expect_ok(hipMemsetAsync(memory, 10, STREAM_BYTES, stream));
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
	unsigned char *memory = stream_memory();
	hipStream_t stream;
	struct gate gate;
	pthread_t thread;

	expect_ok(hipStreamCreate(&stream));
	gate_close(&gate, stream, 0);
	expect_ok(hipMemsetAsync(memory, 11, STREAM_BYTES, stream));
	/* Tasks that others wait for complete while it is destroyed. */
	expect_ok(hipMemsetAsync(memory + 1, 12, STREAM_BYTES - 1, NULL));
	pthread_create(&thread, NULL, open_soon, &gate);
	expect_ok(hipStreamDestroy(stream));
	pthread_join(thread, NULL);
	cr_assert(eq(u8, stream_first_byte(memory), 11));
	expect_ok(hipStreamSynchronize(NULL));
	cr_assert(eq(u8, stream_first_byte(memory + 1), 12));
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
	unsigned char *memory = stream_memory();
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
		cr_assert(eq(u8, stream_first_byte(memory + i * 64), (ROUNDS - 1) % 256));
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
