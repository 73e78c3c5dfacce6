/* SPDX-License-Identifier: MIT */
/* test-dmabuf-io.c - reads and writes of a dma-buf, simulated by a memfd */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <sys/resource.h>

#include "buffers/dmabuf_io.h"
#include "buffers/fd_vault.h"
#include "fake-dmabuf.h"
#include "fixture.h"

#define SIZE 10000

static struct limits limits;
static struct dmabuf_io io;
static struct buffer buffer;
static char pattern[SIZE];

/* One access and its result. */
struct access {
	_Atomic bool done;
	ssize_t result;
	char bytes[SIZE];
};

static struct access access_done;
static uint64_t synced[8]; /* the flags of each DMA_BUF_IOCTL_SYNC */
static _Atomic unsigned n_synced;

static int record_sync(int fd, uint64_t flags)
{
	synced[n_synced++ % ARRAY_SIZE(synced)] = flags;
	return 0;
}

static bool is_idle(void *data)
{
	return limits_used(&limits, RES_IO) == 0;
}

static void init(void)
{
	struct limits_config config;

	limits_config_default(&config);
	limits_init(&limits, &config);
	cr_assert(zero(int, buffer_setup()));
	dmabuf_io_init(&io, &limits);
	for (size_t i = 0; i < SIZE; i++)
		pattern[i] = (char)(i * 7 + i / 256);
	new_buffer(&buffer, SIZE);
	cr_assert(eq(long, pwrite(buffer.fd, pattern, SIZE, 0), SIZE));
	buffer.kind = DMABUFFS_KIND_DMABUF;
	fake_dmabuf_sync = record_sync;
}

static void finish(void)
{
	cr_assert(dmabuf_io_stop(&io));
	cr_assert(is_idle(NULL), "charges of accesses are left");
	limits_finish(&limits);
	buffer_finish(&buffer);
}

TestSuite(dmabuf_io, .init = init, .fini = finish);

static void done(void *context, ssize_t result, const void *bytes)
{
	struct access *access = context;

	access->result = result;
	if (result > 0 && bytes)
		memcpy(access->bytes, bytes, (size_t)result);
	access->done = true;
}

static bool is_done(void *data)
{
	return ((struct access *)data)->done;
}

static ssize_t perform(off_t offset, size_t size, const void *data)
{
	const struct dmabuf_io_access access = {
		.op = data ? DMABUF_IO_WRITE : DMABUF_IO_READ,
		.offset = offset,
		.size = size,
		.data = data,
	};

	access_done.done = false;
	cr_assert(zero(
		int, dmabuf_io_submit(&io, UID_A, &buffer, &access, done, &access_done)));
	cr_assert(wait_until(is_done, &access_done));
	return access_done.result;
}

