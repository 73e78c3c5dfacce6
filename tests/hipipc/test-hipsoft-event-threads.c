/* SPDX-License-Identifier: MIT */
/* test-hipsoft-event-threads.c - events that two threads record and wait for */
#include <pthread.h>
#include <string.h>
#include <util.h>

#include "event_page.h"
#include "hipsoft-gate.h"
#include "stream_private.h"

/* ---- from two threads -------------------------------------------------------------- */

#define CROSSINGS 100000

struct crossing {
	hipEvent_t event;
	hipStream_t recorder, waiter;
	pthread_barrier_t start;
	sem_t done;
	hipError_t error;
};

static void *record_often(void *arg)
{
	struct crossing *crossing = arg;
	hipError_t error = hipSuccess;

	for (int i = 0; i < CROSSINGS && error == hipSuccess; i++) {
		error = hipEventRecord(crossing->event, crossing->recorder);
		if (error == hipSuccess && i % 64 == 0)
			error = hipStreamSynchronize(crossing->recorder);
	}
	crossing->error = error;
	sem_post(&crossing->done);
	return NULL;
}

static hipError_t wait_often(struct crossing *crossing)
{
	hipError_t error = hipSuccess;

	for (int i = 0; sem_trywait(&crossing->done) < 0 && error == hipSuccess; i++) {
		error = hipStreamWaitEvent(crossing->waiter, crossing->event, 0);
		if (error == hipSuccess && i % 64 == 0)
			error = hipStreamSynchronize(crossing->waiter);
	}
	return error;
}

/*
 * A record and a wait for it from two threads, in streams that are ordered after each
 * other: neither waits for a later task.
 */
static void cross(unsigned flags, hipStream_t recorder, hipStream_t waiter)
{
	struct crossing crossing = {soft_event(flags), recorder, waiter, .error = 0};
	pthread_t thread;

	sem_init(&crossing.done, 0, 0);
	pthread_create(&thread, NULL, record_often, &crossing);
	expect_ok(wait_often(&crossing));
	pthread_join(thread, NULL);
	expect_ok(crossing.error);
	expect_ok(hipDeviceSynchronize());
	expect_ok(hipEventDestroy(crossing.event));
}

Test(hipsoft_event, recorded_and_waited_for_in_one_stream)
{
	hipStream_t stream = soft_stream();

	cross(SOFT_SHARED, stream, stream);
	cross(0, stream, stream);
}

Test(hipsoft_event, recorded_in_a_blocking_stream_and_waited_for_in_the_default_one)
{
	hipStream_t stream;

	expect_ok(hipStreamCreate(&stream));
	cross(SOFT_SHARED, stream, NULL);
	cross(SOFT_SHARED, NULL, stream);
	cross(0, stream, NULL);
}

static sem_t last_entered, last_opened;

static int run_held(struct task *task, struct stream *stream)
{
	sem_post(&last_entered);
	gate_wait(&last_opened);
	return 0;
}

/* Replaces the last task, which does not run yet, with one that blocks. */
static void hold_up_last(hipStream_t handle)
{
	struct stream *stream;

	cr_assert(zero(int, stream_get(handle, &stream)));
	pthread_mutex_lock(&stream->lock);
	container_of(stream->tasks.prev, struct task, link)->run = run_held;
	pthread_mutex_unlock(&stream->lock);
	stream_put(stream);
}

static void *record_once(void *arg)
{
	struct crossing *crossing = arg;

	pthread_barrier_wait(&crossing->start);
	if (hipEventRecord(crossing->event, crossing->recorder) != hipSuccess)
		crossing->error = hipErrorUnknown;
	return NULL;
}

static void record_in_two_threads(struct crossing *crossing)
{
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, record_once, crossing);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	expect_ok(crossing->error);
}

/* The event's last record is the last one in the stream. */
Test(hipsoft_event, the_last_record_is_the_last_in_its_stream)
{
	struct crossing crossing = {soft_event(0), soft_stream(), .error = 0};

	sem_init(&last_entered, 0, 0);
	sem_init(&last_opened, 0, 0);
	pthread_barrier_init(&crossing.start, NULL, 2);
	for (int i = 0; i < 5000; i++) {
		struct gate gate;

		gate_close(&gate, crossing.recorder, 0);
		record_in_two_threads(&crossing);
		hold_up_last(crossing.recorder);
		gate_open(&gate);
		gate_wait(&last_entered);
		expect(hipEventQuery(crossing.event), hipErrorNotReady);
		sem_post(&last_opened);
		expect_ok(hipStreamSynchronize(crossing.recorder));
		expect_ok(hipEventQuery(crossing.event));
	}
}

/*
 * More records than slots, one of which is not reached: the recording process knows all.
 */
Test(hipsoft_event, many_records_after_one)
{
	hipStream_t slow = soft_stream(), fast = soft_stream(), waiter = soft_stream();
	hipEvent_t event = soft_event(SOFT_SHARED);
	struct gate gate;

	gate_close(&gate, slow, 0);
	expect_ok(hipEventRecord(event, slow));
	expect_ok(hipStreamWaitEvent(waiter, event, 0));
	for (int i = 0; i < 3 * EVENT_PAGE_SLOTS; i++)
		expect_ok(hipEventRecord(event, fast));
	expect_ok(hipStreamSynchronize(fast));
	expect_ok(hipEventSynchronize(event));
	expect(hipStreamQuery(waiter), hipErrorNotReady);
	gate_open(&gate);
	expect_ok(hipStreamSynchronize(waiter));
}
