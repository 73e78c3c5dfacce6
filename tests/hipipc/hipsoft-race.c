/* SPDX-License-Identifier: MIT */
/*
 * hipsoft-race.c - threads that create, use and destroy each other's streams and events
 *
 *   hipsoft-race [SECONDS]
 *
 * A program of its own, built with ThreadSanitizer where there is no other sanitizer. It
 * fails on a data race, a use after free, a deadlock (an alarm), or an error code that no
 * call may return here. Prints "ok NAME" or "FAIL: NAME: reason".
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <hipsoft.h>

#define THREADS       6
#define SLOTS         8
#define BYTES         4096
#define LIMIT_SECONDS 60 /* for all threads to finish */

/* Handles that all threads use; each may be destroyed by any of them at any time. */
static _Atomic(hipEvent_t) events[SLOTS];
static _Atomic(hipStream_t) streams[SLOTS];
static void *memory[THREADS];
static atomic_bool stop;
static atomic_int wrong; /* an error that no call may return; 0: none */

/* Two streams that write the same memory at once race on a real device, too. */
const char *__tsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void)
{
	return "race_top:^compute_\n";
}

/* A handle may be destroyed by the time it is used. */
static void expect(hipError_t error)
{
	if (error != hipSuccess && error != hipErrorInvalidHandle &&
	    error != hipErrorNotReady && error != hipErrorOutOfMemory)
		atomic_store(&wrong, (int)error);
}

static void replace_event(unsigned i, bool shared)
{
	hipEvent_t event = NULL;

	expect(hipEventCreateWithFlags(
		&event, shared ? hipEventInterprocess | hipEventDisableTiming : 0));
	event = atomic_exchange(&events[i], event);
	if (event)
		expect(hipEventDestroy(event));
}

static void replace_stream(unsigned i, unsigned flags)
{
	hipStream_t stream = NULL;

	expect(hipStreamCreateWithFlags(&stream, flags));
	stream = atomic_exchange(&streams[i], stream);
	if (stream)
		expect(hipStreamDestroy(stream));
}

static void use_context(void)
{
	hipCtx_t context;
	hipError_t error = hipCtxCreate(&context, 0, 0);

	expect(error);
	if (error != hipSuccess)
		return;
	expect(hipMemset(memory[0], 1, BYTES));
	expect(hipCtxDestroy(context));
}

static void use_memory(hipStream_t stream)
{
	void *own = NULL;

	expect(hipMalloc(&own, BYTES));
	if (!own)
		return;
	expect(hipMemsetAsync(own, 1, BYTES, stream));
	expect(hipMemcpy(memory[1], own, BYTES, hipMemcpyDeviceToDevice));
	expect(hipFree(own));
}

static void act(unsigned *seed, unsigned thread)
{
	unsigned i = (unsigned)rand_r(seed) % SLOTS, j = (unsigned)rand_r(seed) % SLOTS;
	hipEvent_t event = atomic_load(&events[i]);
	hipStream_t stream = j ? atomic_load(&streams[j]) : NULL; /* NULL: the default */
	float ms;

	switch (rand_r(seed) % 20) {
	case 0:
		replace_event(i, j & 1);
		break;
	case 1:
		replace_stream(i, j & 1 ? hipStreamNonBlocking : hipStreamDefault);
		break;
	case 2:
		use_memory(stream);
		break;
	case 3:
		expect(hipDeviceSynchronize());
		break;
	case 4:
		expect(hipStreamSynchronize(stream));
		break;
	case 5:
		(void)hipEventElapsedTime(&ms, event, atomic_load(&events[j]));
		break;
	case 6:
		use_context();
		break;
	case 7:
	case 8:
		expect(hipEventSynchronize(event));
		break;
	case 9:
		expect(hipEventQuery(event));
		expect(hipStreamQuery(stream));
		break;
	case 10:
	case 11:
	case 12:
		expect(hipStreamWaitEvent(stream, event, 0));
		break;
	case 13:
	case 14:
		expect(hipMemsetAsync(memory[thread], (int)j, BYTES, stream));
		break;
	default:
		expect(hipEventRecord(event, stream));
	}
}

static void *work(void *data)
{
	unsigned thread = (unsigned)(uintptr_t)data, seed = thread;

	while (!atomic_load(&stop))
		act(&seed, thread);
	return NULL;
}

static void clean_up(void)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		expect(hipStreamDestroy(atomic_load(&streams[i])));
		expect(hipEventDestroy(atomic_load(&events[i])));
	}
	for (unsigned i = 0; i < THREADS; i++)
		expect(hipFree(memory[i]));
}

int main(int argc, char *argv[])
{
	unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 5;
	pthread_t threads[THREADS];

	(void)alarm(seconds + LIMIT_SECONDS);
	for (unsigned i = 0; i < THREADS; i++)
		expect(hipMalloc(&memory[i], BYTES));
	for (unsigned i = 0; i < SLOTS; i++) {
		replace_event(i, i & 1);
		replace_stream(i, hipStreamDefault);
	}
	for (unsigned i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i) != 0)
			return EXIT_FAILURE;
	(void)nanosleep(&(struct timespec){.tv_sec = seconds}, NULL);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	clean_up();
	if (atomic_load(&wrong)) {
		printf("FAIL: hipsoft_race: a call returned %s\n",
		       hipGetErrorName((hipError_t)atomic_load(&wrong)));
		return EXIT_FAILURE;
	}
	puts("ok hipsoft_race");
	return EXIT_SUCCESS;
}
