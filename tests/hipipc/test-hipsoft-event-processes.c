/* SPDX-License-Identifier: MIT */
/* test-hipsoft-event-processes.c - interprocess events in two processes */
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <clock.h>
#include <util.h>

#include "../support/fd-message.h"
#include "hipsoft-gate.h"

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
	hipEvent_t event = soft_event(SOFT_SHARED);
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
	hipStream_t stream = soft_stream();
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
	hipStream_t stream = soft_stream();

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
	hipStream_t stream = soft_stream();
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
	hipStream_t stream = soft_stream();
	double killed;

	hear(socket);
	expect_ok(hipStreamWaitEvent(stream, event, 0));
	expect(hipStreamQuery(stream), hipErrorNotReady);
	kill(pid, SIGKILL);
	killed = soft_now_s();
	expect(hipEventSynchronize(event), hipErrorContextIsDestroyed);
	expect(hipStreamSynchronize(stream), hipErrorContextIsDestroyed);
	cr_assert(lt(dbl, soft_now_s() - killed, 20));
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
