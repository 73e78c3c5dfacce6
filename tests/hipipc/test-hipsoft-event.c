/* SPDX-License-Identifier: MIT */
/* test-hipsoft-event.c - local and interprocess events */
#include <pthread.h>
#include <time.h>
#include <unistd.h>
#include <clock.h>
#include <util.h>

#include "event_page.h"
#include "hipsoft-gate.h"

TestSuite(hipsoft_event, .timeout = 300);

#define SOFT_SHARED (hipEventInterprocess | hipEventDisableTiming)

/* ---- handles ----------------------------------------------------------------------- */

Test(hipsoft_event, arguments)
{
	hipEvent_t event = NULL;
	float ms;

	expect(hipEventCreate(NULL), hipErrorInvalidValue);
	expect(hipEventCreateWithFlags(NULL, 0), hipErrorInvalidValue);
	expect(hipEventCreateWithFlags(&event, 8), hipErrorInvalidValue);
	expect(hipEventCreateWithFlags(&event, hipEventInterprocess),
	       hipErrorInvalidValue);
	cr_assert(zero(ptr, event));
	expect_ok(hipEventCreateWithFlags(&event, hipEventBlockingSync));
	expect(hipStreamWaitEvent(NULL, event, 1), hipErrorInvalidValue);
	expect(hipEventElapsedTime(NULL, event, event), hipErrorInvalidValue);
	expect(hipEventElapsedTime(&ms, event, event), hipErrorInvalidHandle);
	expect(hipEventRecord(event, (hipStream_t)&event), hipErrorInvalidHandle);
	expect(hipStreamWaitEvent((hipStream_t)&event, event, 0), hipErrorInvalidHandle);
	expect_ok(hipEventDestroy(event));
}

static void expect_no_event(hipEvent_t event)
{
	uint64_t id;
	float ms;

	expect(hipEventRecord(event, NULL), hipErrorInvalidHandle);
	expect(hipEventQuery(event), hipErrorInvalidHandle);
	expect(hipEventSynchronize(event), hipErrorInvalidHandle);
	expect(hipStreamWaitEvent(NULL, event, 0), hipErrorInvalidHandle);
	expect(hipEventElapsedTime(&ms, event, event), hipErrorInvalidHandle);
	expect(hipEventDestroy(event), hipErrorInvalidHandle);
	cr_assert(eq(int, hipsoft_provider.find_event(event, &id), -EINVAL));
}

Test(hipsoft_event, unknown_and_stale_handles)
{
	hipEvent_t event = soft_event(0), next;
	char here = 0;

	expect_ok(hipEventDestroy(event));
	next = soft_event(0);
	cr_assert(ne(ptr, event, next));
	expect_no_event(event);
	expect_no_event(NULL);
	expect_no_event((hipEvent_t)&here);
	expect_no_event((hipEvent_t) ~(uintptr_t)0);
}

/* ---- local ------------------------------------------------------------------------- */

Test(hipsoft_event, never_recorded_is_ready)
{
	unsigned flags[] = {0, SOFT_SHARED};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		hipEvent_t event = soft_event(flags[i]);

		expect_ok(hipEventQuery(event));
		expect_ok(hipEventSynchronize(event));
		expect_ok(hipStreamWaitEvent(NULL, event, 0));
		expect_ok(hipStreamSynchronize(NULL));
		expect_ok(hipEventDestroy(event));
	}
}

/* For local and interprocess events (@flags), which behave alike. */
static void record_and_wait(unsigned flags)
{
	hipStream_t first = soft_stream(), second = soft_stream();
	hipEvent_t event = soft_event(flags);
	struct gate gate;

	gate_close(&gate, first, 0);
	expect_ok(hipEventRecord(event, first));
	expect_ok(hipStreamWaitEvent(second, event, 0));
	expect(hipEventQuery(event), hipErrorNotReady);
	expect(hipStreamQuery(second), hipErrorNotReady);
	gate_open(&gate);
	expect_ok(hipEventSynchronize(event));
	expect_ok(hipEventQuery(event));
	expect_ok(hipStreamSynchronize(second));
	expect_ok(hipStreamSynchronize(first));
	expect_ok(hipStreamQuery(first));
}

Test(hipsoft_event, record_and_wait)
{
	record_and_wait(0);
	record_and_wait(SOFT_SHARED);
}

