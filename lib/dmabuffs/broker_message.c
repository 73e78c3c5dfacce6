/* SPDX-License-Identifier: MIT */
/*
 * broker_message.c - one request and its reply on the socket
 *
 * The peer is whatever process mounted this file system and is not trusted: every field
 * is checked, and unexpected descriptors are closed.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include <util.h>

#include "broker.h"

/* More room than for the one that is expected, to notice when there are more. */
#define DESCRIPTORS_MAX 4

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
};

static int broker_message_transfer_error(void)
{
	switch (errno) {
	case EAGAIN:
	case EINTR:
		return -ETIMEDOUT;
	case EPIPE:        /* seen by the other direction */
	case ECONNREFUSED: /* of a send while the peer closes, before Linux 6.2 */
	case ENOTCONN:     /* after that */
		return -ECONNRESET;
	default:
		return -errno;
	}
}

static void broker_message_attach(struct msghdr *message, union control *control, int fd)
{
	struct cmsghdr *header;

	message->msg_control = control;
	message->msg_controllen = CMSG_SPACE(sizeof(int));
	header = CMSG_FIRSTHDR(message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
}

static int broker_message_send_request(int connection,
				       const struct broker_question *question)
{
	struct dmabuffs_broker_request request = {
		.size = sizeof(request),
		.op = question->op,
	};
	struct iovec data = {&request, sizeof(request)};
	union control control = {.bytes = {0}};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
	uint64_t start = now_ms();
	ssize_t sent;

	if (question->ticket)
		memcpy(request.ticket, question->ticket, sizeof(request.ticket));
	/* With -1 too: the kernel returns EBADF. */
	else if (question->op != DMABUFFS_BROKER_READY)
		broker_message_attach(&message, &control, question->fd);
	do {
		sent = sendmsg(connection, &message, MSG_NOSIGNAL);
	} while (sent < 0 && broker_may_wait_on(start));
	return sent < 0 ? broker_message_transfer_error() : 0;
}

/* Owns every descriptor of the message: keeps the first, closes the others. */
static unsigned int broker_message_collect_descriptors(struct msghdr *message,
						       int *ret_first)
{
	struct cmsghdr *header;
	unsigned int count = 0;

	for (header = CMSG_FIRSTHDR(message); header;
	     header = CMSG_NXTHDR(message, header)) {
		size_t at = 0;

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		for (; CMSG_LEN(at + sizeof(int)) <= header->cmsg_len;
		     at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + at, sizeof(fd));
			if (count++ == 0)
				*ret_first = fd;
			else
				close_keep_errno(fd);
		}
	}
	return count;
}

/*
 * The kernel drops descriptors that the message has no room for, which breaks the
 * protocol, or this process's table, which does not. It does not say which.
 */
static int broker_message_explain_dropped(int connection)
{
	int fd = fcntl(connection, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	close_keep_errno(fd);
	return -EPROTO;
}

static int broker_message_receive_reply(int connection,
					struct dmabuffs_broker_reply *ret_reply,
					unsigned int *ret_count, int *ret_fd)
{
	struct iovec data = {ret_reply, sizeof(*ret_reply)};
	union control control;
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
	uint64_t start = now_ms();
	ssize_t received;

	do {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		received = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
	} while (received < 0 && broker_may_wait_on(start));
	if (received < 0)
		return broker_message_transfer_error();

	*ret_count = broker_message_collect_descriptors(&message, ret_fd);
	if (received == 0)
		return -ECONNRESET;
	if (received != sizeof(*ret_reply) || message.msg_flags & MSG_TRUNC)
		return -EPROTO;
	if (message.msg_flags & MSG_CTRUNC)
		return broker_message_explain_dropped(connection);
	return 0;
}

static bool broker_message_reply_is_valid(const struct dmabuffs_broker_reply *reply,
					  unsigned int count, unsigned int wanted)
{
	if (reply->size != sizeof(*reply) || reply->error > 0 || reply->error < -4095)
		return false;
	if (reply->error < 0)
		return count == 0;
	if (count != wanted || reply->access > O_RDWR)
		return false;
	/* Replies carry buffers only, but other descriptors can be deposited. */
	return reply->kind == DMABUFFS_KIND_MEMFD ||
	       reply->kind == DMABUFFS_KIND_DMABUF ||
	       reply->kind == DMABUFFS_KIND_DEVICE ||
	       (wanted == 0 && reply->kind <= DMABUFFS_KIND_DEVICE);
}

static int broker_message_exchange(int connection, const struct broker_question *question,
				   unsigned int wanted,
				   struct dmabuffs_broker_reply *ret_reply, int *ret_fd)
{
	_cleanup_close_ int received = -1;
	struct dmabuffs_broker_reply reply = {0};
	unsigned int count = 0;
	int r = broker_message_send_request(connection, question);

	/* The service says why before it refuses requests. */
	if (r < 0 && r != -ECONNRESET)
		return r;
	r = broker_message_receive_reply(connection, &reply, &count, &received);
	if (r < 0)
		return r;
	if (!broker_message_reply_is_valid(&reply, count, wanted))
		return -EPROTO;

	*ret_reply = reply;
	if (received >= 0)
		*ret_fd = TAKE_FD(received);
	return 0;
}

/*
 * The service takes no descriptor from this connection before it has admitted it
 * (dmabuffs-broker.h), which the reply to another request shows. Like one that is
 * refused, a connection that ends between the two is made anew: -EUSERS.
 */
static int broker_message_retry(int connection, const struct broker_question *question,
				unsigned int wanted,
				struct dmabuffs_broker_reply *ret_reply, int *ret_fd)
{
	const struct broker_question ready = {.op = DMABUFFS_BROKER_READY, .fd = -1};
	struct dmabuffs_broker_reply reply;
	int none = -1;
	int r = broker_message_exchange(connection, &ready, 0, &reply, &none);

	if (r == 0)
		r = reply.error;
	if (r == 0)
		r = broker_message_exchange(connection, question, wanted, ret_reply,
					    ret_fd);
	return r == -ECONNRESET ? -EUSERS : r;
}

int broker_message(int connection, const struct broker_question *question,
		   struct dmabuffs_broker_reply *ret_reply, int *ret_fd)
{
	unsigned int wanted = ret_fd ? 1 : 0;
	int r = broker_message_exchange(connection, question, wanted, ret_reply, ret_fd);

	return r == -EPERM && !question->ticket
		       ? broker_message_retry(connection, question, wanted, ret_reply,
					      ret_fd)
		       : r;
}
