/* SPDX-License-Identifier: MIT */
/*
 * test-hostile-files.c - descriptors whose last close(2) may block
 *
 *
 * The service must close each descriptor it receives, which may be a file of a FUSE
 * server that does not reply to FLUSH, or a TCP socket that lingers. That server also
 * decides how long fstat(2) and fcntl(2) take. Other clients must not be affected.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "child.h"
#include "harness.h"
#include "hostile.h"

#define MAX_FDS 253

/* Exports the hostile file many times and closes nothing itself. */
static void export_hostile(int peer, void *data)
{
	const struct scene *scene = data;
	int root = ASSERT_OK(raw_root(scene->instance));
	int fd = ASSERT_OK(SYS(open(scene->file, O_RDWR)));
	uint8_t uuid[16];
	int result, n;

	/* The server still replies; the parent may stop it now. */
	peer_signal(peer);
	peer_wait(peer);
	for (n = 0; n < 300; n++) {
		uint64_t start = now_ms();

		result = raw_export_fd(root, fd, 0, 0, uuid);
		ASSERT(now_ms() - start < PROMPT_MS);
		if (result == -EBUSY)
			break;
		ASSERT_ERR(result, EBADFD);
	}
	peer_signal(peer);
	pause();
}

static void by_export(struct instance *instance, bool silent)
{
	struct scene scene;
	struct child child;

	scene_start(&scene, instance);
	child_start(&child, USER(1001), export_hostile, &scene);
	peer_wait(child.peer);
	if (silent)
		scene_fall_silent(&scene);
	peer_signal(child.peer);
	peer_wait(child.peer);
	scene_expect_service(&scene);
	scene_kill_server(&scene);
	child_kill(&child, SIGKILL);
	scene_end(&scene);
}

static void flushless_export(struct instance *instance)
{
	by_export(instance, false);
}

static void silent_export(struct instance *instance)
{
	by_export(instance, true);
}

/* As many users as a range of subordinate uids permits. */
static void many_hostile_users(struct instance *instance)
{
	struct child children[40];
	struct scene scene;

	scene_start(&scene, instance);
	for (unsigned int i = 0; i < ARRAY_SIZE(children); i++) {
		child_start(&children[i], USER(3001 + i), export_hostile, &scene);
		peer_wait(children[i].peer);
		peer_signal(children[i].peer);
		peer_wait(children[i].peer);
	}
	scene_expect_service(&scene);
	scene_kill_server(&scene);
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		child_kill(&children[i], SIGKILL);
	scene_end(&scene);
}

/* Sends the file to the broker in all requests, alone and repeatedly. */
static void send_hostile(int peer, void *data)
{
	const struct scene *scene = data;
	int connection = ASSERT_OK(raw_connect(scene->instance));
	struct dmabuffs_broker_request request = {.size = sizeof(request),
						  .op = DMABUFFS_BROKER_EXCHANGE};
	int fds[MAX_FDS];

	for (int i = 0; i < MAX_FDS; i++)
		fds[i] = ASSERT_OK(SYS(open(scene->file, O_RDWR)));
	peer_signal(peer);
	peer_wait(peer);
	for (int i = 0; i < 20; i++) {
		request.op = i % 2 ? DMABUFFS_BROKER_EXCHANGE : DMABUFFS_BROKER_TICKET;
		if (raw_send(connection, &request, sizeof(request), fds + i, 1) < 0)
			break;
	}
	for (int i = 0; i < 3; i++)
		if (raw_send(connection, &request, sizeof(request), fds, MAX_FDS) < 0)
			break;
	peer_signal(peer);
	pause();
}

static void by_broker(struct instance *instance, bool silent)
{
	struct scene scene;
	struct child child;

	scene_start(&scene, instance);
	child_start(&child, USER(1001), send_hostile, &scene);
	peer_wait(child.peer);
	if (silent)
		scene_fall_silent(&scene);
	peer_signal(child.peer);
	peer_wait(child.peer);
	scene_expect_service(&scene);
	scene_kill_server(&scene);
	child_kill(&child, SIGKILL);
	scene_end(&scene);
}

static void flushless_to_broker(struct instance *instance)
{
	by_broker(instance, false);
}

static void silent_to_broker(struct instance *instance)
{
	by_broker(instance, true);
}

