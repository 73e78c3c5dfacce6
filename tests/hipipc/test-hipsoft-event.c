/* SPDX-License-Identifier: MIT */
/* test-hipsoft-event.c - local and interprocess events */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <clock.h>
#include <util.h>

#include "../support/fd-message.h"
#include "event_page.h"
#include "hipsoft-gate.h"
#include "stream_private.h"

TestSuite(hipsoft_event, .timeout = 300);

static double now_s(void)
{
	return (double)now_ns() / (double)NS_PER_S;
}

#define SHARED (hipEventInterprocess | hipEventDisableTiming)

static hipEvent_t make_event(unsigned flags)
{
	hipEvent_t event = NULL;

	expect_ok(hipEventCreateWithFlags(&event, flags));
	cr_assert(ne(ptr, event, NULL));
	return event;
}

static hipStream_t make_stream(void)
{
	hipStream_t stream = NULL;

	expect_ok(hipStreamCreateWithFlags(&stream, hipStreamNonBlocking));
	return stream;
}

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
	hipEvent_t event = make_event(0), next;
	char here = 0;

	expect_ok(hipEventDestroy(event));
	next = make_event(0);
	cr_assert(ne(ptr, event, next));
	expect_no_event(event);
	expect_no_event(NULL);
	expect_no_event((hipEvent_t)&here);
	expect_no_event((hipEvent_t) ~(uintptr_t)0);
}

/* ---- local ------------------------------------------------------------------------- */

Test(hipsoft_event, never_recorded_is_ready)
{
	unsigned flags[] = {0, SHARED};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		hipEvent_t event = make_event(flags[i]);

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
	hipStream_t first = make_stream(), second = make_stream();
	hipEvent_t event = make_event(flags);
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
	record_and_wait(SHARED);
}

/* A wait is for the record at that time, not for later ones. */
static void record_again(unsigned flags)
{
	hipStream_t first = make_stream(), second = make_stream(), waiter = make_stream();
	hipEvent_t event = make_event(flags);
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
	record_again(SHARED);
}

/* Destroyed while a record and a wait are pending: both complete. */
static void destroy_in_use(unsigned flags)
{
	hipStream_t first = make_stream(), second = make_stream();
	hipEvent_t event = make_event(flags);
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
	destroy_in_use(SHARED);
}

static void *synchronize(void *event)
{
	return (void *)(uintptr_t)hipEventSynchronize(event);
}

Test(hipsoft_event, destroyed_while_the_host_waits)
{
	hipStream_t stream = make_stream();
	hipEvent_t event = make_event(SHARED);
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
	hipStream_t stream = make_stream();
	hipEvent_t start = make_event(0), stop = make_event(hipEventBlockingSync);
	hipEvent_t untimed = make_event(hipEventDisableTiming);
	double begun = now_s();
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
	cr_assert(le(dbl, ms, (now_s() - begun) * 1e3 + 0.5));
	expect_ok(hipEventElapsedTime(&ms, stop, start));
	cr_assert(lt(flt, ms, -19));
	expect_ok(hipEventRecord(untimed, stream));
	expect_ok(hipEventSynchronize(untimed));
	expect(hipEventElapsedTime(&ms, start, untimed), hipErrorInvalidHandle);
}

/* ---- failure ----------------------------------------------------------------------- */

static void fail_before_reaching(unsigned flags, hipError_t error)
{
	hipStream_t failing = make_stream(), waiter = make_stream();
	hipEvent_t event = make_event(flags);
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
	fail_before_reaching(SHARED, hipErrorContextIsDestroyed);
}

/* ---- from two threads ---------------------------------------------------------------
 */

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
	struct crossing crossing = {make_event(flags), recorder, waiter, .error = 0};
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
	hipStream_t stream = make_stream();

	cross(SHARED, stream, stream);
	cross(0, stream, stream);
}

