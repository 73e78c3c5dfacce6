/* SPDX-License-Identifier: MIT */
#include "broker/connection.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <dmabuffs-broker.h>

#include "base/log.h"
#include "broker/opened.h"
#include "broker/procfs.h"
#include "broker/unread.h"
#include "buffers/closer.h"
#include "clock.h"
#include "sized.h"

#define MESSAGES_PER_TURN  8
#define FIRST_REQUEST_SIZE 16 /* of the first version: without a ticket */
#define MAX_MESSAGE        256
#define MAX_FDS            253 /* the kernel's SCM_MAX_FD */

struct message {
	char data[MAX_MESSAGE];
	size_t size;
	bool truncated;     /* longer than MAX_MESSAGE */
	bool fds_truncated; /* our descriptor table is full */
	int fds[MAX_FDS];
	size_t n_fds;
};

static void connection_collect_fds(struct msghdr *header, struct message *message)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(header); cmsg; cmsg = CMSG_NXTHDR(header, cmsg)) {
		size_t bytes;

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		bytes = cmsg->cmsg_len - CMSG_LEN(0);
		memcpy(message->fds, CMSG_DATA(cmsg), bytes);
		message->n_fds = bytes / sizeof(int);
	}
}

/*
 * 1: a message; 0: none now; -EPIPE: the peer has closed the connection. There is room
 * for as many descriptors as a message can carry: the kernel would close the others in
 * this thread.
 */
static int connection_receive(int fd, struct message *message)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = {message->data, sizeof(message->data)};
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	message->n_fds = 0;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	connection_collect_fds(&header, message);
	/* An empty message looks like the end of the connection. */
	if (n == 0 && message->n_fds == 0)
		return -EPIPE;
	message->size = (size_t)n;
	message->truncated = header.msg_flags & MSG_TRUNC;
	message->fds_truncated = header.msg_flags & MSG_CTRUNC;
	return 1;
}

static int connection_check_request(const struct message *message,
				    struct dmabuffs_broker_request *ret_request)
{
	bool with_fd;
	int r = sized_take(message->data, message->size, FIRST_REQUEST_SIZE, ret_request,
			   sizeof(*ret_request));

	if (r < 0)
		return r;
	if (message->truncated)
		return -E2BIG;
	if (ret_request->flags)
		return -EOPNOTSUPP;
	with_fd = ret_request->op != DMABUFFS_BROKER_FETCH &&
		  ret_request->op != DMABUFFS_BROKER_READY;
	if (ret_request->reserved ||
	    (ret_request->op != DMABUFFS_BROKER_FETCH &&
	     !sized_is_zero(ret_request->ticket, sizeof(ret_request->ticket))))
		return -EINVAL;
	if (message->fds_truncated)
		return -EMFILE;
	return message->n_fds == with_fd ? 0 : -EINVAL;
}

static int connection_describe_fd(int fd, uint32_t kind, int access,
				  struct dmabuffs_broker_reply *reply)
{
	const struct buffer borrowed = {.fd = fd, .kind = kind};
	uint64_t bytes;
	int r = buffer_size(&borrowed, &bytes);

	if (r < 0)
		return r;
	reply->kind = kind;
	reply->access = (uint32_t)access;
	reply->bytes = bytes;
	return 0;
}

/* The buffer's descriptor for the opened name @fd, whose access mode is the limit. */
static int connection_exchange(struct broker *broker, int fd,
			       struct dmabuffs_broker_reply *reply, int *ret_fd)
{
	_cleanup_(opened_put) struct opened opened = {NULL};
	int r = opened_get(broker, fd, &opened);

	if (r < 0)
		return r;
	*ret_fd = opened_open_buffer(&opened);
	return *ret_fd < 0 ? *ret_fd
			   : connection_describe_fd(*ret_fd, opened.export->buffer.kind,
						    opened.access, reply);
}

/*
 * Files whose close never waits: an opened name, and files of a procfs. The peer's pid
 * may have been reused since; what the kernel reports of that process' mounts is true
 * anyway.
 */
