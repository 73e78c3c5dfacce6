/* SPDX-License-Identifier: MIT */
#include "process/init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "crash_point.h"
#include "util.h"

/* FUSE_ALLOW_IDMAP, bit 40 of both parts of the flags; Linux 6.12. */
#define ALLOW_IDMAP (1U << 8)

/* Linux 6.9; headers may be older. The flag is bit 39. */
#define NOTIFY_RESEND 7
#define HAS_RESEND    (1U << 7)

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

static void init_allow_idmap(struct init_reply *reply)
{
	reply->body.flags |= FUSE_INIT_EXT;
	reply->body.flags2 |= ALLOW_IDMAP;
}

static int init_save(struct ledger *ledger, const struct fuse_buf *request,
		     const struct init_reply *reply)
{
	int r = ledger_save_init(ledger, request->mem, request->size);

	return r == 0 ? ledger_save_reply(ledger, reply, sizeof(*reply)) : r;
}

int init_negotiate(struct fuse_session *session, int fd, bool idmap,
		   struct ledger *ledger, uint32_t *ret_max_write)
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
	if (idmap)
		init_allow_idmap(&reply);
	*ret_max_write = reply.body.max_write;
	r = init_save(ledger, &request, &reply);
	return r == 0 ? init_send(device, &reply) : r;
}

/* ---- a successor ------------------------------------------------------------------- */

/* What the kernel acts on. Another minor version of libfuse is none. */
static bool init_is_same(const struct init_reply *reply, const struct init_reply *saved)
{
	struct init_reply a = *reply, b = *saved;

	a.header.len = b.header.len;
	a.body.minor = b.body.minor;
	return memcmp(&a, &b, sizeof(a)) == 0;
}

static int init_compare(const struct init_reply *reply, const struct init_reply *saved)
{
	const struct fuse_init_out *a = &reply->body, *b = &saved->body;

	if (init_is_same(reply, saved))
		return 0;
	log_error("cannot take over: this build or its options negotiate something else: "
		  "flags %x %x, max_write %u, max_pages %u, readahead %u, background %u; "
		  "before %x %x, %u, %u, %u, %u",
		  a->flags, a->flags2, a->max_write, a->max_pages, a->max_readahead,
		  a->max_background, b->flags, b->flags2, b->max_write, b->max_pages,
		  b->max_readahead, b->max_background);
	return -EPROTO;
}

int init_replay(struct fuse_session *session, int fd, bool idmap,
		const struct ledger *ledger, uint32_t *ret_max_write)
{
	const struct ledger_header *header = ledger->header;
	_cleanup_close_ int device = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	uint8_t copy[LEDGER_INIT_MAX];
	struct fuse_buf request = {.mem = copy, .size = header->init_size};
	struct init_reply reply, saved;
	int r = device < 0 ? -errno : 0;

	if (request.size == 0 || request.size > sizeof(copy) ||
	    header->reply_size != sizeof(saved)) {
		log_error("cannot take over: the ledger has no FUSE_INIT");
		return -EPROTO;
	}
	memcpy(copy, header->init, request.size);
	memcpy(&saved, header->reply, sizeof(saved));
	if (r == 0)
		r = init_execute(session, &request, fd, device, &reply);
	if (r < 0)
		return r;
	if (idmap)
		init_allow_idmap(&reply);
	*ret_max_write = saved.body.max_write;
	return init_compare(&reply, &saved);
}

bool init_can_resend(const struct ledger *ledger)
{
	const struct ledger_header *header = ledger->header;
	struct init_request request;

	if (crash_switch("no-resend") || header->init_size < sizeof(request))
		return false;
	memcpy(&request, header->init, sizeof(request));
	return request.body.flags & FUSE_INIT_EXT && request.body.flags2 & HAS_RESEND;
}

int init_resend(int device)
{
	const struct fuse_out_header notification = {
		.len = sizeof(notification),
		.error = NOTIFY_RESEND,
	};

	return write(device, &notification, sizeof(notification)) < 0 ? -errno : 0;
}
