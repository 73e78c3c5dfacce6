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

static int init_read(int device, struct fuse_buf *request)
{
	ssize_t n = read(device, request->mem, FUSE_MIN_READ_BUFFER);
	const struct fuse_in_header *header = request->mem;

	if (n < 0)
		return -errno;
	request->size = (size_t)n;
	return request->size > sizeof(*header) && header->opcode == FUSE_INIT ? 0
									      : -EPROTO;
}

static bool init_offers_idmap(const struct fuse_buf *buf)
{
	const struct init_request *request = buf->mem;

	return buf->size >= sizeof(*request) && request->body.flags & FUSE_INIT_EXT &&
	       request->body.flags2 & ALLOW_IDMAP;
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

static int init_send(int device, const struct init_reply *reply)
{
	return write(device, reply, sizeof(*reply)) == sizeof(*reply) ? 0 : -errno;
}

/* While @at refers to a socket, the device stays open as @device. */
static int init_execute(struct fuse_session *session, const struct fuse_buf *request,
			int at, int device, struct init_reply *ret_reply)
{
	_cleanup_close_ int theirs = -1;
	_cleanup_close_ int ours = -1;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	theirs = pair[0];
	ours = pair[1];
	if (dup3(theirs, at, O_CLOEXEC) < 0)
		return -errno;
	r = init_get_reply(session, request, ours, ret_reply);
	return dup3(device, at, O_CLOEXEC) < 0 ? -errno : r;
}

int init_negotiate(struct fuse_session *session, int fd, bool idmap,
		   uint32_t *ret_max_write)
{
	_cleanup_close_ int device = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	_cleanup_free_ void *mem = malloc(FUSE_MIN_READ_BUFFER);
	struct fuse_buf request = {.mem = mem};
	struct init_reply reply;
	int r = device < 0 ? -errno : 0;

	if (!mem)
		return -ENOMEM;
	if (r == 0)
		r = init_read(device, &request);
	if (r == 0 && idmap && !init_offers_idmap(&request))
		r = -EOPNOTSUPP;
	if (r == 0)
		r = init_execute(session, &request, fd, device, &reply);
	if (r < 0)
		return r;
	if (idmap) {
		reply.body.flags |= FUSE_INIT_EXT;
		reply.body.flags2 |= ALLOW_IDMAP;
	}
	*ret_max_write = reply.body.max_write;
	return init_send(device, &reply);
}
