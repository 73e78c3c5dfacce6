/* SPDX-License-Identifier: MIT */
#include "store/bank_message.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PEEK_OFF
#define SO_PEEK_OFF 42
#endif

union bank_control {
	struct cmsghdr header; /* for its alignment */
	char bytes[CMSG_SPACE(BANK_MESSAGE_MAX * sizeof(int))];
};

static size_t bank_message_size(uint32_t n_items)
{
	return offsetof(struct bank_message, items) + n_items * sizeof(struct bank_item);
}

int bank_message_send(int socket, const struct bank_message *message, const int *fds)
{
	size_t size = message->n_items * sizeof(int);
	struct iovec bytes = {(void *)message, bank_message_size(message->n_items)};
	struct msghdr header = {.msg_iov = &bytes, .msg_iovlen = 1};
	union bank_control control;

	if (size) {
		memset(&control, 0, CMSG_SPACE(size));
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(size);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(&control.header), fds, size);
	}
	return sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int bank_message_rewind(int socket)
{
	const int first = 0;

	return setsockopt(socket, SOL_SOCKET, SO_PEEK_OFF, &first, sizeof(first)) < 0
		       ? -errno
		       : 0;
}

static unsigned bank_take_fds(struct msghdr *header, int *ret_fds)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(header);
	size_t size;

	if (!control || control->cmsg_level != SOL_SOCKET ||
	    control->cmsg_type != SCM_RIGHTS)
		return 0;
	size = control->cmsg_len - CMSG_LEN(0);
	memcpy(ret_fds, CMSG_DATA(control), size);
	return (unsigned)(size / sizeof(int));
}

static bool bank_message_is_sound(const struct bank_message *message, size_t size,
				  unsigned n_fds)
{
	return size >= bank_message_size(0) && message->magic == BANK_MESSAGE_MAGIC &&
	       message->n_items == n_fds && size == bank_message_size(n_fds);
}

int bank_message_peek(int socket, struct bank_message *ret_message,
		      int ret_fds[BANK_MESSAGE_MAX], unsigned *ret_n)
{
	struct iovec bytes = {ret_message, sizeof(*ret_message)};
	union bank_control control;
	struct msghdr header = {.msg_iov = &bytes,
				.msg_iovlen = 1,
				.msg_control = &control,
				.msg_controllen = sizeof(control)};
	ssize_t size =
		recvmsg(socket, &header, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	unsigned n;

	if (size < 0)
		return errno == EAGAIN ? -ENOMSG : -errno;
	n = bank_take_fds(&header, ret_fds);
	if (header.msg_flags & MSG_CTRUNC) {
		bank_close_all(ret_fds, n);
		return -EMFILE;
	}
	*ret_n = n;
	return !(header.msg_flags & MSG_TRUNC) &&
			       bank_message_is_sound(ret_message, (size_t)size, n)
		       ? 0
		       : -EBADMSG;
}

/* An empty message and the end of the connection look alike. */
static bool bank_peer_is_gone(int socket)
{
	struct pollfd poll_fd = {.fd = socket, .events = POLLRDHUP};

	return poll(&poll_fd, 1, 0) > 0 &&
	       poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL);
}

int bank_message_drop(int socket)
{
	char byte;
	ssize_t n = recv(socket, &byte, sizeof(byte), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN ? -ENOMSG : -errno;
	return n == 0 && bank_peer_is_gone(socket) ? -EPIPE : 0;
}

/* Descriptors of one message mostly follow each other. */
void bank_close_all(const int *fds, unsigned n)
{
	unsigned first = 0;

	for (unsigned i = 1; i <= n; i++) {
		if (i < n && fds[i] == fds[i - 1] + 1)
			continue;
		(void)close_range((unsigned)fds[first], (unsigned)fds[i - 1], 0);
		first = i;
	}
}
