/* SPDX-License-Identifier: MIT */
/*
 * test-lib-reconnect.c - the connections of libdmabuffs end, and its requests go on
 *
 * The broker is killed before, during and after requests; its socket lives on, as that of
 * a service which another one replaces.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <clock.h>

#include "../support/fds.h"
#include "../support/make-memfd.h"
#include "../support/wait.h"
#include "broker.h"
#include "fake-broker.h"

#define THREADS   8
#define ROUNDS    100
#define KILLS     25
#define UNTOUCHED (-77)

static struct fake_broker broker;

static void start(void)
{
	fake_broker_start(&broker, fake_answer_echo, false);
}

static void finish(void)
{
	fake_broker_stop(&broker);
}

TestSuite(reconnect, .init = start, .fini = finish);

static ino_t inode(int fd)
{
	struct stat status;

	cr_assert(zero(int, fstat(fd, &status)));
	return status.st_ino;
}

static int exchange(void)
{
	int memfd = new_memfd(0), fd = UNTOUCHED;
	int r = dmabuffs_exchange(&broker.instance, memfd, &fd);

	if (r < 0) {
		cr_assert(eq(int, fd, UNTOUCHED));
	} else {
		cr_assert(eq(u64, inode(fd), inode(memfd)), "the reply of another");
		close(fd);
	}
	close(memfd);
	return r;
}

static void kill_and_restart(void)
{
	fake_broker_kill(&broker);
	fake_broker_restart(&broker);
}

/* ---- where a connection ends ------------------------------------------------------- */

Test(reconnect, before_the_request_was_sent)
{
	cr_assert(zero(int, exchange()));
	kill_and_restart();
	cr_assert(zero(int, exchange()));
	cr_assert(eq(u32, broker.connections, 2));
}

Test(reconnect, before_the_request_was_read)
{
	/* The kept one is lost, too. */
	for (unsigned int n = 1; n < BROKER_LOST_MAX - 1; n++) {
		kill_and_restart();
		broker.connections = 0;
		broker.unread = n;
		cr_assert(zero(int, exchange()));
		cr_assert(zero(u32, broker.unread));
		cr_assert(eq(u32, broker.connections, n + 1));
	}
}

static _Atomic unsigned int silent; /* so many more requests get no reply */

static bool answer_after_silence(int connection, unsigned int number, int fd)
{
	if (!silent)
		return fake_answer_echo(connection, number, fd);
	silent--;
	return false;
}

Test(reconnect, after_the_request_was_read)
{
	broker.answer = answer_after_silence;
	for (unsigned int n = 1; n < BROKER_LOST_MAX; n++) {
		unsigned int before = broker.requests;

		silent = n;
		cr_assert(zero(int, exchange()));
		cr_assert(eq(u32, broker.requests - before, n + 1));
	}
}

static bool close_while_replying(int connection, unsigned int number, int fd)
{
	if (number < 3) {
		shutdown(connection, SHUT_WR);
		return true;
	}
	return fake_answer_echo(connection, number, fd);
}

/* No part of a reply arrives: it is one message. */
Test(reconnect, instead_of_the_reply)
{
	broker.answer = close_while_replying;
	cr_assert(zero(int, exchange()));
	cr_assert(eq(u32, broker.connections, 3));
}

/* Before Linux 6.2 a send while the peer closes takes the peer away from the socket. */
Test(reconnect, with_a_socket_that_has_lost_its_peer)
{
	struct broker_connection connection = {
		.instance = &broker.instance,
		.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0),
	};
	int memfd = new_memfd(0), fd = UNTOUCHED;
	const struct broker_question question = {.op = DMABUFFS_BROKER_EXCHANGE,
						 .fd = memfd};
	struct dmabuffs_broker_reply reply;

	cr_assert(zero(int, broker_call(&connection, &question, &reply, &fd)));
	close(fd);
	close(memfd);
	broker_put(&connection);
}

static bool hang_up(int connection, unsigned int number, int fd)
{
	return false;
}

Test(reconnect, not_without_end)
{
	unsigned int before = count_fds();

	broker.answer = hang_up;
	cr_assert(eq(int, exchange(), -ECONNRESET));
	cr_assert(eq(u32, broker.connections, BROKER_LOST_MAX));
	cr_assert(wait_until(has_at_most_fds, &before), "a connection leaks");
	/* The next request is a new one. */
	broker.answer = fake_answer_echo;
	cr_assert(zero(int, exchange()));
}

