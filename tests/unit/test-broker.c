/* SPDX-License-Identifier: MIT */
/* test-broker.c - the broker's thread, in a plain directory */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "buffers/closer.h"
#include "base/log.h"
#include "broker-client.h"
#include "clock.h"
#include "fixture.h"
#include "stuck-socket.h"

#define N_CLOSES 8 /* descriptors per user whose close may hang */

static struct broker broker;
static struct tickets tickets;
static char dir[] = "/tmp/dmabuffs-test-XXXXXX";
static int dir_fd;

static void start(void)
{
	log_set_level(LOG_ERR);
	fixture_init();
	fixture_limits.config.per_uid[RES_CLOSES] = N_CLOSES;
	client_init(&broker, &tickets);
	cr_assert(zero(int, closer_start()));
	cr_assert(ne(ptr, mkdtemp(dir), NULL));
	dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert(zero(int, broker_start(&broker, dir_fd)));
}

static bool nothing_left(void *data)
{
	return !limits_used(&fixture_limits, RES_CLOSES) &&
	       !limits_used(&fixture_limits, RES_CONNECTIONS);
}

static void stop(void)
{
	broker_stop(&broker);
	unlinkat(dir_fd, DMABUFFS_BROKER_NAME, 0);
	close(dir_fd);
	rmdir(dir);
	tickets_finish(&tickets);
	cr_assert(wait_until(nothing_left, NULL));
	cr_assert(closer_stop());
	fixture_finish();
}

TestSuite(broker_thread, .init = start, .fini = stop);

static int connect_to(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir,
		 DMABUFFS_BROKER_NAME);
	cr_assert(zero(int, connect(fd, (struct sockaddr *)&address, sizeof(address))));
	return fd;
}

/* Returns the error of the reply, or -EPIPE if the broker closed the connection. */
static int deposit(int client)
{
	struct dmabuffs_broker_reply reply;
	int memfd = new_memfd(1), fd, r;

	r = client_request(client, DMABUFFS_BROKER_TICKET, memfd);
	if (r == 0)
		r = client_receive(client, &reply, &fd);
	close(memfd);
	return r == -ECONNRESET ? -EPIPE : r < 0 ? r : reply.error;
}

static bool is_closed(int client)
{
	struct pollfd fd = {client, POLLIN, 0};

	return poll(&fd, 1, WAIT_MS) == 1 && fd.revents & POLLHUP;
}

static bool connections_are(void *data)
{
	return limits_used(&fixture_limits, RES_CONNECTIONS) == *(uint64_t *)data;
}

Test(broker_thread, is_a_socket_in_the_directory)
{
	struct stat st;

	cr_assert(zero(int, fstatat(dir_fd, DMABUFFS_BROKER_NAME, &st, 0)));
	cr_assert(eq(uint, st.st_mode & S_IFMT, S_IFSOCK));
}

Test(broker_thread, serves)
{
	uint64_t n = 10;
	int clients[10];

	for (uint64_t i = 0; i < n; i++)
		clients[i] = connect_to();
	for (int round = 0; round < 3; round++)
		for (uint64_t i = 0; i < n; i++)
			cr_assert(zero(int, deposit(clients[i])));
	cr_assert(connections_are(&n));
	cr_assert(eq(sz, tickets.by_number.n_nodes, 30));
	for (uint64_t i = 0; i < n; i++)
		close(clients[i]);
	n = 0;
	cr_assert(wait_until(connections_are, &n));
	cr_assert(zero(sz, tickets.by_number.n_nodes),
		  "tickets outlive their connection");
}

Test(broker_thread, stops_with_connections_open)
{
	int client = connect_to();

	cr_assert(zero(int, deposit(client)));
	broker_stop(&broker);
	cr_assert(is_closed(client));
	cr_assert(zero(u64, limits_used(&fixture_limits, RES_CONNECTIONS)));
	close(client);
	unlinkat(dir_fd, DMABUFFS_BROKER_NAME, 0);
	cr_assert(zero(int, broker_start(&broker, dir_fd)));
}

Test(broker_thread, cannot_be_bound_twice)
{
	struct broker other = broker;
	unsigned before = count_fds();

	cr_assert(eq(int, broker_start(&other, dir_fd), -EADDRINUSE));
	cr_assert(eq(uint, count_fds(), before));
}

/* A new connection beyond a user's limit closes its least recently used one. */
Test(broker_thread, a_users_oldest_makes_room)
{
	int clients[4];

	fixture_limits.config.per_uid[RES_CONNECTIONS] = 3;
	for (int i = 0; i < 3; i++) {
		clients[i] = connect_to();
		cr_assert(zero(int, deposit(clients[i])));
	}
	cr_assert(zero(int, deposit(clients[0])), "the first connection was closed");
	clients[3] = connect_to();
	cr_assert(zero(int, deposit(clients[3])));
	cr_assert(is_closed(clients[1]));
	cr_assert(zero(int, deposit(clients[0])));
	cr_assert(zero(int, deposit(clients[2])));
	for (int i = 0; i < 4; i++)
		close(clients[i]);
}

