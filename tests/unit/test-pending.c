/* SPDX-License-Identifier: MIT */
/* test-pending.c - requests that are kept for a successor, with an imitated kernel */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "process/pending.h"
#include "util.h"

#define HEADER sizeof(struct fuse_in_header)

static struct ledger *ledger;
static struct pending pending;
/* The kernel waits for every request: a write to the device succeeds. */
static int kernel, device;
/* It waits for none. */
static int closed;

static void init(void)
{
	const struct ledger_config config = {.capacity = {[0 ... LEDGER_KINDS - 1] = 1},
					     .n_queues = 2};
	int pair[2];

	log_set_level(LOG_CRIT);
	cr_assert(zero(int, ledger_create(&config, &ledger)));
	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair)));
	kernel = pair[0];
	device = pair[1];
	closed = open("/dev/null", O_RDONLY);
	pending_init(&pending, ledger, device);
}

static void finish(void)
{
	pending_finish(&pending);
	ledger_close(ledger);
	close(kernel);
	close(device);
	close(closed);
}

TestSuite(pending, .init = init, .fini = finish);

static void fill(struct fuse_in_header *header, uint64_t unique, uint32_t len)
{
	*header = (struct fuse_in_header){
		.unique = unique,
		.len = len,
		.opcode = FUSE_GETATTR,
	};
}

/* As a thread that was killed. */
static void leave(uint32_t nth, uint64_t unique, uint32_t len)
{
	fill(ledger_receiver(ledger, nth), unique, len);
}

static void succeed(void)
{
	pending_finish(&pending);
	pending_init(&pending, ledger, device);
	cr_assert(zero(int, pending_collect(&pending)));
}

static void expect_taken(uint64_t unique, size_t size)
{
	static uint8_t buffer[LEDGER_RECEIVE_SIZE];
	const struct fuse_in_header *header = (void *)buffer;

	cr_assert(eq(sz, pending_take(&pending, buffer), size));
	if (size)
		cr_assert(eq(u64, header->unique, unique));
}

/* What the kernel got last, of all there is. */
static struct fuse_out_header last_written(void)
{
	struct fuse_out_header got = {0}, last = {0};

	while (recv(kernel, &got, sizeof(got), MSG_DONTWAIT) == sizeof(got))
		last = got;
	return last;
}

Test(pending, nothing)
{
	succeed();
	expect_taken(0, 0);
	cr_assert(zero(u32, last_written().len));
}

/* In the order of the kernel, and again by the next successor. */
Test(pending, what_threads_had_read)
{
	leave(5, 30, HEADER);
	leave(LEDGER_RECEIVERS - 1, 10, HEADER + 8);
	leave(0, 20, HEADER);
	for (int i = 0; i < 2; i++) {
		succeed();
		expect_taken(10, HEADER + 8);
		expect_taken(20, HEADER);
		expect_taken(30, HEADER);
		expect_taken(0, 0);
	}
	cr_assert(eq(u32, ledger->header->kept_high, 3));
}

/* The question is a reply to an interrupt, which has no effect. */
Test(pending, the_kernel_is_asked)
{
	struct fuse_out_header got;

	leave(1, 40, HEADER);
	succeed();
	got = last_written();
	cr_assert(eq(u32, got.len, sizeof(got)));
	cr_assert(eq(u64, got.unique, 41));
	cr_assert(zero(int, got.error));
}

Test(pending, what_was_replied_to_is_not_executed)
{
	leave(1, 40, HEADER);
	device = closed;
	succeed();
	expect_taken(0, 0);
}

/* Between the two, as where the connection was aborted. */
Test(pending, replied_to_in_the_end)
{
	leave(1, 40, HEADER);
	succeed();
	pending.device = closed;
	expect_taken(0, 0);
}

/* Its number is that of the request it is about, which is another thread's. */
Test(pending, an_interrupt_is_none)
{
	leave(1, 41, HEADER);
	succeed();
	expect_taken(0, 0);
}

static void keep(uint64_t unique, uint32_t len)
{
	static uint8_t request[LEDGER_RECEIVE_SIZE];

	fill((void *)request, unique, len);
	request[len - 1] = 0x77;
	pending_keep(&pending, request);
}

/* A thread that was killed before it read the next one has it, too. */
Test(pending, kept)
{
	static uint8_t buffer[LEDGER_RECEIVE_SIZE];
	uint32_t largest = sizeof(((struct ledger_kept *)0)->request);

	keep(20, largest);
	leave(0, 20, largest);
	keep(10, HEADER);
	succeed();
	expect_taken(10, HEADER);
	cr_assert(eq(sz, pending_take(&pending, buffer), largest));
	cr_assert(eq(int, buffer[largest - 1], 0x77));
	expect_taken(0, 0);
}

