/* SPDX-License-Identifier: MIT */
/* test-init.c - FUSE_INIT, with an imitated kernel and libfuse */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake-session.h"
#include "process/init.h"

#define ALLOW_IDMAP (1U << 8)

struct reply {
	struct fuse_out_header header;
	struct fuse_init_out body;
};

/* The kernel's end and the session's; what the kernel asks; what libfuse replies. */
static int kernel, session_fd;
static size_t request_size;
static struct {
	struct fuse_in_header header;
	struct fuse_init_in body;
} request;
static struct reply reply;
static size_t reply_size;
static struct ledger *ledger;

static void process(const struct fuse_buf *buf)
{
	cr_assert(eq(sz, buf->size, request_size));
	cr_assert(zero(int, memcmp(buf->mem, &request, request_size)));
	if (reply_size)
		cr_assert(eq(long, write(session_fd, &reply, reply_size),
			     (long)reply_size));
}

static void init(void)
{
	const struct ledger_config config = {.capacity = {[0 ... LEDGER_KINDS - 1] = 1},
					     .n_queues = 2};
	int pair[2];

	cr_assert(zero(int, ledger_create(&config, &ledger)));
	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair)));
	kernel = pair[0];
	session_fd = pair[1];
	request_size = sizeof(request);
	fake_session_process = process;
	request.header.opcode = FUSE_INIT;
	request.body.flags = FUSE_INIT_EXT;
	request.body.flags2 = ALLOW_IDMAP | 1;
	reply.body.flags = FUSE_POSIX_ACL;
	reply.body.flags2 = 2;
	reply.body.max_write = 12345;
	reply_size = sizeof(reply);
}

static void finish(void)
{
	ledger_close(ledger);
	close(session_fd);
}

TestSuite(init, .init = init, .fini = finish);

static int negotiate(bool idmap)
{
	uint32_t max_write = 0;
	int r;

	cr_assert(eq(long, send(kernel, &request, request_size, 0), (long)request_size));
	r = init_negotiate(NULL, session_fd, idmap, ledger, &max_write);
	cr_assert(eq(u32, max_write, r == 0 ? 12345 : 0));
	return r;
}

static int allow(void)
{
	return negotiate(true);
}

/* The descriptor is the device again, and the kernel got nothing. */
static void expect_no_reply(void)
{
	char byte;

	cr_assert(lt(long, recv(kernel, &byte, 1, MSG_DONTWAIT), 0));
	cr_assert(eq(long, write(session_fd, "x", 1), 1));
	cr_assert(eq(long, recv(kernel, &byte, 1, MSG_DONTWAIT), 1));
}

static void expect_flags(uint32_t flags, uint32_t flags2)
{
	struct reply got;

	cr_assert(eq(long, recv(kernel, &got, sizeof(got), MSG_DONTWAIT), sizeof(got)));
	cr_assert(eq(u32, got.body.flags, flags));
	cr_assert(eq(u32, got.body.flags2, flags2));
	expect_no_reply();
}

Test(init, adds_the_flag)
{
	cr_assert(zero(int, allow()));
	expect_flags(FUSE_POSIX_ACL | FUSE_INIT_EXT, ALLOW_IDMAP | 2);
}

/* What libfuse replied goes to the kernel as it is. */
Test(init, without_the_flag)
{
	cr_assert(zero(int, negotiate(false)));
	expect_flags(FUSE_POSIX_ACL, 2);
	request_size = sizeof(struct fuse_in_header) + 16;
	cr_assert(zero(int, negotiate(false)));
	expect_flags(FUSE_POSIX_ACL, 2);
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
	request_size = sizeof(struct fuse_in_header) + 16;
	cr_assert(eq(int, allow(), -EOPNOTSUPP));
	expect_no_reply();
}

Test(init, another_request)
{
	request.header.opcode = FUSE_LOOKUP;
	cr_assert(eq(int, allow(), -EPROTO));
	cr_assert(eq(int, negotiate(false), -EPROTO));
	request.header.opcode = FUSE_INIT;
	request_size = 8;
	cr_assert(eq(int, negotiate(false), -EPROTO));
	expect_no_reply();
}