Test(hipsoft_event, recorded_in_a_blocking_stream_and_waited_for_in_the_default_one)
{
	hipStream_t stream;

	expect_ok(hipStreamCreate(&stream));
	cross(SHARED, stream, NULL);
	cross(SHARED, NULL, stream);
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
	struct crossing crossing = {make_event(0), make_stream(), .error = 0};

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
	hipStream_t slow = make_stream(), fast = make_stream(), waiter = make_stream();
	hipEvent_t event = make_event(SHARED);
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

/* ---- for libhipipc ----------------------------------------------------------------- */

static uint64_t ended_id;
static int n_ended;

static void note_end(uint64_t id)
{
	/* The runtime holds no lock. */
	hipEvent_t event = make_event(0);

	expect_ok(hipEventDestroy(event));
	ended_id = id;
	n_ended++;
}

Test(hipsoft_event, ends_are_told_once)
{
	hipEvent_t event = make_event(SHARED), quiet = make_event(SHARED);
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
	hipEvent_t event = make_event(hipEventDisableTiming);
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
		cr_assert(
			zero(int, hipsoft_provider.find_event(make_event(SHARED), &id)));
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

/* ---- two processes ----------------------------------------------------------------- */

static hipEvent_t receive_event(int socket)
{
	int fd = receive_fd(socket);
	void *event;

	if (fd < 0)
		_exit(100);
	if (runtime_enter() < 0 || hipsoft_provider.import_event(fd, &event) < 0)
		_exit(101);
	/* As libhipipc does; the lock is not inherited. */
	close(fd);
	return event;
}

static void tell(int socket)
{
	char byte = 0;

	if (write(socket, &byte, 1) != 1)
		_exit(102);
}

static void hear(int socket)
{
	char byte;

	if (read(socket, &byte, 1) != 1)
		_exit(103);
}

/* Called before the parent's first call. */
static pid_t start_child(int (*body)(int socket), int *ret_socket)
{
	int pair[2];
	pid_t pid;

	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)));
	pid = fork();
	cr_assert(ge(int, pid, 0));
	if (pid == 0) {
		close(pair[0]);
		_exit(body(pair[1]));
	}
	close(pair[1]);
	*ret_socket = pair[0];
	return pid;
}

static hipEvent_t share_event(int socket)
{
	hipEvent_t event = make_event(SHARED);
	uint64_t id;
	int fd;

	cr_assert(zero(int, hipsoft_provider.find_event(event, &id)));
	cr_assert(zero(int, hipsoft_provider.export_event(id, &fd)));
	cr_assert(zero(int, send_fd(socket, fd)));
	close(fd);
	return event;
}

static int wait_for_parent(int socket)
{
	hipEvent_t event = receive_event(socket);
	hipStream_t stream;

	if (hipStreamCreate(&stream) != hipSuccess)
		return 1;
	tell(socket);
	hear(socket); /* sent when the event is recorded */
	if (hipEventQuery(event) != hipErrorNotReady)
		return 2;
	if (hipStreamWaitEvent(stream, event, 0) != hipSuccess ||
	    hipStreamQuery(stream) != hipErrorNotReady)
		return 3;
	tell(socket);
	if (hipStreamSynchronize(stream) != hipSuccess)
		return 4;
	return hipEventQuery(event) == hipSuccess ? 0 : 5;
}

Test(hipsoft_event, recorded_here_waited_for_there)
{
	int socket;
	pid_t pid = start_child(wait_for_parent, &socket);
	hipEvent_t event = share_event(socket);
	hipStream_t stream = make_stream();
	struct gate gate;

	gate_close(&gate, stream, 0);
	hear(socket);
	expect_ok(hipEventRecord(event, stream));
	tell(socket);
	hear(socket);
	gate_open(&gate);
	cr_assert(zero(int, wait_for_child(pid)));
}

/* Both have the event open, and the importer records it. */
static int record_for_parent(int socket)
{
	hipEvent_t event = receive_event(socket);
	hipStream_t stream;
	struct gate gate;

	if (hipStreamCreate(&stream) != hipSuccess)
		return 1;
	gate_close(&gate, stream, 0);
	if (hipEventRecord(event, stream) != hipSuccess)
		return 2;
	tell(socket);
	hear(socket);
	gate_open(&gate);
	if (hipStreamSynchronize(stream) != hipSuccess)
		return 3;
	hear(socket);
	return hipEventDestroy(event) == hipSuccess ? 0 : 4;
}

