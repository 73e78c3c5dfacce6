/* SPDX-License-Identifier: MIT */
#include "process/notify.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "util.h"

static const char *notify_path(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	return path && (path[0] == '/' || path[0] == '@') &&
			       strlen(path) < sizeof(((struct sockaddr_un *)0)->sun_path)
		       ? path
		       : NULL;
}

bool notify_is_possible(void)
{
	return notify_path() != NULL;
}

static socklen_t notify_address(const char *path, struct sockaddr_un *ret_address)
{
	size_t length = strlen(path);

	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(ret_address->sun_path, path, length);
	if (path[0] == '@') /* the abstract namespace */
		ret_address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

static int notify_send(int socket, struct msghdr *message, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN(sizeof(int))}};

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		message->msg_control = &control;
		message->msg_controllen = sizeof(control);
	}
	return sendmsg(socket, message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int notify(const char *message, int fd)
{
	const char *path = notify_path();
	_cleanup_close_ int socket_fd = -1;
	struct sockaddr_un address;
	struct iovec iov = {(void *)message, strlen(message)};
	struct msghdr header = {.msg_name = &address, .msg_iov = &iov, .msg_iovlen = 1};

	if (!path)
		return 0;
	header.msg_namelen = notify_address(path, &address);
	socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return socket_fd < 0 ? -errno : notify_send(socket_fd, &header, fd);
}
