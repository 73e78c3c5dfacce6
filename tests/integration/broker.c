/* SPDX-License-Identifier: MIT */
/* broker.c - the messages of the .broker socket, by plain system calls (raw.h) */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../support/fd-message.h"
#include "harness.h"
#include "raw.h"

int raw_connect(const struct instance *instance)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = (int)SYS(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	int result;

	if (fd < 0)
		return fd;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", instance->dir,
		 DMABUFFS_BROKER_NAME);
	result = (int)SYS(connect(fd, (struct sockaddr *)&address, sizeof(address)));
	if (result == 0)
		return fd;
	close(fd);
	return result;
}

int raw_send(int connection, const void *bytes, size_t size, const int *fds, int n_fds)
{
	return send_fds(connection, bytes, size, fds, (size_t)n_fds);
}

/* The invariants of every reply, whatever the request was. */
static void check_reply(const struct dmabuffs_broker_reply *reply, int fd)
{
	struct dmabuffs_broker_reply refusal = {.size = sizeof(refusal),
						.error = reply->error};

	ASSERT_EQ(reply->size, sizeof(*reply));
	ASSERT(reply->error <= 0);
	if (reply->error == 0)
		return;
	ASSERT(memcmp(reply, &refusal, sizeof(refusal)) == 0);
	ASSERT_EQ(fd, -1);
}

int raw_receive(int connection, struct dmabuffs_broker_reply *ret_reply, int *ret_fd)
{
	struct dmabuffs_broker_reply reply;
	size_t n_fds;
	int n, fd = -1;

	if (!wait_ready(connection, POLLIN, WAIT_MS))
		return -ETIMEDOUT;
	n = receive_fds(connection, &reply, sizeof(reply), &fd, 1, &n_fds);
	/* More bytes or descriptors than a reply has, or another kind of control data. */
	ASSERT(n != -EMSGSIZE && n != -EPROTO);
	if (n <= 0)
		return n < 0 ? n : -ECONNRESET;
	ASSERT_EQ(n, sizeof(reply));
	check_reply(&reply, fd);
	*ret_reply = reply;
	*ret_fd = fd;
	return reply.error;
}

static int ask(int connection, uint32_t op, int fd,
	       struct dmabuffs_broker_reply *ret_reply, int *ret_fd)
{
	struct dmabuffs_broker_request request = {.size = sizeof(request), .op = op};
	int result = raw_send(connection, &request, sizeof(request), &fd, 1);

	return result < 0 ? result : raw_receive(connection, ret_reply, ret_fd);
}

int raw_exchange(int connection, int opened)
{
	struct dmabuffs_broker_reply reply;
	int fd;
	int result = ask(connection, DMABUFFS_BROKER_EXCHANGE, opened, &reply, &fd);

	if (result < 0)
		return result;
	ASSERT(fd >= 0);
	ASSERT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, reply.access);
	return fd;
}

int raw_ticket(int connection, int buffer, uint8_t ret_ticket[DMABUFFS_TICKET_SIZE])
{
	struct dmabuffs_broker_reply reply;
	int fd;
	int result = ask(connection, DMABUFFS_BROKER_TICKET, buffer, &reply, &fd);

	if (result < 0)
		return result;
	ASSERT_EQ(fd, -1);
	memcpy(ret_ticket, reply.ticket, sizeof(reply.ticket));
	return 0;
}