Test(dmabuf_io, reads)
{
	static const struct {
		off_t offset;
		size_t size;
	} parts[] = {{0, SIZE}, {0, 1}, {5000, 100}, {4095, 2}, {SIZE - 1, 1}};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		n_synced = 0;
		cr_assert(eq(long, perform(parts[i].offset, parts[i].size, NULL),
			     (long)parts[i].size));
		cr_assert(zero(int, memcmp(access_done.bytes, pattern + parts[i].offset,
					   parts[i].size)));
		cr_assert(eq(uint, n_synced, 2));
		cr_assert(eq(u64, synced[0], DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
		cr_assert(eq(u64, synced[1], DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	}
}

Test(dmabuf_io, writes)
{
	char back[SIZE];

	memcpy(pattern + 4000, "hello", 5);
	cr_assert(eq(long, perform(4000, 5, "hello"), 5));
	cr_assert(eq(long, pread(buffer.fd, back, SIZE, 0), SIZE));
	cr_assert(zero(int, memcmp(back, pattern, SIZE)));
	cr_assert(eq(u64, synced[0], DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
	cr_assert(eq(u64, synced[1], DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE));
}

Test(dmabuf_io, ends_with_the_buffer)
{
	cr_assert(eq(long, perform(SIZE - 10, 100, NULL), 10));
	cr_assert(zero(int, memcmp(access_done.bytes, pattern + SIZE - 10, 10)));
	cr_assert(zero(long, perform(SIZE, 1, NULL)));
	cr_assert(zero(long, perform((off_t)1 << 40, 1, NULL)));
	cr_assert(eq(long, perform(SIZE - 2, 5, "hello"), 2));
	cr_assert(eq(long, perform(SIZE, 5, "hello"), -ENOSPC));
}

Test(dmabuf_io, what_is_no_dmabuf)
{
	fake_dmabuf_sync = NULL;
	cr_assert(eq(long, perform(0, 10, NULL), -ENOTTY));
}

Test(dmabuf_io, devices_that_do_not_finish)
{
	fake_dmabuf_busy = true;
	cr_assert(eq(long, perform(0, 10, NULL), -ETIMEDOUT));
	cr_assert(eq(long, perform(0, 5, "hello"), -ETIMEDOUT));
	cr_assert(zero(uint, n_synced));
	fake_dmabuf_busy = false;
	cr_assert(eq(long, perform(0, 10, NULL), 10));
}

/* The driver revokes the memory; an access would raise SIGBUS. */
static int take_away(int fd, uint64_t flags)
{
	record_sync(fd, flags);
	return flags & DMA_BUF_SYNC_END ? 0 : ftruncate(fd, 0);
}

Test(dmabuf_io, memory_that_goes)
{
	fake_dmabuf_sync = take_away;
	cr_assert(eq(long, perform(0, SIZE, NULL), -EFAULT));
	cr_assert(eq(uint, n_synced, 2), "no DMA_BUF_SYNC_END");
	cr_assert(zero(int, ftruncate(buffer.fd, SIZE)));
	cr_assert(eq(long, perform(0, 5, "hello"), -EFAULT));
}

static int interrupted(int fd, uint64_t flags)
{
	static const int errors[] = {EINTR, EAGAIN, 0, 0};

	errno = errors[n_synced++ % ARRAY_SIZE(errors)];
	return errno ? -1 : 0;
}

Test(dmabuf_io, sync_is_tried_again)
{
	fake_dmabuf_sync = interrupted;
	cr_assert(eq(long, perform(0, 10, NULL), 10));
	cr_assert(eq(uint, n_synced, 4));
}

/* A memfd has file operations of its own, and its users can make a write wait. */
Test(dmabuf_io, memfds)
{
	char back[SIZE];

	buffer.kind = DMABUFFS_KIND_MEMFD;
	cr_assert(eq(long, perform(5000, 100, NULL), 100));
	cr_assert(zero(int, memcmp(access_done.bytes, pattern + 5000, 100)));
	memcpy(pattern + SIZE - 2, "he", 2);
	cr_assert(eq(long, perform(SIZE - 2, 2, "he"), 2));
	cr_assert(eq(long, pread(buffer.fd, back, SIZE, 0), SIZE));
	cr_assert(zero(int, memcmp(back, pattern, SIZE)));
	cr_assert(eq(long, perform(SIZE - 10, 100, NULL), 10));
	cr_assert(zero(long, perform(SIZE, 1, NULL)));
	cr_assert(zero(uint, n_synced));
}

/* A buffer in a vault, for lack of room in the service's descriptor table. */
Test(dmabuf_io, a_buffer_elsewhere)
{
	struct rlimit limit = {200, 200};
	struct kept_fd others[200];
	unsigned before;

	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &limit)));
	fd_vault_start(500, 0);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		others[i] = keep_fd(new_memfd(1));
	buffer_keep(&buffer, NULL);
	cr_assert(gt(uint, buffer.table, 0));
	before = count_fds();
	for (int i = 0; i < 10; i++)
		cr_assert(eq(long, perform(0, 10, NULL), 10));
	cr_assert(wait_until(is_idle, NULL));
	cr_assert(eq(uint, count_fds(), before), "a borrowed descriptor leaks");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		fd_vault_drop(others[i]);
	buffer_finish(&buffer);
	fd_vault_stop();
}

/* ---- concurrent accesses ----------------------------------------------------------- */

static _Atomic bool blocked;
static _Atomic unsigned n_inside;
static struct access many[64];

static bool is_released(void *data)
{
	return !blocked;
}

static int block(int fd, uint64_t flags)
{
	n_inside++;
	return wait_until(is_released, NULL) ? 0 : -1;
}

static bool two_are_inside(void *data)
{
	return n_inside >= 2;
}

static bool are_done(void *data)
{
	for (size_t i = 0; i < *(size_t *)data; i++)
		if (!many[i].done)
			return false;
	return true;
}

static int submit(uid_t uid, struct access *access)
{
	const struct dmabuf_io_access read = {.op = DMABUF_IO_READ, .size = 10};

	return dmabuf_io_submit(&io, uid, &buffer, &read, done, access);
}

/* A user whose devices never finish must not delay others. */
Test(dmabuf_io, an_exporter_occupies_some_threads_only)
{
	size_t n = 10;

	blocked = true;
	fake_dmabuf_sync = block;
	for (size_t i = 0; i < n; i++)
		cr_assert(zero(int, submit(UID_A, &many[i])));
	cr_assert(wait_until(two_are_inside, NULL));
	fake_dmabuf_sync = record_sync;
	cr_assert(zero(int, submit(UID_B, &access_done)));
	cr_assert(wait_until(is_done, &access_done), "B waits for A");
	cr_assert(le(uint, n_inside, 2));
	cr_assert(not(many[9].done));
	blocked = false;
	cr_assert(wait_until(are_done, &n));
}

Test(dmabuf_io, an_exporters_queue_is_limited)
{
	size_t n = 0;

	limits.config.per_uid[RES_IO] = 5;
	blocked = true;
	fake_dmabuf_sync = block;
	while (submit(UID_A, &many[n]) == 0)
		n++;
	cr_assert(eq(sz, n, 5));
	cr_assert(eq(int, submit(UID_A, &many[n]), -EAGAIN));
	cr_assert(zero(int, submit(UID_B, &access_done)));
	blocked = false;
	cr_assert(wait_until(are_done, &n));
	cr_assert(wait_until(is_done, &access_done));
	cr_assert(wait_until(is_idle, NULL));
	cr_assert(zero(int, submit(UID_A, &many[n])));
}

/* Queued requests get their replies before the threads exit. */
Test(dmabuf_io, stop_answers_what_is_queued)
{
	size_t n = ARRAY_SIZE(many);

	for (size_t i = 0; i < n; i++)
		cr_assert(zero(int, submit(i % 2 ? UID_A : UID_B, &many[i])));
	cr_assert(dmabuf_io_stop(&io));
	cr_assert(are_done(&n));
	dmabuf_io_init(&io, &limits);
}