/* A wait is for the record at that time, not for later ones. */
static void record_again(unsigned flags)
{
	hipStream_t first = soft_stream(), second = soft_stream(), waiter = soft_stream();
	hipEvent_t event = soft_event(flags);
	struct gate one, two;

	gate_close(&one, first, 0);
	gate_close(&two, second, 0);
	expect_ok(hipEventRecord(event, first));
	expect_ok(hipStreamWaitEvent(waiter, event, 0));
	expect_ok(hipEventRecord(event, second));
	gate_open(&one);
	expect_ok(hipStreamSynchronize(waiter));
	expect(hipEventQuery(event), hipErrorNotReady);
	gate_open(&two);
	expect_ok(hipEventSynchronize(event));
}

Test(hipsoft_event, record_again)
{
	record_again(0);
	record_again(SOFT_SHARED);
}

/* Destroyed while a record and a wait are pending: both complete. */
static void destroy_in_use(unsigned flags)
{
	hipStream_t first = soft_stream(), second = soft_stream();
	hipEvent_t event = soft_event(flags);
	struct gate gate;

	gate_close(&gate, first, 0);
	expect_ok(hipEventRecord(event, first));
	expect_ok(hipStreamWaitEvent(second, event, 0));
	expect_ok(hipEventDestroy(event));
	expect_no_event(event);
	expect(hipStreamQuery(second), hipErrorNotReady);
	gate_open(&gate);
	expect_ok(hipStreamSynchronize(second));
	expect_ok(hipStreamDestroy(first));
	expect_ok(hipStreamDestroy(second));
}

Test(hipsoft_event, destroyed_in_use)
{
	destroy_in_use(0);
	destroy_in_use(SOFT_SHARED);
}

static void *synchronize(void *event)
{
	return (void *)(uintptr_t)hipEventSynchronize(event);
}

Test(hipsoft_event, destroyed_while_the_host_waits)
{
	hipStream_t stream = soft_stream();
	hipEvent_t event = soft_event(SOFT_SHARED);
	struct gate gate;
	pthread_t thread;
	void *result = NULL;
	hipError_t error;

	gate_close(&gate, stream, 0);
	expect_ok(hipEventRecord(event, stream));
	pthread_create(&thread, NULL, synchronize, event);
	expect_ok(hipEventDestroy(event));
	gate_open(&gate);
	pthread_join(thread, &result);
	/* Depends on which thread is first. */
	error = (hipError_t)(uintptr_t)result;
	cr_assert(error == hipSuccess || error == hipErrorInvalidHandle);
}

Test(hipsoft_event, time)
{
	hipStream_t stream = soft_stream();
	hipEvent_t start = soft_event(0), stop = soft_event(hipEventBlockingSync);
	hipEvent_t untimed = soft_event(hipEventDisableTiming);
	double begun = soft_now_s();
	struct gate gate;
	float ms = -1;

	expect_ok(hipEventRecord(start, stream));
	expect(hipEventElapsedTime(&ms, start, stop), hipErrorInvalidHandle);
	gate_close(&gate, stream, 0);
	expect_ok(hipEventRecord(stop, stream));
	expect(hipEventElapsedTime(&ms, start, stop), hipErrorNotReady);
	expect(hipEventElapsedTime(&ms, stop, start), hipErrorNotReady);
	expect(hipEventElapsedTime(&ms, stop, untimed), hipErrorInvalidHandle);
	cr_assert(eq(flt, ms, -1));
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	gate_open(&gate);
	expect_ok(hipEventSynchronize(stop));
	expect_ok(hipEventElapsedTime(&ms, start, stop));
	cr_assert(ge(flt, ms, 20));
	/* A part of a millisecond covers the rounding of a float. */
	cr_assert(le(dbl, ms, (soft_now_s() - begun) * 1e3 + 0.5));
	expect_ok(hipEventElapsedTime(&ms, stop, start));
	cr_assert(lt(flt, ms, -19));
	expect_ok(hipEventRecord(untimed, stream));
	expect_ok(hipEventSynchronize(untimed));
	expect(hipEventElapsedTime(&ms, start, untimed), hipErrorInvalidHandle);
}

/* ---- failure ----------------------------------------------------------------------- */

