/* SPDX-License-Identifier: MIT */
/*
 * row-broker.c - broker_exchange: an opened name for the buffer's real descriptor
 *
 * The baseline is the minimum for two processes: one sends a descriptor and receives one,
 * over a connected pair of sockets, in messages of the same length.
 */
#include <dmabuffs-broker.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../support/place.h"
#include "../support/make-memfd.h"
#include "client.h"
#include "roundtrip.h"

#define ROUNDS 24

struct broker_state {
	struct server daemon;
	pid_t peer;
	int peer_socket;
	int broker; /* the kept connection */
	int opened; /* the opened name */
};

static int exchange_block(void *data, struct series *samples)
{
	const struct broker_state *state = data;
	int r = 0;

	for (int i = 0; i < BLOCK && r >= 0; i++) {
		double begin = now_us();
		int fd;

		r = client_exchange(state->broker, state->opened, &fd);
		if (r < 0)
			return complain(r, "exchange");
		close_keep_errno(fd);
		r = series_add(samples, now_us() - begin);
	}
	return r;
}

static int swap_with_peer(int socket, int fd)
{
	const struct dmabuffs_broker_request request = {.size = sizeof(request)};
	struct dmabuffs_broker_reply reply;
	int received = -1, r = client_send_fd(socket, &request, sizeof(request), fd);

	if (r >= 0)
		r = client_receive_fd(socket, &reply, sizeof(reply), &received);
	close_keep_errno(received);
	return r;
}

static int swap_block(void *data, struct series *samples)
{
	const struct broker_state *state = data;
	int r = 0;

	for (int i = 0; i < BLOCK && r >= 0; i++) {
		double begin = now_us();

		r = swap_with_peer(state->peer_socket, state->opened);
		if (r < 0)
			return complain(r, "exchange of descriptors with the peer");
		r = series_add(samples, now_us() - begin);
	}
	return r;
}

/*
 * The baseline's peer: receives a descriptor, replies with its own, closes the received
 * one.
 */
static int serve_peer(int socket)
{
	const struct dmabuffs_broker_reply reply = {.size = sizeof(reply)};
	struct dmabuffs_broker_request request;
	int own = try_memfd(4096, 0), taken = -1, r = own;

	while (r >= 0) {
		r = client_receive_fd(socket, &request, sizeof(request), &taken);
		if (r >= 0)
			r = client_send_fd(socket, &reply, sizeof(reply), own);
		close_keep_errno(taken);
		taken = -1;
	}
	return r;
}

static int start_peer(struct broker_state *state)
{
	int sockets[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return complain(-errno, "socketpair");
	state->peer_socket = sockets[0];
	state->peer = place_fork(sockets[1]);
	if (state->peer == 0)
		_exit(serve_peer(sockets[1]) != -ECONNRESET);
	close_keep_errno(sockets[1]);
	return state->peer < 0 ? complain(-errno, "fork") : 0;
}

static int open_buffer(struct broker_state *state)
{
	struct dmabuffs_export argument;
	_cleanup_close_ int fd = try_memfd(4096, 0);
	int r;

	if (fd < 0)
		return complain(fd, "memfd_create");
	argument = client_prepare_export(fd, 0600);
	r = client_export(state->daemon.root, &argument);
	if (r >= 0)
		r = client_open(state->daemon.root, argument.uuid, &state->opened);
	if (r >= 0)
		r = client_connect_broker(state->daemon.mount, &state->broker);
	return r < 0 ? complain(r, "export, open, connect to the broker") : 0;
}

static int broker_run(void *data, struct pair *ret_pairs)
{
	return contest_run((struct contestant){exchange_block, data},
			   (struct contestant){swap_block, data}, ROUNDS, &ret_pairs[0]);
}

static void broker_destroy(void *data)
{
	struct broker_state *state = data;

	close_keep_errno(state->peer_socket);
	if (state->peer > 0)
		(void)waitpid(state->peer, NULL, 0);
	close_keep_errno(state->broker);
	close_keep_errno(state->opened);
	server_stop(&state->daemon);
	free(state);
}

static int broker_create(const char *dir, void **ret_state)
{
	struct broker_state *state = calloc(1, sizeof(*state));
	int r;

	if (!state)
		return -ENOMEM;
	state->daemon = SERVER_INIT;
	state->peer_socket = state->broker = state->opened = -1;
	r = start_peer(state);
	if (r >= 0)
		r = server_start_daemon(&state->daemon, dir, "broker", NULL);
	if (r >= 0)
		r = open_buffer(state);
	if (r < 0) {
		broker_destroy(state);
		return r;
	}
	*ret_state = state;
	return 0;
}

static const struct row rows[] = {
	{"broker_exchange", "us", .high = 2.0},
};

const struct group broker_group = {
	.rows = rows,
	.n_rows = ARRAY_SIZE(rows),
	.runs = 9,
	.create = broker_create,
	.run = broker_run,
	.destroy = broker_destroy,
};
