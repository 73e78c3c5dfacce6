/* SPDX-License-Identifier: MIT */
#include "broker/unread.h"

#include <errno.h>
#include <sys/socket.h>

enum unread { UNREAD_NONE, UNREAD_PLAIN, UNREAD_FDS };

/* A reset is reported once, although there can be messages from before it. */
static ssize_t unread_peek(int fd, struct msghdr *header)
{
	ssize_t n;

	do
		n = recvmsg(fd, header, MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && (errno == ECONNRESET || errno == EINTR));
	return n;
}

/*
 * Of the first message. SIOCINQ counts no empty ones, and SO_MEMINFO charges the sender.
 * With SO_PASSCRED the credentials of each message fill this buffer, which the end of the
 * connection leaves empty; descriptors do not fit, set MSG_CTRUNC and stay in the queue.
 */
static enum unread unread_first(int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct msghdr header = {
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	if (unread_peek(fd, &header) < 0)
		return errno == EAGAIN ? UNREAD_NONE : UNREAD_FDS;
	if (header.msg_flags & MSG_CTRUNC)
		return UNREAD_FDS;
	return header.msg_controllen ? UNREAD_PLAIN : UNREAD_NONE;
}

bool unread_drop_plain(int fd)
{
	const int on = 1;
	enum unread first;
	char byte;

	/* After the shutdown the queue only shrinks. */
	if (shutdown(fd, SHUT_RD) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return false;
	/* One that a reset keeps from being received is still the first. */
	while ((first = unread_first(fd)) == UNREAD_PLAIN)
		(void)recv(fd, &byte, sizeof(byte), MSG_DONTWAIT);
	return first == UNREAD_NONE;
}
