/* SPDX-License-Identifier: MIT */
/* test-hipsoft-stream-failure.c - errors of streams, and who reports them */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stream-fixture.h"

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

/* Counts tasks of the default stream. */
static bool has_given(void *n)
{
	return stream_tasks_given(NULL) >= *(uint64_t *)n;
}

/* ---- failure ----------------------------------------------------------------------- */

Test(hipsoft_stream, a_failed_one_reports_it_once)
{
	unsigned char *memory = stream_memory();
	hipStream_t stream, other;
	struct gate gate;

	expect_ok(hipStreamCreate(&stream));
	expect_ok(hipStreamCreate(&other));
	gate_close(&gate, stream, -EFAULT);
	expect_ok(hipMemsetAsync(memory, 1, STREAM_BYTES, stream));
	gate_open(&gate);
	cr_assert(wait_until(has_failed, stream));
	/* It rejects tasks before that, and these calls do not report the error. */
	expect(hipMemsetAsync(memory, 1, STREAM_BYTES, stream), hipErrorIllegalAddress);
	expect(hipMemsetAsync(memory, 1, 0, stream), hipErrorIllegalAddress);
	expect_ok(hipFree(stream_memory()));
	expect_ok(hipStreamSynchronize(NULL));
	expect(hipStreamSynchronize(stream), hipErrorIllegalAddress);
	expect_ok(hipStreamSynchronize(stream));
	expect_ok(hipStreamQuery(stream));
	/* Later commands were dropped; this stream and others continue. */
	cr_assert(zero(u8, stream_first_byte(memory)));
	expect_ok(hipMemset(memory, 2, STREAM_BYTES));
	expect_ok(hipMemsetAsync(memory, 3, STREAM_BYTES, other));
	expect_ok(hipStreamSynchronize(other));
	expect_ok(hipMemsetAsync(memory, 4, STREAM_BYTES, stream));
	expect_ok(hipStreamSynchronize(stream));
	cr_assert(eq(u8, stream_first_byte(memory), 4));
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
	return hipMemset(memory, 1, STREAM_BYTES);
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
	unsigned char *memory = stream_memory();
	struct gate gate;

	for (size_t i = 0; i < ARRAY_SIZE(reporters); i++) {
		gate_close(&gate, NULL, -EOWNERDEAD);
		expect_ok(hipMemsetAsync(memory, 9, STREAM_BYTES, NULL));
		gate_open(&gate);
		cr_assert(wait_until(has_failed, NULL));
		expect(reporters[i](NULL, memory), hipErrorContextIsDestroyed);
		expect_ok(hipMemset(memory, (int)i, STREAM_BYTES));
		cr_assert(eq(u8, stream_first_byte(memory), (uint8_t)i));
		expect_ok(hipDeviceSynchronize());
	}
	gate_close(&gate, NULL, -EFAULT);
	gate_open(&gate);
	expect(hipMemset(memory, 1, STREAM_BYTES), hipErrorIllegalAddress);
	expect_ok(hipMemset(memory, 1, STREAM_BYTES));
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

	dropped->error = hipMemset(dropped->memory, 1, STREAM_BYTES);
	return NULL;
}

/* In whichever thread reports it first, a dropped hipMemset() never succeeds. */
Test(hipsoft_stream, what_was_dropped_fails_in_all_threads)
{
	void *memory = stream_memory();
	struct dropped dropped[4];
	pthread_t threads[4];
	struct gate gate;
	uint64_t given;

	for (int round = 0; round < 200; round++) {
		given = stream_tasks_given(NULL);
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
		expect_ok(hipMemset(memory, 0, STREAM_BYTES));
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
	unsigned char *memory = stream_memory();
	struct gate failing, held;
	struct stream *first;
	hipStream_t stream;
	pthread_t thread;

	expect_ok(hipStreamCreate(&stream));
	cr_assert(zero(int, stream_get(NULL, &first)));
	gate_close(&failing, NULL, -EFAULT);
	/* It waits for the default stream and does not start yet. */
	gate_push(&held, stream, 0);
	expect_ok(hipMemsetAsync(memory, 1, STREAM_BYTES, NULL));
	gate_open(&failing);
	gate_wait(&held.held->entered);
	cr_assert(wait_until(has_failed, NULL));
	pthread_create(&thread, NULL, stream_open_and_say, &held);
	cr_assert(eq(int, stream_synchronize(first), -EFAULT));
	cr_assert(atomic_load(&stream_opened));
	cr_assert(zero(u8, stream_first_byte(memory)));
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
		.fd = open_reader(STREAM_BYTES),
		.kind = HIPIPC_KIND_MEMFD,
	};
	unsigned char *memory;
	uint64_t pointer;

	expect_ok(hipInit(0));
	cr_assert(zero(int,
		       hipsoft_provider.import_memory(&backing, STREAM_BYTES, &pointer)));
	memory = stream_memory();
	for (int i = 0; i < 50; i++) {
		expect(hipMemset((void *)(uintptr_t)pointer, 1, 8),
		       hipErrorIllegalAddress);
		expect_ok(hipMemset(memory, i, STREAM_BYTES));
		cr_assert(eq(u8, stream_first_byte(memory), (uint8_t)i));
	}
}

Test(hipsoft_stream, what_waits_for_a_failed_one_goes_on)
{
	unsigned char *memory = stream_memory();
	hipStream_t stream;
	struct gate gate;

	expect_ok(hipStreamCreate(&stream));
	gate_close(&gate, stream, -EFAULT);
	expect_ok(hipMemsetAsync(memory, 4, STREAM_BYTES, NULL));
	gate_open(&gate);
	expect_ok(hipStreamSynchronize(NULL));
	cr_assert(eq(u8, stream_first_byte(memory), 4));
}
