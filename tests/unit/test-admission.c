/* SPDX-License-Identifier: MIT */
/* test-admission.c - new connections to the broker, without its thread */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"
#include "broker-client.h"
#include "broker/admission.h"
#include "broker/connection.h"
#include "broker/peer.h"
#include "broker/rights.h"
#include "buffers/closer.h"
#include "clock.h"
#include "faults.h"
#include "fixture.h"
#include "stuck-socket.h"

static struct broker broker;
static struct tickets tickets;

static void init(void)
{
	log_set_level(LOG_ERR);
	fixture_init();
	client_init(&broker, &tickets);
	list_init(&broker.connections);
	list_init(&broker.throttled);
	list_init(&broker.waiting);
	broker.epoll = epoll_create1(EPOLL_CLOEXEC);
	cr_assert(zero(int, closer_start()));
}

static void finish(void)
{
	admission_finish(&broker);
	close(broker.epoll);
	cr_assert(closer_stop());
	tickets_finish(&tickets);
	fixture_finish();
}

TestSuite(admission, .init = init, .fini = finish);

/* Returns the client's end of a connection that is given to the broker. */
static int take_new(int fd_to_send)
{
	int ends[2];

	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)));
	if (fd_to_send >= 0)
		cr_assert(zero(int, client_send(ends[0], "", 1, fd_to_send, 1)));
	cr_assert(admission_prepare(&broker));
	admission_take(&broker, ends[1]);
	return ends[0];
}

static void drop_all(void)
{
	struct connection *connection, *after;

	list_for_each_safe(connection, after, &broker.connections, by_use)
		admission_drop(&broker, connection);
}

static bool none_is_charged(void *data)
{
	return limits_used(&fixture_limits, RES_CONNECTIONS) == 0 &&
	       limits_used(&fixture_limits, RES_UNADMITTED) == 0 &&
	       limits_used(&fixture_limits, RES_CLOSES) == 0;
}

/* ---- what is closed ---------------------------------------------------------------- */

/* True: the @nth call failed. The stuck socket would hold this thread up. */
static bool take_with_failure(unsigned nth)
{
	int peer, ends[2], stuck = stuck_socket(&peer);
	uint64_t start;
	bool failed;

	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)));
	cr_assert(zero(int, client_send(ends[0], "", 1, stuck, 1)));
	close(stuck);
	cr_assert(admission_prepare(&broker));
	start = now_ms();
	faults_arm(nth);
	admission_take(&broker, ends[1]);
	drop_all();
	failed = faults_disarm();
	cr_assert(lt(u64, now_ms() - start, STUCK_SECONDS * 1000 / 2),
		  "closed in the thread of all when call %u failed", nth);
	close(peer);
	close(ends[0]);
	cr_assert(wait_until(none_is_charged, NULL));
	return failed;
}

Test(admission, closes_elsewhere_whatever_fails)
{
	unsigned nth = 1;

	while (take_with_failure(nth))
		nth++;
	cr_assert(gt(uint, nth, 4));
}

Test(admission, makes_sure_of_a_way_to_close_first)
{
	faults_arm(1);
	cr_assert(not(admission_prepare(&broker)));
	faults_disarm();
	cr_assert(admission_prepare(&broker));
}

/* ---- who pays ---------------------------------------------------------------------- */

static char path[] = "/tmp/dmabuffs-test-XXXXXX";

static int connect_to_path(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", path);
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -1 : fd;
}

static int connect_and_exit(void *data)
{
	return connect_to_path() < 0;
}

static int listen_at_path(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	cr_assert(ne(ptr, mkdtemp(path), NULL));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", path);
	cr_assert(zero(int, bind(fd, (struct sockaddr *)&address, sizeof(address))));
	cr_assert(zero(int, listen(fd, 8)));
	return fd;
}

static void end_path(int listener)
{
	struct sockaddr_un address;

	close(listener);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", path);
	unlink(address.sun_path);
	rmdir(path);
}

/* Nobody can find out any more in which user namespace it was. */
Test(admission, one_that_has_exited_is_unknown)
{
	int listener = listen_at_path(), fd;
	struct payer payer;

	cr_assert(zero(int, run_in_child(connect_and_exit, NULL)));
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	cr_assert(zero(int, peer_charge(&fixture_limits, fd, &payer)));
	cr_assert(eq(uint, payer.uid, UID_UNKNOWN));
	cr_assert(
		eq(u64, limits_used_by(&fixture_limits, UID_UNKNOWN, RES_UNADMITTED), 1));
	limits_uncharge(&fixture_limits, UID_UNKNOWN, RES_UNADMITTED, 1);
	close(fd);
	end_path(listener);
}

Test(admission, one_that_lives_pays)
{
	int listener = listen_at_path(), client = connect_to_path(), fd;
	struct payer payer;

	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	cr_assert(zero(int, peer_charge(&fixture_limits, fd, &payer)));
	cr_assert(eq(uint, payer.uid, getuid()));
	cr_assert(eq(int, payer.pid, getpid()));
	limits_uncharge(&fixture_limits, getuid(), RES_UNADMITTED, 1);
	close(fd);
	close(client);
	end_path(listener);
}

/* ---- who waits --------------------------------------------------------------------- */

/* All connections of the user are new, so that none is closed for another. */
Test(admission, a_share_of_the_connections_may_wait)
{
	int memfd = new_memfd(1), clients[8];

	fixture_limits.config.per_uid[RES_CONNECTIONS] = 2;
	fixture_limits.config.per_uid[RES_WAITING] = 3;
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		clients[i] = take_new(memfd);
	cr_assert(eq(u64, limits_used(&fixture_limits, RES_CONNECTIONS), 2));
	cr_assert(eq(u64, limits_used(&fixture_limits, RES_WAITING), 3));
	cr_assert(eq(u64, limits_used(&fixture_limits, RES_UNADMITTED), 3));
	drop_all();
	admission_continue(&broker);
	cr_assert(eq(u64, limits_used(&fixture_limits, RES_CONNECTIONS), 2));
	cr_assert(eq(u64, limits_used(&fixture_limits, RES_WAITING), 1));
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		close(clients[i]);
	close(memfd);
}

/* ---- rights ------------------------------------------------------------------------ */

/* From connect(2) on: there is no moment in which a refused one carries descriptors. */
Test(admission, rights_of_one_that_is_not_accepted)
{
	int listener = listen_at_path(), memfd = new_memfd(1), client, fd;

	if (!rights_permit(listener, false)) {
		end_path(listener);
		cr_skip_test("before Linux 6.16");
	}
	client = connect_to_path();
	cr_assert(eq(int, client_send(client, "", 1, memfd, 1), -EPERM));
	cr_assert(zero(int, client_send(client, "", 1, -1, 0)));
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	cr_assert(eq(int, client_send(client, "", 1, memfd, 1), -EPERM));
	cr_assert(rights_permit(fd, true));
	cr_assert(zero(int, client_send(client, "", 1, memfd, 1)));
	close(fd);
	close(client);
	close(memfd);
	end_path(listener);
}
