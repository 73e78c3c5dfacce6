/* SPDX-License-Identifier: MIT */
#include "process/init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

/* FUSE_ALLOW_IDMAP, bit 40 of both parts of the flags; Linux 6.12. */
#define ALLOW_IDMAP (1U << 8)

struct init_request {
	struct fuse_in_header header;
	struct fuse_init_in body;
};

struct init_reply {
	struct fuse_out_header header;
	struct fuse_init_out body;
};

static int init_check_request(const struct fuse_buf *buf)
{
	const struct init_request *request = buf->mem;

	if (buf->size < sizeof(*request) || request->header.opcode != FUSE_INIT)
		return -EOPNOTSUPP;
	return request->body.flags & FUSE_INIT_EXT && request->body.flags2 & ALLOW_IDMAP
		       ? 0
		       : -EOPNOTSUPP;
}

/* Has libfuse execute the request; @socket is the other end of what it writes to. */
static int init_get_reply(struct fuse_session *session, const struct fuse_buf *request,
			  int socket, struct init_reply *ret_reply)
{
	ssize_t n;

	fuse_session_process_buf(session, request);
	n = recv(socket, ret_reply, sizeof(*ret_reply), MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	return n == sizeof(*ret_reply) && ret_reply->header.error == 0 ? 0 : -EPROTO;
}

static int init_send(int device, struct init_reply *reply)
{
	reply->body.flags |= FUSE_INIT_EXT;
	reply->body.flags2 |= ALLOW_IDMAP;
	return write(device, reply, sizeof(*reply)) == sizeof(*reply) ? 0 : -errno;
}

/* While @at refers to a socket, the device stays open as @device. */
static int init_exchange(struct fuse_session *session, const struct fuse_buf *request,
			 int at, int device)
{
	_cleanup_close_ int theirs = -1;
	_cleanup_close_ int ours = -1;
	struct init_reply reply;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	theirs = pair[0];
	ours = pair[1];
	if (dup3(theirs, at, O_CLOEXEC) < 0)
		return -errno;
	r = init_get_reply(session, request, ours, &reply);
	if (dup3(device, at, O_CLOEXEC) < 0)
		return -errno;
	return r < 0 ? r : init_send(device, &reply);
}

int init_allow_idmap(struct fuse_session *session, int fd)
{
	_cleanup_close_ int device = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	struct fuse_buf request = {.size = 0};
	int r = device < 0 ? -errno : fuse_session_receive_buf(session, &request);

	if (r == 0)
		r = -ENODEV;
	if (r > 0)
		r = init_check_request(&request);
	if (r == 0)
		r = init_exchange(session, &request, fd, device);
	free(request.mem);
	return r;
}
