/* SPDX-License-Identifier: MIT */
/* test-init.c - FUSE_INIT with FUSE_ALLOW_IDMAP, with an imitated kernel and libfuse */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process/init.h"

#define ALLOW_IDMAP (1U << 8)

int __wrap_fuse_session_receive_buf(struct fuse_session *session, struct fuse_buf *buf);
void __wrap_fuse_session_process_buf(struct fuse_session *session,
				     const struct fuse_buf *buf);

struct reply {
	struct fuse_out_header header;
	struct fuse_init_out body;
};

/* The kernel's end and the session's; what the kernel asks; what libfuse replies. */
static int kernel, session_fd;
static int received; /* result of the read */
static struct {
	struct fuse_in_header header;
	struct fuse_init_in body;
} request;
static struct reply reply;
static size_t reply_size;

int __wrap_fuse_session_receive_buf(struct fuse_session *session, struct fuse_buf *buf)
{
	buf->mem = malloc(sizeof(request));
	cr_assert(ne(ptr, buf->mem, NULL));
	memcpy(buf->mem, &request, sizeof(request));
	buf->size = received > 0 ? (size_t)received : 0;
	return received;
}

void __wrap_fuse_session_process_buf(struct fuse_session *session,
				     const struct fuse_buf *buf)
{
	cr_assert(zero(int, memcmp(buf->mem, &request, sizeof(request))));
	if (reply_size)
		cr_assert(eq(long, write(session_fd, &reply, reply_size),
			     (long)reply_size));
}

static void init(void)
{
	int pair[2];

	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair)));
	kernel = pair[0];
	session_fd = pair[1];
	received = sizeof(request);
	request.header.opcode = FUSE_INIT;
	request.body.flags = FUSE_INIT_EXT;
	request.body.flags2 = ALLOW_IDMAP | 1;
	reply.body.flags = FUSE_POSIX_ACL;
	reply.body.flags2 = 2;
	reply_size = sizeof(reply);
}

TestSuite(init, .init = init);

static int allow(void)
{
	return init_allow_idmap(NULL, session_fd);
}

/* The descriptor is the device again, and the kernel got nothing. */
static void expect_no_reply(void)
{
	char byte;

	cr_assert(lt(long, recv(kernel, &byte, 1, MSG_DONTWAIT), 0));
	cr_assert(eq(long, write(session_fd, "x", 1), 1));
	cr_assert(eq(long, recv(kernel, &byte, 1, MSG_DONTWAIT), 1));
}

Test(init, adds_the_flag)
{
	struct reply got;

	cr_assert(zero(int, allow()));
	cr_assert(eq(long, recv(kernel, &got, sizeof(got), MSG_DONTWAIT), sizeof(got)));
	cr_assert(eq(u32, got.body.flags, FUSE_POSIX_ACL | FUSE_INIT_EXT));
	cr_assert(eq(u32, got.body.flags2, ALLOW_IDMAP | 2));
	expect_no_reply();
}

Test(init, kernel_without_it)
{
	request.body.flags2 = 0xffffffff & ~ALLOW_IDMAP;
	cr_assert(eq(int, allow(), -EOPNOTSUPP));
	expect_no_reply();
	/* Without the first flag, the second word means nothing. */
	request.body.flags2 = ALLOW_IDMAP;
	request.body.flags = 0;
	cr_assert(eq(int, allow(), -EOPNOTSUPP));
}

/* Before Linux 5.17. */
Test(init, short_request)
{
	received = (int)sizeof(struct fuse_in_header) + 16;
	cr_assert(eq(int, allow(), -EOPNOTSUPP));
	expect_no_reply();
}

Test(init, read_fails)
{
	received = -EIO;
	cr_assert(eq(int, allow(), -EIO));
	received = 0;
	cr_assert(eq(int, allow(), -ENODEV));
}

Test(init, libfuse_refuses)
{
	reply.header.error = -EPROTO;
	cr_assert(eq(int, allow(), -EPROTO));
	expect_no_reply();
	reply_size = sizeof(struct fuse_out_header);
	cr_assert(eq(int, allow(), -EPROTO));
	reply_size = 0;
	cr_assert(eq(int, allow(), -EAGAIN));
	expect_no_reply();
}