static bool connection_is_known_file(struct broker *broker,
				     const struct connection *connection, int fd)
{
	_cleanup_(opened_put) struct opened opened = {NULL};

	return opened_get(broker, fd, &opened) == 0 || procfs_has(fd, connection->pid);
}

static int connection_describe_deposit(struct broker *broker,
				       const struct connection *connection, int fd,
				       struct dmabuffs_broker_reply *reply)
{
	int flags = fcntl(fd, F_GETFL), kind;

	if (flags & O_PATH)
		return -EBADFD;
	kind = buffer_kind(fd);
	if (kind >= 0)
		return connection_describe_fd(fd, (uint32_t)kind, flags & O_ACCMODE,
					      reply);
	reply->access = (uint32_t)(flags & O_ACCMODE);
	return connection_is_known_file(broker, connection, fd) ? 0 : -EBADFD;
}

/* Stores @fd for the request that names the ticket; taken over on success. */
static int connection_deposit(struct broker *broker, struct connection *connection,
			      int fd, struct dmabuffs_broker_reply *reply)
{
	int r = connection_describe_deposit(broker, connection, fd, reply);

	if (r < 0)
		return r;
	return tickets_add(broker->tickets, &connection->tickets, fd, reply->ticket);
}

/*
 * Takes what a command on a context has left under a ticket for its caller. -ENOENT also
 * for a file that was deposited here and is no buffer: a statx(2) of a file of our own
 * mount would be a request to ourselves.
 */
static int connection_fetch(struct broker *broker,
			    const struct dmabuffs_broker_request *request,
			    struct dmabuffs_broker_reply *reply, int *ret_fd)
{
	int fd = tickets_take(broker->tickets, request->ticket);
	int kind;

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	kind = buffer_kind(fd);
	return kind < 0 ? -ENOENT
			: connection_describe_fd(fd, (uint32_t)kind,
						 fcntl(fd, F_GETFL) & O_ACCMODE, reply);
}

/*
 * The request that the client cannot send before it comes now: it has as long for that as
 * after connect(2), but only once.
 */
static void connection_expect_request(struct connection *connection)
{
	if (connection->expected)
		return;
	connection->expected = true;
	connection->served = false;
	connection->since_ms = now_ms();
}

/*
 * Executes the request in @message. *ret_fd is a descriptor to send with the reply, or
 * negative; on failure it is just to be closed. A descriptor that was taken over is
 * removed from the message.
 */
static int connection_handle(struct broker *broker, struct connection *connection,
			     struct message *message, struct dmabuffs_broker_reply *reply,
			     int *ret_fd)
{
	struct dmabuffs_broker_request request;
	int r = connection_check_request(message, &request);

	if (r < 0)
		return r;
	switch (request.op) {
	case DMABUFFS_BROKER_EXCHANGE:
		return connection_exchange(broker, message->fds[0], reply, ret_fd);
	case DMABUFFS_BROKER_TICKET:
		r = connection_deposit(broker, connection, message->fds[0], reply);
		if (r == 0)
			message->n_fds = 0;
		return r;
	case DMABUFFS_BROKER_FETCH:
		return connection_fetch(broker, &request, reply, ret_fd);
	case DMABUFFS_BROKER_READY:
		connection_expect_request(connection);
		return 0;
	default:
		return -ENOTTY;
	}
}

/* A peer with a full receive buffer is disconnected. */
static int connection_reply_to(int connection, const struct dmabuffs_broker_reply *reply,
			       int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)reply, sizeof(*reply)};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		header.msg_control = &control;
		header.msg_controllen = sizeof(control);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	}
	return sendmsg(connection, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -EPIPE : 0;
}

static int connection_reserve(const struct broker *broker,
			      const struct connection *connection,
			      struct closing **ret_closing)
{
	/* Its owners are known while the connection is charged. */
	const struct payer payer = {connection->uid, 0};