#define SLOW_S 2

/* The client waits for a reply, but not for as long as it may. */
static bool hang_up_slowly(int connection, unsigned int number, int fd)
{
	struct pollfd end = {.fd = connection};

	(void)poll(&end, 1, SLOW_S * 1000);
	return false;
}

Test(reconnect, not_for_longer_than_the_limit)
{
	uint64_t start_ms = now_ms();

	broker.answer = hang_up_slowly;
	cr_assert(eq(int, exchange(), -ECONNRESET));
	cr_assert(ge(u64, now_ms() - start_ms, BROKER_TIMEOUT_S * 1000));
	cr_assert(le(u32, broker.connections, BROKER_TIMEOUT_S / SLOW_S + 1));
}

static bool refuse(int connection, unsigned int number, int fd)
{
	const struct dmabuffs_broker_reply reply = {.size = sizeof(reply),
						    .error = -EACCES};

	fake_send(connection, &reply, sizeof(reply), -1, 0);
	return false;
}

Test(reconnect, not_after_a_reply)
{
	broker.answer = refuse;
	cr_assert(eq(int, exchange(), -EACCES));
	cr_assert(eq(u32, broker.requests, 1));
}

/* ---- while nobody accepts ---------------------------------------------------------- */

static pthread_t client;
static _Atomic int client_tid;

static void *exchange_in_thread(void *data)
{
	client_tid = (int)syscall(SYS_gettid);
	return (void *)(intptr_t)exchange();
}

static void start_client(void)
{
	cr_assert(zero(int, pthread_create(&client, NULL, exchange_in_thread, NULL)));
}

static int join_client(void)
{
	void *result;

	pthread_join(client, &result);
	return (int)(intptr_t)result;
}

static void wait_for_backlog(void)
{
	struct pollfd listener = {.fd = broker.listener, .events = POLLIN};

	cr_assert(eq(int, poll(&listener, 1, WAIT_MS), 1));
}

Test(reconnect, when_the_next_service_accepts)
{
	cr_assert(zero(int, exchange()));
	fake_broker_kill(&broker);
	start_client();
	wait_for_backlog();
	cr_assert(eq(u32, broker.connections, 1));
	fake_broker_restart(&broker);
	cr_assert(zero(int, join_client()));
	cr_assert(eq(u32, broker.connections, 2));
}

static void *exchange_often(void *data)
{
	for (int i = 0; i < ROUNDS; i++)
		cr_assert(zero(int, exchange()));
	return NULL;
}

Test(reconnect, at_once_if_the_socket_refuses)
{
	uint64_t start_ms = now_ms();

	fake_broker_kill(&broker);
	start_client();
	wait_for_backlog();
	fake_broker_bury(&broker);
	cr_assert(eq(int, join_client(), -ENOTCONN));
	cr_assert(eq(int, exchange(), -ENOTCONN));
	cr_assert(lt(u64, now_ms() - start_ms, BROKER_TIMEOUT_S * 1000));
}

/* Connections that wait in the backlog until there is no more room. */
static unsigned int fill_backlog(int fds[FAKE_CONNECTIONS])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	unsigned int n = 0;

	snprintf(address.sun_path, sizeof(address.sun_path),
		 "/proc/self/fd/%d/" DMABUFFS_BROKER_NAME, broker.instance.root_fd);
	for (;; n++) {
		cr_assert(lt(u32, n, FAKE_CONNECTIONS));
		fds[n] =
			socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		cr_assert(ge(int, fds[n], 0));
		if (connect(fds[n], (struct sockaddr *)&address, sizeof(address)) < 0)
			break;
	}
	cr_assert(eq(int, errno, EAGAIN));
	close(fds[n]);
	return n;
}

static void empty_backlog(const int *fds, unsigned int n)
{
	while (n > 0)
		close(fds[--n]);
}

static bool client_is_in_connect(void *data)
{
	char path[64];
	long number = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", client_tid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fscanf(file, "%ld", &number) != 1)
		number = -1;
	fclose(file);
	return number == SYS_connect;
}

Test(reconnect, when_there_is_room_in_the_backlog)
{
	int fds[FAKE_CONNECTIONS];
	unsigned int n;

	fake_broker_kill(&broker);
	n = fill_backlog(fds);
	start_client();
	cr_assert(wait_until(client_is_in_connect, NULL));
	fake_broker_restart(&broker);
	cr_assert(zero(int, join_client()));
	empty_backlog(fds, n);
}

