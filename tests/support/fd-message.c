/* SPDX-License-Identifier: MIT */
#include "fd-message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Aligned as the kernel requires. */
union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(MESSAGE_MAX_FDS * sizeof(int))];
};

int send_fds(int socket, const void *data, size_t size, const int *fds, size_t n_fds)
{
	union control control;
	struct iovec vector = {.iov_base = (void *)data, .iov_len = size};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
	int n;

	if (n_fds > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		memset(&control, 0, message.msg_controllen);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
	}
	n = (int)sendmsg(socket, &message, MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

int send_fd_copies(int socket, const void *data, size_t size, int fd, size_t n_fds)
{
	int fds[MESSAGE_MAX_FDS];

	for (size_t i = 0; i < n_fds; i++)
		fds[i] = fd;
	return send_fds(socket, data, size, fds, n_fds);
}

/* Returns the number of descriptors, or -EPROTO. */
static int fds_in(struct msghdr *message, int *ret_fds)
{
	const struct cmsghdr *header = CMSG_FIRSTHDR(message);
	size_t size;

	if (!header)
		return 0;
	if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return -EPROTO;
	size = header->cmsg_len - CMSG_LEN(0);
	memcpy(ret_fds, CMSG_DATA(header), size);
	return (int)(size / sizeof(int));
}

static void close_fds(const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		close(fds[i]);
}

int receive_fds(int socket, void *data, size_t size, int *ret_fds, size_t max_fds,
		size_t *ret_n_fds)
{
	union control control;
	struct iovec vector = {.iov_base = data, .iov_len = size};
	/* CMSG_SPACE() can have room for one more than max_fds. */
	struct msghdr message = {.msg_iov = &vector,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = CMSG_LEN(max_fds * sizeof(int))};
	int n = (int)recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	int fds[MESSAGE_MAX_FDS], n_fds;

	if (n < 0)
		return -errno;
	n_fds = fds_in(&message, fds);
	if (n_fds < 0)
		return n_fds;
	if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		close_fds(fds, n_fds);
		return -EMSGSIZE;
	}
	memcpy(ret_fds, fds, (size_t)n_fds * sizeof(int));
	*ret_n_fds = (size_t)n_fds;
	return n;
}

int send_fd(int socket, int fd)
{
	int n = send_fds(socket, "", 1, &fd, 1);

	return n < 0 ? n : 0;
}

int receive_fd(int socket)
{
	char byte;
	size_t n_fds = 0;
	int fd = -1, n = receive_fds(socket, &byte, 1, &fd, 1, &n_fds);

	if (n < 0)
		return n;
	if (n == 0)
		return -ECONNRESET;
	return n_fds == 1 ? fd : -ENOMSG;
}
