/* SPDX-License-Identifier: MIT */
#include "store/bank_message.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

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

/* Where the next look is, in bytes of messages; -1: at the first one, and it stays. */
static int bank_look_at(int socket, int place)
{
	return setsockopt(socket, SOL_SOCKET, SO_PEEK_OFF, &place, sizeof(place)) < 0
		       ? -errno
		       : 0;
}

int bank_message_reset(int socket)
{
	return bank_look_at(socket, -1);
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

/* @message has at least the head of a message. */
static bool bank_message_is_sound(const void *message, size_t size, unsigned n_fds)
{
	const struct bank_message *head = message;

	return size >= bank_message_size(0) && head->magic == BANK_MESSAGE_MAGIC &&
	       head->n_items == n_fds && size == bank_message_size(n_fds);
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

/* ---- many small ones --------------------------------------------------------------- */

union bank_small_control {
	struct cmsghdr header; /* for its alignment */
	char bytes[CMSG_SPACE(BANK_SMALL * sizeof(int))];
};

/* Its descriptors are closed unless it is sound, and all of it was received. */
static bool bank_small_take(struct mmsghdr *received, struct bank_small *message)
{
	unsigned n = bank_take_fds(&received->msg_hdr, message->fds);

	if (!(received->msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
	    bank_message_is_sound(message, received->msg_len, n))
		return true;
	bank_close_all(message->fds, n);
	return false;
}

/* Once one is not taken, those after it are not, either. */
static void bank_batch_take(struct mmsghdr *received, unsigned n,
			    struct bank_batch *batch)
{
	for (unsigned i = 0; i < n; i++) {
		struct bank_small *message = &batch->messages[i];
		bool taken = bank_small_take(&received[i], message);

		if (taken && batch->stopped)
			bank_close_all(message->fds, message->n_items);
		batch->stopped = batch->stopped || !taken;
		batch->n += !batch->stopped;
	}
}

/* How many; 0: there is none; -errno. */
static int bank_batch_receive(int socket, struct mmsghdr *headers, unsigned n)
{
	int r = bank_look_at(socket, 0), received;

	if (r < 0)
		return r;
	received = recvmmsg(socket, headers, n,
			    MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
	if (received < 0)
		received = errno == EAGAIN ? 0 : -errno;
	(void)bank_look_at(socket, -1);
	return received;
}

int bank_message_peek_batch(int socket, unsigned max, struct bank_batch *ret_batch)
{
	union bank_small_control controls[BANK_BATCH];
	struct mmsghdr headers[BANK_BATCH] = {0};
	struct iovec bytes[BANK_BATCH];
	unsigned n = MIN(max, BANK_BATCH);
	int received;

	for (unsigned i = 0; i < n; i++) {
		bytes[i] = (struct iovec){&ret_batch->messages[i],
					  offsetof(struct bank_small, fds)};
		headers[i].msg_hdr = (struct msghdr){
			.msg_iov = &bytes[i],
			.msg_iovlen = 1,
			.msg_control = &controls[i],
			.msg_controllen = sizeof(controls[i]),
		};
	}
	ret_batch->n = 0;
	ret_batch->stopped = false;
	received = bank_batch_receive(socket, headers, n);
	if (received > 0)
		bank_batch_take(headers, (unsigned)received, ret_batch);
	return MIN(received, 0);
}

/* ---- remove ------------------------------------------------------------------------ */

/* An empty message and the end of the connection look alike. */
static bool bank_peer_is_gone(int socket)
{
	struct pollfd poll_fd = {.fd = socket, .events = POLLRDHUP};

	return poll(&poll_fd, 1, 0) > 0 &&
	       poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL);
}

/* Some of the first @n; how many, or -errno. */
static int bank_message_drop_some(int socket, unsigned n)
{
	struct mmsghdr headers[BANK_BATCH] = {0};
	char byte;
	struct iovec bytes = {&byte, sizeof(byte)};
	int dropped;

	n = MIN(n, BANK_BATCH);
	for (unsigned i = 0; i < n; i++)
		headers[i].msg_hdr = (struct msghdr){.msg_iov = &bytes, .msg_iovlen = 1};
	dropped = recvmmsg(socket, headers, n, MSG_DONTWAIT, NULL);
	if (dropped < 0)
		return errno == EAGAIN ? -ENOMSG : -errno;
	if (headers[dropped - 1].msg_len == 0 && bank_peer_is_gone(socket))
		return -EPIPE;
	return dropped;
}

int bank_message_drop(int socket, unsigned n)
{
	while (n > 0) {
		int dropped = bank_message_drop_some(socket, n);

		if (dropped < 0)
			return dropped;
		n -= (unsigned)dropped;
	}
	return 0;
}

/* Not every sandbox knows close_range(2). */
static void bank_close_range(int first, int last)
{
	if (close_range((unsigned)first, (unsigned)last, 0) == 0)
		return;
	for (int fd = first; fd <= last; fd++)
		(void)close(fd);
}

/* Descriptors of one message mostly follow each other. */
void bank_close_all(const int *fds, unsigned n)
{
	unsigned first = 0;

	for (unsigned i = 1; i <= n; i++) {
		if (i < n && fds[i] == fds[i - 1] + 1)
			continue;
		bank_close_range(fds[first], fds[i - 1]);
		first = i;
	}
}
