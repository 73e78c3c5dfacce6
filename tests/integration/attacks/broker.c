/* SPDX-License-Identifier: MIT */
/* broker.c - attacks by clients of the broker that violate its protocol, or are too many
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "../harness.h"
#include "attacks.h"

#define CROWD 30 /* processes of one user */

static bool broker_closes(int connection)
{
	struct pollfd pollfd = {.fd = connection, .events = POLLRDHUP};

	return poll(&pollfd, 1, WAIT_MS) == 1;
}

/* Sends requests until the socket is full, without reading replies. */
void attack_never_read(int peer, void *data)
{
	const struct scene *scene = data;
	struct dmabuffs_broker_request request = {.size = sizeof(request),
						  .op = DMABUFFS_BROKER_EXCHANGE};
	int connection = ASSERT_OK(raw_connect(scene->instance));
	int opened = ASSERT_OK(raw_open(scene->instance, scene->good.uuid, O_RDWR));
	int n = 0, result = 0;

	peer_signal(peer);
	while (result >= 0 && n < 100000) {
		ASSERT(wait_ready(connection, POLLOUT, WAIT_MS));
		result = raw_send(connection, &request, sizeof(request), &opened, 1);
		n++;
	}
	/* The service closes the connection; queued replies may be lost. */
	ASSERT(result == -EPIPE || result == -ECONNRESET);
	ASSERT(broker_closes(connection));
	peer_signal(peer);
	peer_wait(peer);
}

/* Fills each connection with unread replies. */
void attack_pile_up(int peer, void *data)
{
	const struct scene *scene = data;
	struct dmabuffs_broker_request request = {.size = sizeof(request),
						  .op = DMABUFFS_BROKER_EXCHANGE};
	int opened = ASSERT_OK(raw_open(scene->instance, scene->good.uuid, O_RDWR));

	for (int i = 0; i < 10; i++) {
		int connection = ASSERT_OK(raw_connect(scene->instance));

		ASSERT_OK(SYS(fcntl(connection, F_SETFL, O_NONBLOCK)));
		for (int j = 0; j < 1000; j++)
			if (raw_send(connection, &request, sizeof(request), &opened, 1) <
			    0)
				break;
	}
	peer_signal(peer);
	pause();
}

/* Shuts down one direction of a connection, before or after a message. */
static void broker_shut_down(const struct scene *scene, int opened, unsigned int i)
{
	static const int ways[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};
	struct dmabuffs_broker_request request = {.size = sizeof(request),
						  .op = DMABUFFS_BROKER_EXCHANGE};
	int connection = ASSERT_OK(raw_connect(scene->instance));

	if (i & 1)
		raw_send(connection, &request, sizeof(request), &opened, 1);
	shutdown(connection, ways[i % 3]);
	if (i & 2)
		raw_send(connection, &request, sizeof(request), &opened, 1);
	close(connection);
}

void attack_half_dead(int peer, void *data)
{
	const struct scene *scene = data;
	int opened = ASSERT_OK(raw_open(scene->instance, scene->good.uuid, O_RDWR));

	peer_signal(peer);
	for (unsigned int i = 0;; i++)
		broker_shut_down(scene, opened, i);
}

/* Empty messages read like an end of file, with or without a descriptor. */
void attack_empty_messages(int peer, void *data)
{
	const struct scene *scene = data;
	int opened = ASSERT_OK(raw_open(scene->instance, scene->good.uuid, O_RDWR));

	peer_signal(peer);
	for (int i = 0;; i++) {
		int connection = ASSERT_OK(raw_connect(scene->instance));

		ASSERT_OK(raw_send(connection, "", 0, &opened, i % 2));
		close(connection);
	}
}

/*
 * A request with some random bytes, and any number of descriptors. None of the connection
 * itself: the kernel looks for cycles of sockets in flight, and where it is not
 * preemptible that takes the processor from everybody, with or without a service.
 */
static int broker_send_garbage(int connection, int opened, int memfd)
{
	struct dmabuffs_broker_request request = {.size = sizeof(request),
						  .op = 1 + (uint32_t)random() % 4};
	uint8_t *bytes = (uint8_t *)&request;
	int fds[3] = {opened, memfd, opened};

	for (int n = (int)(random() % 4); n > 0; n--)
		bytes[(size_t)random() % sizeof(request)] = (uint8_t)random();
	return raw_send(connection, &request, (size_t)random() % (sizeof(request) + 1),
			fds, (int)(random() % 4));
}

void attack_garbage_messages(int peer, void *data)
{
	const struct scene *scene = data;
	int opened = ASSERT_OK(raw_open(scene->instance, scene->good.uuid, O_RDWR));
	int memfd = raw_memfd(PAGE);

	srandom(scene->seed);
	peer_signal(peer);
	for (;;) {
		int connection = ASSERT_OK(raw_connect(scene->instance)), n = 0;

		ASSERT_OK(SYS(fcntl(connection, F_SETFL, O_NONBLOCK)));
		while (n < 100 && broker_send_garbage(connection, opened, memfd) >= 0)
			n++;
		close(connection);
	}
}

/* Sends many requests and dies before they are served. */
void attack_ask_and_die(int peer, void *data)
{
	const struct scene *scene = data;
	struct dmabuffs_broker_request request = {.size = sizeof(request)};
	int opened = ASSERT_OK(raw_open(scene->instance, scene->good.uuid, O_RDWR));
	int connection = ASSERT_OK(raw_connect(scene->instance));

	for (uint32_t i = 0; i < 5; i++) {
		request.op = 1 + i % 2;
		raw_send(connection, &request, sizeof(request),
			 i % 2 ? &scene->good.fd : &opened, 1);
	}
	peer_signal(peer);
	kill(getpid(), SIGKILL);
}

void attack_connect_many(int peer, void *data)
{
	const struct scene *scene = data;

	for (int i = 0; i < 150; i++)
		ASSERT_OK(raw_connect(scene->instance));
	peer_signal(peer);
	pause();
}

void attack_come_and_go(int peer, void *data)
{
	const struct scene *scene = data;

	peer_signal(peer);
	for (;;)
		close(ASSERT_OK(raw_connect(scene->instance)));
}

void attack_crowd(int peer, void *data)
{
	struct child children[CROWD];
	const struct identity who = {.uid = getuid(), .gid = getgid()};

	for (int i = 0; i < CROWD; i++)
		child_start(&children[i], &who, attack_exchange_loop, data);
	for (int i = 0; i < CROWD; i++)
		peer_wait(children[i].peer);
	peer_signal(peer);
	pause();
}