Test(pending, not_kept_after_its_reply)
{
	pending.device = closed;
	keep(20, HEADER);
	cr_assert(zero(u32, ledger->header->kept_high));
}

static void expect_refused(uint64_t unique)
{
	struct fuse_out_header got;

	succeed();
	got = last_written();
	cr_assert(eq(u64, got.unique, unique));
	cr_assert(eq(int, got.error, -EIO));
	expect_taken(0, 0);
}

Test(pending, too_large_a_request_is_refused)
{
	uint32_t len = sizeof(((struct ledger_kept *)0)->request) + 1;

	keep(20, len);
	expect_refused(20);
	*ledger_kept(ledger, 0) = (struct ledger_kept){0};
	leave(7, 22, len);
	expect_refused(22);
}

Test(pending, no_room)
{
	pending.device = open("/dev/null", O_WRONLY);
	for (unsigned i = 1; i <= LEDGER_KEPT + 1; i++) {
		keep(2 * i, HEADER);
		cr_assert(eq(u32, ledger->header->kept_high, MIN(i, LEDGER_KEPT)));
	}
	close(pending.device);
}

Test(pending, damaged)
{
	struct fuse_in_header *header = (void *)ledger_kept(ledger, 0)->request;

	ledger->header->kept_high = UINT32_MAX;
	succeed();
	expect_taken(0, 0);
	leave(0, 20, 0);
	expect_refused(20);
	*ledger_kept(ledger, 0) = (struct ledger_kept){0};
	leave(1, 22, UINT32_MAX);
	expect_refused(22);
	ledger_kept(ledger, 0)->unique = 20;
	fill(header, 24, HEADER);
	succeed();
	expect_taken(0, 0);
}

/* ---- lengths ----------------------------------------------------------------------- */

struct request {
	struct fuse_in_header header;
	union {
		struct fuse_write_in write;
		struct fuse_ioctl_in ioctl;
		struct fuse_batch_forget_in forget;
		struct {
			uint32_t size, flags;
			char name[40];
		} setxattr;
		uint8_t bytes[100];
	};
};

/* Of a request whose arguments end after @n bytes. */
static bool is_sound(struct request *request, uint32_t opcode, size_t n)
{
	static uint8_t buffer[LEDGER_RECEIVE_SIZE + 1];
	struct fuse_out_header got;
	bool sound;

	request->header = (struct fuse_in_header){
		.unique = 50, .opcode = opcode, .len = (uint32_t)(HEADER + n)};
	sound = pending_copy(&pending, request, HEADER + n, buffer);
	got = last_written();
	cr_assert(eq(int, got.error, sound ? 0 : -EIO));
	cr_assert(eq(u64, got.unique, sound ? 0 : 50));
	return sound;
}

static void expect_exact(struct request *request, uint32_t opcode, size_t n)
{
	cr_assert(is_sound(request, opcode, n));
	cr_assert(not(is_sound(request, opcode, n - 1)));
}

Test(pending, lengths_are_checked)
{
	struct request request = {.write.size = 10};

	expect_exact(&request, FUSE_WRITE, sizeof(request.write) + 10);
	request.write.size = UINT32_MAX;
	cr_assert(not(is_sound(&request, FUSE_WRITE, sizeof(request.bytes))));
	request = (struct request){.ioctl.in_size = 10};
	expect_exact(&request, FUSE_IOCTL, sizeof(request.ioctl) + 10);
	request = (struct request){.forget.count = 2};
	expect_exact(&request, FUSE_BATCH_FORGET,
		     sizeof(request.forget) + 2 * sizeof(struct fuse_forget_one));
	request = (struct request){.setxattr = {10, 0, "user.x"}};
	expect_exact(&request, FUSE_SETXATTR, 8 + sizeof("user.x") + 10);
	memset(request.setxattr.name, 'x', sizeof(request.setxattr.name));
	cr_assert(not(is_sound(&request, FUSE_SETXATTR, 20)));
	/* Shorter than its fixed part; one that has none. */
	request = (struct request){.header.len = 0};
	expect_exact(&request, FUSE_WRITE, sizeof(request.write));
	cr_assert(is_sound(&request, FUSE_STATFS, 0));
	request.header.len++;
	cr_assert(not(pending_copy(&pending, &request, HEADER, (uint8_t[200]){0})));
}