Test(broker_thread, one_that_breaks_off_is_closed)
{
	int client = connect_to(), other = connect_to();

	cr_assert(zero(int, deposit(client)));
	cr_assert(zero(int, client_send(client, "", 0, -1, 0)));
	cr_assert(is_closed(client));
	cr_assert(zero(int, deposit(other)), "another user's connection was closed");
	close(client);
	close(other);
}

/* ---- no descriptor for a new connection -------------------------------------------- */

static atomic_int accept_error, n_accepts;

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int __real_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	atomic_fetch_add(&n_accepts, 1);
	errno = accept_error;
	return accept_error ? -1 : __real_accept4(fd, address, length, flags);
}

static bool accepts_are(void *data)
{
	return n_accepts >= *(int *)data;
}

static uint64_t cpu_ns_of_broker(void)
{
	struct timespec time;
	clockid_t clock;

	cr_assert(zero(int, pthread_getcpuclockid(broker.thread, &clock)));
	cr_assert(zero(int, clock_gettime(clock, &time)));
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void expect_little_work_while_accept_fails(int error)
{
	uint64_t cpu, wall;
	int client, many;

	accept_error = error;
	cpu = cpu_ns_of_broker();
	wall = now_ns();
	many = n_accepts + 20;
	client = connect_to();
	cr_assert(wait_until(accepts_are, &many));
	cpu = cpu_ns_of_broker() - cpu;
	wall = now_ns() - wall;
	cr_assert(lt(u64, cpu * 5, wall), "of %llu us the thread worked %llu",
		  (unsigned long long)wall / 1000, (unsigned long long)cpu / 1000);
	accept_error = 0;
	cr_assert(zero(int, deposit(client)), "it is not accepted later");
	close(client);
}

Test(broker_thread, does_not_spin_while_it_cannot_accept)
{
	int other = connect_to();

	cr_assert(zero(int, deposit(other)));
	/* Nothing to close for it: a ticket waits. */
	expect_little_work_while_accept_fails(EMFILE);
	expect_little_work_while_accept_fails(ENOMEM);
	cr_assert(zero(int, deposit(other)), "the other connection was closed");
	close(other);
}

/* ---- descriptors whose close hangs ------------------------------------------------- */

static struct closing *jobs[N_CLOSES];
static int peers[N_CLOSES];

static bool reserve_one(void *data)
{
	return closing_reserve(&fixture_limits, &(struct payer){getuid(), 0}, 0, data) ==
	       0;
}

/*
 * While all charges of this user are reserved, the broker reads nothing from it. The
 * broker itself reserves one for a moment when it checks a connection.
 */
static void reserve_all(void)
{
	for (int i = 0; i < N_CLOSES; i++)
		cr_assert(wait_until(reserve_one, &jobs[i]));
}

static void cancel_all(void)
{
	for (int i = 0; i < N_CLOSES; i++)
		closing_end(jobs[i]);
}

/* The message then holds the last reference, so that closing it here does not hang. */
static void send_stuck(int client, int *ret_peer)
{
	int stuck = stuck_socket(ret_peer);

	cr_assert(zero(int, client_request(client, DMABUFFS_BROKER_TICKET, stuck)));
	close(stuck);
}

static void expect_error(int client, int error)
{
	struct dmabuffs_broker_reply reply;
	int fd;

	cr_assert(zero(int, client_receive(client, &reply, &fd)));
	cr_assert(eq(int, reply.error, error));
}

static bool is_readable(int client, int timeout_ms)
{
	return poll(&(struct pollfd){client, POLLIN, 0}, 1, timeout_ms) == 1;
}

Test(broker_thread, is_not_held_up_by_what_does_not_close)
{
	int client = connect_to(), other = connect_to(), memfd = new_memfd(1);

	reserve_all();
	for (int i = 0; i < N_CLOSES; i++)
		send_stuck(client, &peers[i]);
	cancel_all();
	for (int i = 0; i < N_CLOSES; i++)
		expect_error(client, -EBADFD);
	/* Each connection of this user is throttled now. */
	cr_assert(zero(int, client_request(other, 77, memfd)));
	cr_assert(not(is_readable(other, 300)));
	for (int i = 0; i < N_CLOSES; i++)
		close(peers[i]);
	expect_error(other, -ENOTTY);
	close(memfd);
	close(client);
	close(other);
}

/*
 * The broker's thread closes the descriptors in unread messages; the stall guard bounds
 * it.
 */
Test(broker_thread, closing_a_connection_does_not_wait_for_what_is_in_it)
{
	int client = connect_to(), other = connect_to(), peer;
	uint64_t one = 1;

	cr_assert(zero(int, deposit(client)));
	cr_assert(zero(int, deposit(other)));
	reserve_all();
	send_stuck(client, &peer);
	shutdown(client, SHUT_RDWR);
	close(client);
	cancel_all();
	cr_assert(wait_until(connections_are, &one));
	cr_assert(zero(int, deposit(other)));
	close(peer);
	close(other);
}