Test(init, read_fails)
{
	uint32_t max_write;

	cr_assert(zero(int, fcntl(session_fd, F_SETFL, O_NONBLOCK)));
	cr_assert(eq(int, init_negotiate(NULL, session_fd, true, ledger, &max_write),
		     -EAGAIN));
	cr_assert(eq(int, init_negotiate(NULL, -1, true, ledger, &max_write), -EBADF));
	close(kernel);
	cr_assert(eq(int, init_negotiate(NULL, session_fd, true, ledger, &max_write),
		     -EPROTO));
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

/* ---- a successor ------------------------------------------------------------------- */

static int replay(bool idmap)
{
	uint32_t max_write = 0;
	int r = init_replay(NULL, session_fd, idmap, ledger, &max_write);

	cr_assert(eq(u32, max_write, r == 0 ? 12345 : max_write));
	expect_no_reply();
	return r;
}

static void negotiate_before(bool idmap)
{
	struct reply got;

	cr_assert(zero(int, negotiate(idmap)));
	cr_assert(eq(long, recv(kernel, &got, sizeof(got), MSG_DONTWAIT), sizeof(got)));
}

Test(init, replay)
{
	negotiate_before(false);
	cr_assert(zero(int, replay(false)));
	cr_assert(zero(int, replay(false)));
	/* Another libfuse. */
	reply.body.minor++;
	cr_assert(zero(int, replay(false)));
}

Test(init, replay_with_the_flag)
{
	negotiate_before(true);
	cr_assert(zero(int, replay(true)));
	cr_assert(eq(int, replay(false), -EPROTO));
}

Test(init, replay_differs)
{
	negotiate_before(false);
	cr_assert(eq(int, replay(true), -EPROTO));
	reply.body.max_write++;
	cr_assert(eq(int, replay(false), -EPROTO));
	reply.body.max_write--;
	reply.body.flags2 ^= 1;
	cr_assert(eq(int, replay(false), -EPROTO));
	reply.body.flags2 ^= 1;
	reply.body.max_pages++;
	cr_assert(eq(int, replay(false), -EPROTO));
	reply.body.max_pages--;
	reply.header.error = -EPROTO;
	cr_assert(eq(int, replay(false), -EPROTO));
	reply.header.error = 0;
	cr_assert(zero(int, replay(false)));
}

Test(init, replay_of_nothing)
{
	cr_assert(eq(int, replay(false), -EPROTO));
	negotiate_before(false);
	ledger->header->reply_size = sizeof(reply) - 1;
	cr_assert(eq(int, replay(false), -EPROTO));
	ledger->header->reply_size = sizeof(reply);
	ledger->header->init_size = LEDGER_INIT_MAX + 1;
	cr_assert(eq(int, replay(false), -EPROTO));
}

Test(init, knows_whether_requests_can_be_sent_again)
{
	const size_t whole = request_size;

	request.body.flags2 = 1U << 7;
	negotiate_before(false);
	cr_assert(init_can_resend(ledger));
	request.body.flags2 = ~(1U << 7);
	cr_assert(zero(int, ledger_save_init(ledger, &request, whole)));
	cr_assert(not(init_can_resend(ledger)));
	request.body.flags2 = 1U << 7;
	request.body.flags = ~(uint32_t)FUSE_INIT_EXT;
	cr_assert(zero(int, ledger_save_init(ledger, &request, whole)));
	cr_assert(not(init_can_resend(ledger)));
	request.body.flags = FUSE_INIT_EXT;
	cr_assert(zero(int, ledger_save_init(ledger, &request, whole - 1)));
	cr_assert(not(init_can_resend(ledger)));
}

Test(init, resend)
{
	struct fuse_out_header got;

	cr_assert(zero(int, init_resend(session_fd)));
	cr_assert(eq(long, recv(kernel, &got, sizeof(got), MSG_DONTWAIT), sizeof(got)));
	cr_assert(eq(u32, got.len, sizeof(got)));
	cr_assert(eq(int, got.error, 7));
	cr_assert(zero(u64, got.unique));
	cr_assert(eq(int, init_resend(-1), -EBADF));
}