/* The hostile client also gets its reply in time. */
static void answer_to_hostile(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	uint8_t ticket[DMABUFFS_TICKET_SIZE];
	struct scene scene;
	uint64_t start;
	int fd;

	scene_start(&scene, instance);
	fd = ASSERT_OK(SYS(open(scene.file, O_RDWR)));
	start = now_ms();
	ASSERT_ERR(raw_exchange(connection, fd), EBADFD);
	ASSERT_ERR(raw_ticket(connection, fd, ticket), EBADFD);
	ASSERT(now_ms() - start < PROMPT_MS);
	/* Killing the server unblocks close(2) in the daemon and here. */
	scene_end(&scene);
	close(fd);
	close(connection);
}

struct tcp {
	int client;
	int server;
};

/* A connected socket that lingers, with more unsent data than the peer will read. */
static struct tcp lingering_socket(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct linger linger = {.l_onoff = 1, .l_linger = 60};
	int listener = ASSERT_OK(SYS(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
	socklen_t size = sizeof(address);
	static char bytes[65536];
	struct tcp tcp;

	ASSERT_OK(SYS(bind(listener, (struct sockaddr *)&address, size)));
	ASSERT_OK(SYS(listen(listener, 1)));
	ASSERT_OK(SYS(getsockname(listener, (struct sockaddr *)&address, &size)));
	tcp.client = ASSERT_OK(SYS(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
	ASSERT_OK(SYS(connect(tcp.client, (struct sockaddr *)&address, size)));
	tcp.server = ASSERT_OK(SYS(accept4(listener, NULL, NULL, SOCK_CLOEXEC)));
	close(listener);
	ASSERT_OK(SYS(
		setsockopt(tcp.client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger))));
	while (send(tcp.client, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	return tcp;
}

/*
 * Sends the sockets behind requests that keep the service busy, and closes them at once,
 * so that the service has the last reference and its close(2) lingers. If the service is
 * faster, this process's own close(2) lingers instead, until it is killed.
 */
static void send_lingering(int peer, void *data)
{
	const struct scene *scene = data;
	struct dmabuffs_broker_request request = {.size = sizeof(request), .op = 1};
	int connection = ASSERT_OK(raw_connect(scene->instance));
	struct tcp tcps[8];

	for (size_t i = 0; i < ARRAY_SIZE(tcps); i++)
		tcps[i] = lingering_socket();
	for (int i = 0; i < 50; i++)
		raw_send(connection, &request, sizeof(request), &scene->good.fd, 1);
	peer_signal(peer);
	for (size_t i = 0; i < ARRAY_SIZE(tcps); i++) {
		request.op = 1 + (uint32_t)i % 2;
		raw_send(connection, &request, sizeof(request), &tcps[i].client, 1);
		close(tcps[i].client);
	}
	pause();
}

static void lingering_sockets(struct instance *instance)
{
	struct scene scene;
	struct child children[3];

	scene_start(&scene, instance);
	for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
		child_start(&children[i], USER(1001), send_lingering, &scene);
		peer_wait(children[i].peer);
	}
	scene_expect_service(&scene);
	/* Killing the children closes the peers; the reset ends the lingering. */
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		child_kill(&children[i], SIGKILL);
	scene_end(&scene);
}

/* Files of the service's own mount: it would have to reply to their FLUSH and RELEASE. */
static void own_files_in_flight(struct instance *instance)
{
	struct dmabuffs_broker_request request = {.size = sizeof(request)};
	struct scene scene;

	scene_start(&scene, instance);
	for (int i = 0; i < 50; i++) {
		int connection = ASSERT_OK(raw_connect(instance));
		int fds[3] = {ASSERT_OK(raw_root(instance)),
			      ASSERT_OK(raw_open(instance, scene.good.uuid, O_RDWR)),
			      ASSERT_OK(raw_connect(instance))};

		/* Closed before the service reads them, so it has the last reference. */
		for (size_t j = 0; j < ARRAY_SIZE(fds); j++) {
			request.op = 1 + (uint32_t)i % 2;
			ASSERT_OK(raw_send(connection, &request, sizeof(request), &fds[j],
					   1));
		}
		ASSERT_OK(raw_send(connection, &request, sizeof(request), fds, 3));
		for (size_t j = 0; j < ARRAY_SIZE(fds); j++)
			close(fds[j]);
		close(connection);
	}
	scene_expect_service(&scene);
	scene_end(&scene);
}

const struct test_case test_cases[] = {
	{"flushless_export", flushless_export},
	{"silent_export", silent_export},
	{"many_hostile_users", many_hostile_users},
	{"flushless_to_broker", flushless_to_broker},
	{"silent_to_broker", silent_to_broker},
	{"answer_to_hostile", answer_to_hostile},
	{"lingering_sockets", lingering_sockets},
	{"own_files_in_flight", own_files_in_flight},
	{0},
};
