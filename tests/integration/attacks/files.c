/* SPDX-License-Identifier: MIT */
/* files.c - attacks with descriptors whose last close(2) may block */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "../harness.h"
#include "attacks.h"

#define MAX_FDS 253

/* Exports the hostile file many times and closes nothing itself. */
void attack_export_hostile(int peer, void *data)
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

/* Sends the file to the broker in all requests, alone and repeatedly. */
void attack_send_hostile(int peer, void *data)
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

struct tcp {
	int client;
	int server;
};

/* A connected socket that lingers, with more unsent data than the peer will read. */
static struct tcp files_lingering_socket(void)
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
void attack_send_lingering(int peer, void *data)
{
	const struct scene *scene = data;
	struct dmabuffs_broker_request request = {.size = sizeof(request), .op = 1};
	int connection = ASSERT_OK(raw_connect(scene->instance));
	struct tcp tcps[8];

	for (size_t i = 0; i < ARRAY_SIZE(tcps); i++)
		tcps[i] = files_lingering_socket();
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

/* The service would have to reply to their FLUSH and RELEASE itself. */
static void files_send_own(const struct scene *scene, uint32_t op)
{
	struct dmabuffs_broker_request request = {.size = sizeof(request), .op = op};
	int connection = ASSERT_OK(raw_connect(scene->instance));
	int fds[3] = {ASSERT_OK(raw_root(scene->instance)),
		      ASSERT_OK(raw_open(scene->instance, scene->good.uuid, O_RDWR)),
		      ASSERT_OK(raw_connect(scene->instance))};

	/* Closed before the service reads them, so it has the last reference. */
	for (size_t j = 0; j < ARRAY_SIZE(fds); j++)
		ASSERT_OK(raw_send(connection, &request, sizeof(request), &fds[j], 1));
	ASSERT_OK(raw_send(connection, &request, sizeof(request), fds, 3));
	for (size_t j = 0; j < ARRAY_SIZE(fds); j++)
		close(fds[j]);
	close(connection);
}

void attack_send_own_files(int peer, void *data)
{
	peer_signal(peer);
	for (uint32_t i = 0;; i++)
		files_send_own(data, 1 + i % 2);
}
