/* SPDX-License-Identifier: MIT */
/* test-hipsoft-wait.c - calls that remove memory wait for streams that use it */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <util.h>

#include "hipsoft-gate.h"

#define BYTES    (3 * PAGE + 5)
#define PATIENCE (300 * 1000 * 1000) /* ns; a call that does not wait returns sooner */

static unsigned char host[BYTES], back[BYTES];

static void three_devices(void)
{
	soft_configure("3", "16");
}

TestSuite(hipsoft_wait, .init = three_devices, .timeout = 300);

/* ---- calls that wait --------------------------------------------------------------- */

/* A call in a separate thread, in which device 0 is current. */
struct call {
	hipError_t (*act)(void *data);
	void *data;
	hipError_t error;
	sem_t done;
	pthread_t thread;
};

static void *make_call(void *arg)
{
	struct call *call = arg;

	call->error = call->act(call->data);
	sem_post(&call->done);
	return NULL;
}

static void begin_call(struct call *call, hipError_t (*act)(void *data), void *data)
{
	*call = (struct call){.act = act, .data = data};
	sem_init(&call->done, 0, 0);
	cr_assert(zero(int, pthread_create(&call->thread, NULL, make_call, call)));
}

static void end_call(struct call *call)
{
	gate_wait(&call->done);
	pthread_join(call->thread, NULL);
	expect_ok(call->error);
}

static bool is_done_soon(struct call *call)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += PATIENCE;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return sem_timedwait(&call->done, &until) == 0;
}

/* The call waits for @stream, which is held at the gate; @stream succeeds. */
static void expect_to_wait(hipError_t (*act)(void *data), void *data, struct gate *gate,
			   hipStream_t stream)
{
	struct call call;

	begin_call(&call, act, data);
	cr_assert(not(is_done_soon(&call)));
	gate_open(gate);
	end_call(&call);
	expect_ok(hipStreamSynchronize(stream));
}

/* ---- memory that the stream's device cannot reach ---------------------------------- */

static void *memory_of(int device)
{
	void *memory;

	expect_ok(hipSetDevice(device));
	memory = soft_malloc(BYTES);
	expect_ok(hipSetDevice(0));
	return memory;
}

static hipStream_t stream_of(int device)
{
	hipStream_t stream;

	expect_ok(hipSetDevice(device));
	expect_ok(hipStreamCreate(&stream));
	expect_ok(hipSetDevice(0));
	return stream;
}

static hipError_t free_memory(void *memory)
{
	return hipFree(memory);
}

Test(hipsoft_wait, free_does_for_streams_of_other_devices)
{
	void *memory = memory_of(1);
	hipStream_t stream = stream_of(0);
	struct gate gate;

	gate_close(&gate, stream, 0);
	expect_ok(hipMemcpyAsync(memory, host, BYTES, hipMemcpyHostToDevice, stream));
	expect_ok(hipMemcpyAsync(back, memory, BYTES, hipMemcpyDeviceToHost, stream));
	expect_to_wait(free_memory, memory, &gate, stream);
	expect(hipFree(memory), hipErrorInvalidValue);
}

/* A copy between two other devices, one of which reaches the freed memory. */
Test(hipsoft_wait, free_does_for_streams_of_third_devices)
{
	void *memory = memory_of(1), *other = memory_of(0);
	hipStream_t stream = stream_of(2);
	struct gate gate;

	expect_ok(hipDeviceEnablePeerAccess(1, 0));
	gate_close(&gate, stream, 0);
	expect_ok(hipMemcpyAsync(memory, other, BYTES, hipMemcpyDefault, stream));
	expect_to_wait(free_memory, memory, &gate, stream);
}

static hipError_t release_import(void *memory)
{
	int r = hipsoft_provider.release_memory((uintptr_t)memory);

	return r < 0 ? hipErrorUnknown : hipSuccess;
}

Test(hipsoft_wait, release_does_for_streams_of_other_devices)
{
	const struct hipipc_backing backing = {
		.fd = new_memfd(4 * PAGE),
		.kind = HIPIPC_KIND_MEMFD,
	};
	hipStream_t stream = stream_of(0);
	struct gate gate;
	uint64_t pointer;

	expect_ok(hipSetDevice(1));
	cr_assert(zero(int, hipsoft_provider.import_memory(&backing, BYTES, &pointer)));
	expect_ok(hipSetDevice(0));
	gate_close(&gate, stream, 0);
	expect_ok(hipMemsetAsync((void *)(uintptr_t)pointer, 1, BYTES, stream));
	expect_to_wait(release_import, (void *)(uintptr_t)pointer, &gate, stream);
}

static hipError_t disable_first_peer(void *data)
{
	return hipDeviceDisablePeerAccess(1);
}

/* Device 0 copies for device 2, which reaches neither side. */
Test(hipsoft_wait, disabling_a_peer_does_for_streams_of_third_devices)
{
	unsigned char *here = memory_of(0), *there = memory_of(1);
	hipStream_t stream = stream_of(2);
	struct gate gate;

	expect_ok(hipDeviceEnablePeerAccess(1, 0));
	expect_ok(hipMemset(here, 7, BYTES));
	gate_close(&gate, stream, 0);
	expect_ok(hipMemcpyAsync(there, here, BYTES, hipMemcpyDefault, stream));
	expect_to_wait(disable_first_peer, NULL, &gate, stream);
	expect_ok(hipMemcpy(back, there, BYTES, hipMemcpyDefault));
	cr_assert(eq(u8, back[BYTES - 1], 7));
	/* From now on through the host. */
	expect_ok(hipMemcpyAsync(here, there, BYTES, hipMemcpyDefault, stream));
	expect_ok(hipStreamSynchronize(stream));
}

/* ---- calls that do not wait -------------------------------------------------------- */

#define LOOKERS 8
#define CHANGES 200

struct lookers {
	atomic_bool stop;
	void *memory;
};

static void *look(void *arg)
{
	struct lookers *lookers = arg;
	hipPointerAttribute_t attributes;

	while (!atomic_load(&lookers->stop))
		if (hipPointerGetAttributes(&attributes, lookers->memory) != hipSuccess)
			return arg;
	return NULL;
}

static hipError_t change(void *data)
{
	hipError_t error = hipSuccess;
	void *memory;

	for (int i = 0; i < CHANGES && error == hipSuccess; i++) {
		error = hipMalloc(&memory, 1);
		if (error == hipSuccess)
			error = hipFree(memory);
	}
	return error;
}

/* Even while many threads look up pointers all the time. */
Test(hipsoft_wait, changes_have_their_turn)
{
	struct lookers lookers = {.memory = memory_of(1)};
	pthread_t threads[LOOKERS];
	struct call call;
	void *result;

	for (int i = 0; i < LOOKERS; i++)
		pthread_create(&threads[i], NULL, look, &lookers);
	begin_call(&call, change, NULL);
	end_call(&call);
	atomic_store(&lookers.stop, true);
	for (int i = 0; i < LOOKERS; i++) {
		pthread_join(threads[i], &result);
		cr_assert(eq(ptr, result, NULL));
	}
}