Test(hipsoft_event, recorded_by_the_importer)
{
	int socket;
	pid_t pid = start_child(record_for_parent, &socket);
	hipEvent_t event = share_event(socket);
	hipStream_t stream = make_stream();

	hear(socket);
	expect(hipEventQuery(event), hipErrorNotReady);
	expect_ok(hipStreamWaitEvent(stream, event, 0));
	tell(socket);
	expect_ok(hipEventSynchronize(event));
	expect_ok(hipStreamSynchronize(stream));
	expect_ok(hipEventDestroy(event));
	tell(socket);
	cr_assert(zero(int, wait_for_child(pid)));
}

/* The exporter destroys it while the importer waits for it and uses it later. */
static int outlive_parents(int socket)
{
	hipEvent_t event = receive_event(socket);
	hipStream_t stream;

	tell(socket);
	hear(socket);
	if (hipStreamCreate(&stream) != hipSuccess ||
	    hipStreamWaitEvent(stream, event, 0) != hipSuccess)
		return 1;
	tell(socket);
	if (hipStreamSynchronize(stream) != hipSuccess)
		return 2;
	if (hipEventRecord(event, stream) != hipSuccess ||
	    hipEventSynchronize(event) != hipSuccess)
		return 3;
	return 0;
}

Test(hipsoft_event, destroyed_by_the_exporter)
{
	int socket;
	pid_t pid = start_child(outlive_parents, &socket);
	hipEvent_t event = share_event(socket);
	hipStream_t stream = make_stream();
	struct gate gate;

	gate_close(&gate, stream, 0);
	hear(socket);
	expect_ok(hipEventRecord(event, stream));
	expect_ok(hipEventDestroy(event));
	tell(socket);
	hear(socket);
	gate_open(&gate);
	cr_assert(zero(int, wait_for_child(pid)));
}

/* ---- exit of the recorder ---------------------------------------------------------- */

static int record_and_hang(int socket)
{
	hipEvent_t event = receive_event(socket);
	struct gate gate;

	gate_close(&gate, NULL, 0);
	if (hipEventRecord(event, NULL) != hipSuccess)
		return 1;
	tell(socket);
	pause();
	return 2;
}

Test(hipsoft_event, the_recorder_is_killed)
{
	int socket;
	pid_t pid = start_child(record_and_hang, &socket);
	hipEvent_t event = share_event(socket);
	hipStream_t stream = make_stream();
	double killed;

	hear(socket);
	expect_ok(hipStreamWaitEvent(stream, event, 0));
	expect(hipStreamQuery(stream), hipErrorNotReady);
	kill(pid, SIGKILL);
	killed = now_s();
	expect(hipEventSynchronize(event), hipErrorContextIsDestroyed);
	expect(hipStreamSynchronize(stream), hipErrorContextIsDestroyed);
	cr_assert(lt(dbl, now_s() - killed, 20));
	expect(hipEventQuery(event), hipErrorContextIsDestroyed);
	/* The event and the stream still work. */
	expect_ok(hipMemsetAsync(NULL, 0, 0, stream));
	expect_ok(hipEventRecord(event, stream));
	expect_ok(hipEventSynchronize(event));
	expect_ok(hipStreamSynchronize(stream));
	waitpid(pid, NULL, 0);
}

/* ---- ping-pong --------------------------------------------------------------------- */

#define TURNS 2000

/* Waits for ping, then records pong, repeatedly. */
static int answer(int socket)
{
	hipEvent_t ping = receive_event(socket), pong = receive_event(socket);

	for (int i = 0; i < TURNS; i++) {
		hear(socket);
		if (hipStreamWaitEvent(NULL, ping, 0) != hipSuccess ||
		    hipEventRecord(pong, NULL) != hipSuccess)
			return 1;
		tell(socket);
	}
	return hipStreamSynchronize(NULL) == hipSuccess ? 0 : 2;
}

Test(hipsoft_event, turn_by_turn)
{
	int socket;
	pid_t pid = start_child(answer, &socket);
	hipEvent_t ping = share_event(socket), pong = share_event(socket);

	for (int i = 0; i < TURNS; i++) {
		expect_ok(hipEventRecord(ping, NULL));
		tell(socket);
		hear(socket);
		expect_ok(hipStreamWaitEvent(NULL, pong, 0));
		if (i % 100 == 0)
			expect_ok(hipEventSynchronize(pong));
	}
	expect_ok(hipStreamSynchronize(NULL));
	cr_assert(zero(int, wait_for_child(pid)));
}