	/* All of a message, and what the reply carried. */
	return closing_reserve(broker->limits, &payer, MAX_FDS + 1, ret_closing);
}

/* The descriptors that the message still has are closed. */
static void connection_dispose(const struct message *message, struct closing *closing)
{
	for (size_t i = 0; i < message->n_fds; i++)
		closing_add(closing, message->fds[i]);
	closing_end(closing);
}

static int connection_serve_message(struct broker *broker, struct connection *connection,
				    struct message *message, struct closing *closing)
{
	struct dmabuffs_broker_reply reply = {.size = sizeof(reply)};
	int fd = -1;
	int r = connection_handle(broker, connection, message, &reply, &fd);

	if (r < 0) {
		reply = (struct dmabuffs_broker_reply){.size = sizeof(reply), .error = r};
		log_debug("broker: request of uid %u refused: %s", connection->uid,
			  strerror(-r));
	}
	r = connection_reply_to(connection->fd, &reply, r < 0 ? -1 : fd);
	closing_add(closing, fd);
	return r;
}

int connection_serve(struct broker *broker, struct connection *connection)
{
	struct message message;

	for (int i = 0; i < MESSAGES_PER_TURN; i++) {
		struct closing *closing;
		int r = connection_reserve(broker, connection, &closing);

		if (r < 0)
			return -EBUSY;
		r = connection_receive(connection->fd, &message);
		if (r > 0) {
			connection->served = true;
			r = connection_serve_message(broker, connection, &message,
						     closing)
				    ?: 1;
		}
		connection_dispose(&message, closing);
		if (r <= 0)
			return r;
	}
	return 0;
}

int connection_watch(const struct broker *broker, struct connection *connection)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

	return epoll_ctl(broker->epoll, EPOLL_CTL_ADD, connection->fd, &event) < 0
		       ? -errno
		       : 0;
}

void connection_unwatch(const struct broker *broker, const struct connection *connection)
{
	epoll_ctl(broker->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
}

/*
 * After the shutdown no request can arrive, and those that have are taken: closing a
 * socket with unread messages would make the peer lose the reply.
 */
void connection_refuse(struct broker *broker, struct connection *connection, int error)
{
	const struct dmabuffs_broker_reply reply = {.size = sizeof(reply),
						    .error = error};
	struct message message;
	struct closing *closing;

	shutdown(connection->fd, SHUT_RD);
	for (int i = 0; i < MESSAGES_PER_TURN; i++) {
		int r = connection_reserve(broker, connection, &closing);

		if (r < 0)
			break;
		r = connection_receive(connection->fd, &message);
		connection_dispose(&message, closing);
		if (r <= 0)
			break;
	}
	(void)connection_reply_to(connection->fd, &reply, -1);
}

/*
 * Nothing bounds how many of a user are not admitted, so only those that can take long to
 * close are queued: each holds a message with descriptors, of which the kernel allows the
 * sending uid as many in flight as RLIMIT_NOFILE (ETOOMANYREFS).
 */
static void connection_close_not_admitted(struct connection *connection)
{
	if (unread_drop_plain(connection->fd))
		close(connection->fd);
	else
		closing_add(connection->closing, connection->fd);
	if (connection->counted)
		closing_charge(connection->closing, connection->uid, RES_UNADMITTED, 1);
	closing_end(connection->closing);
}

void connection_close(struct broker *broker, struct connection *connection)
{
	uid_t uid = connection->uid;

	/* It stays open a while: no event may refer to it any more. */
	connection_unwatch(broker, connection);
	if (!connection->admitted) {
		connection_close_not_admitted(connection);
		return;
	}
	closing_add(connection->closing, connection->fd);
	if (closing_charge_ended(connection->closing, uid))
		limits_uncharge(broker->limits, uid, RES_CONNECTIONS, 1);
	else
		closing_charge(connection->closing, uid, RES_CONNECTIONS, 1);
	closing_end(connection->closing);
}
