/* SPDX-License-Identifier: MIT */
#include "stream-fixture.h"

TestSuite(hipsoft_stream, .timeout = 300);

atomic_bool stream_opened;

unsigned char *stream_memory(void)
{
	void *memory;

	expect_ok(hipMalloc(&memory, STREAM_BYTES));
	return memory;
}

unsigned char stream_first_byte(const void *memory)
{
	hipStream_t stream;
	unsigned char byte = 0;

	expect_ok(hipStreamCreateWithFlags(&stream, hipStreamNonBlocking));
	expect_ok(hipMemcpyAsync(&byte, memory, 1, hipMemcpyDeviceToHost, stream));
	expect_ok(hipStreamSynchronize(stream));
	expect_ok(hipStreamDestroy(stream));
	return byte;
}

uint64_t stream_tasks_given(hipStream_t handle)
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

void *stream_open_and_say(void *arg)
{
	struct gate *gate = arg;

	atomic_store(&stream_opened, true);
	gate_open(gate);
	return NULL;
}