static void fail_before_reaching(unsigned flags, hipError_t error)
{
	hipStream_t failing = soft_stream(), waiter = soft_stream();
	hipEvent_t event = soft_event(flags);
	struct gate gate;

	gate_close(&gate, failing, -EFAULT);
	expect_ok(hipEventRecord(event, failing));
	expect_ok(hipStreamWaitEvent(waiter, event, 0));
	gate_open(&gate);
	expect(hipEventSynchronize(event), error);
	expect(hipEventQuery(event), error);
	expect(hipStreamSynchronize(waiter), error);
	/* A failed stream takes no record until it has reported its error. */
	expect(hipEventRecord(event, failing), hipErrorIllegalAddress);
	expect(hipStreamWaitEvent(failing, event, 0), hipErrorIllegalAddress);
	expect_ok(hipEventRecord(event, NULL));
	expect_ok(hipEventSynchronize(event));
	expect(hipEventRecord(event, failing), hipErrorIllegalAddress);
	/* The event is unchanged. */
	expect_ok(hipEventQuery(event));
	expect(hipStreamSynchronize(failing), hipErrorIllegalAddress);
	expect_ok(hipEventRecord(event, failing));
	expect_ok(hipStreamWaitEvent(waiter, event, 0));
	expect_ok(hipStreamSynchronize(waiter));
	expect_ok(hipStreamSynchronize(failing));
	expect_ok(hipStreamDestroy(failing));
	expect_ok(hipStreamDestroy(waiter));
}

Test(hipsoft_event, the_stream_fails_first)
{
	fail_before_reaching(0, hipErrorIllegalAddress);
	fail_before_reaching(SOFT_SHARED, hipErrorContextIsDestroyed);
}

/* ---- for libhipipc ----------------------------------------------------------------- */

static uint64_t ended_id;
static int n_ended;

static void note_end(uint64_t id)
{
	/* The runtime holds no lock. */
	hipEvent_t event = soft_event(0);

	expect_ok(hipEventDestroy(event));
	ended_id = id;
	n_ended++;
}

Test(hipsoft_event, ends_are_told_once)
{
	hipEvent_t event = soft_event(SOFT_SHARED), quiet = soft_event(SOFT_SHARED);
	uint64_t id = 0, other = 0;
	int fd = -1;

	hipsoft_provider.watch(note_end);
	cr_assert(zero(int, hipsoft_provider.find_event(event, &id)));
	cr_assert(zero(int, hipsoft_provider.find_event(quiet, &other)));
	cr_assert(ne(u64, id, other));
	cr_assert(zero(int, hipsoft_provider.export_event(id, &fd)));
	close(fd);
	cr_assert(zero(int, hipsoft_provider.export_event(id, &fd)));
	close(fd);
	expect_ok(hipEventDestroy(quiet));
	cr_assert(zero(int, n_ended));
	expect_ok(hipEventDestroy(event));
	cr_assert(eq(int, n_ended, 1));
	cr_assert(eq(u64, ended_id, id));
	cr_assert(eq(int, hipsoft_provider.export_event(id, &fd), -ENOENT));
	expect(hipEventDestroy(event), hipErrorInvalidHandle);
	cr_assert(eq(int, n_ended, 1));
}

Test(hipsoft_event, only_interprocess_ones_are_exported)
{
	hipEvent_t event = soft_event(hipEventDisableTiming);
	uint64_t id = 7;
	int fd = -5;

	cr_assert(eq(int, hipsoft_provider.find_event(event, &id), -EBADF));
	cr_assert(eq(int, hipsoft_provider.find_event(&event, &id), -EINVAL));
	cr_assert(eq(int, hipsoft_provider.export_event((uintptr_t)event, &fd), -ENOENT));
	cr_assert(eq(u64, id, 7));
	cr_assert(eq(int, fd, -5));
}

/* Ids of events and of memory differ. */
Test(hipsoft_event, ids)
{
	struct hipipc_allocation memory = soft_find(soft_malloc(1));
	uint64_t id;

	for (int i = 0; i < 100; i++) {
		cr_assert(zero(
			int, hipsoft_provider.find_event(soft_event(SOFT_SHARED), &id)));
		cr_assert(ne(u64, id, memory.id));
	}
}

Test(hipsoft_event, what_is_no_event_is_not_imported)
{
	void *event = NULL;
	int fd = new_memfd(EVENT_PAGE_BYTES);

	expect_ok(hipInit(0));
	cr_assert(eq(int, hipsoft_provider.import_event(fd, &event), -EBADMSG));
	cr_assert(eq(int, hipsoft_provider.import_event(-1, &event), -EBADMSG));
	cr_assert(zero(ptr, event));
	close(fd);
}