static void interrupt(int signal_number)
{
}

/* Signals of a periodic timer must not extend the wait for room. */
Test(reconnect, not_for_ever_to_a_full_backlog)
{
	struct itimerval often = {{0, 300000}, {0, 300000}};
	struct sigaction action = {.sa_handler = interrupt};
	uint64_t start_ms = now_ms();
	int fds[FAKE_CONNECTIONS];
	unsigned int n;

	fake_broker_kill(&broker);
	n = fill_backlog(fds);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	cr_assert(eq(int, exchange(), -ETIMEDOUT));
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	cr_assert(ge(u64, now_ms() - start_ms, (BROKER_TIMEOUT_S - 1) * 1000));
	empty_backlog(fds, n);
}

/* ---- threads and processes --------------------------------------------------------- */

Test(reconnect, with_the_idle_connection_if_there_is_one)
{
	int memfd = new_memfd(0), fd = UNTOUCHED;
	const struct broker_question question = {.op = DMABUFFS_BROKER_EXCHANGE,
						 .fd = memfd};
	struct broker_connection lost, other;
	struct dmabuffs_broker_reply reply;

	cr_assert(zero(int, broker_get(&broker.instance, &lost)));
	cr_assert(zero(int, broker_call(&lost, &question, &reply, &fd)));
	close(fd);
	lost.bound = false;
	kill_and_restart();
	cr_assert(zero(int, broker_get(&broker.instance, &other)));
	broker_put(&other);
	cr_assert(zero(int, broker_call(&lost, &question, &reply, &fd)));
	close(fd);
	cr_assert(eq(u32, broker.connections, 2), "made a third one");
	broker_put(&lost);
	close(memfd);
}

static _Atomic unsigned int waiting;

static bool wait_for_the_end(int connection, unsigned int number, int fd)
{
	struct pollfd end = {.fd = connection};

	waiting++;
	(void)poll(&end, 1, WAIT_MS);
	return false;
}

static bool all_wait(void *data)
{
	return waiting == THREADS;
}

static void *exchange_once(void *data)
{
	cr_assert(zero(int, exchange()));
	return NULL;
}

/* Each thread needs one more connection at most, and they are made one by one. */
Test(reconnect, of_many_threads_at_once)
{
	pthread_t threads[THREADS];

	broker.answer = wait_for_the_end;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, exchange_once, NULL);
	cr_assert(wait_until(all_wait, NULL));
	broker.answer = fake_answer_echo;
	kill_and_restart();
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	cr_assert(le(u32, broker.connections, 2 * THREADS));
}

/* Whatever a thread waits for, it has nothing that another one needs. */
Test(reconnect, of_others_while_one_is_cancelled)
{
	void *result;

	cr_assert(zero(int, exchange()));
	fake_broker_kill(&broker);
	start_client();
	wait_for_backlog();
	cr_assert(zero(int, pthread_cancel(client)));
	cr_assert(zero(int, pthread_join(client, &result)));
	cr_assert(eq(ptr, result, PTHREAD_CANCELED));
	fake_broker_restart(&broker);
	cr_assert(zero(int, exchange()));
}

static bool has_requests(void *data)
{
	return broker.requests >= *(unsigned int *)data;
}

Test(reconnect, of_threads_that_are_busy)
{
	unsigned int before = count_fds();
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, exchange_often, NULL);
	for (int i = 0; i < KILLS; i++) {
		unsigned int more = broker.requests + 2 * THREADS;

		kill_and_restart();
		if (more <= THREADS * ROUNDS)
			cr_assert(wait_until(has_requests, &more));
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	cr_assert(zero(int, exchange()));
	/* Both ends of one kept connection. */
	before += 2;
	cr_assert(wait_until(has_at_most_fds, &before), "a connection leaks");
}

static int exchange_in_child(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(exchange() == 0 ? 0 : 1);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(reconnect, of_parent_and_child)
{
	cr_assert(zero(int, exchange()));
	kill_and_restart();
	cr_assert(zero(int, exchange_in_child()));
	cr_assert(zero(int, exchange()));
	cr_assert(zero(int, exchange_in_child()));
	cr_assert(zero(int, exchange()));
	cr_assert(eq(u32, broker.connections, 4), "the child has used its parent's");
}
