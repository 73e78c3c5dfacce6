/* SPDX-License-Identifier: MIT */
/* test-notifier.c - invalidations of removed names, with a recorder for the kernel */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <sys/timerfd.h>

#include "names/notifier.h"
#include "fixture.h"

#define MANY 50

int __wrap_fuse_lowlevel_notify_inval_inode(struct fuse_session *session, fuse_ino_t ino,
					    off_t offset, off_t length);
int __wrap_fuse_session_fd(struct fuse_session *of);

static struct notifier notifier;
static struct fuse_session *const session = (void *)&notifier;

static uint64_t inodes[MANY + 1];
static unsigned n_inodes;

/* The session's descriptor: records what the notifier writes, the other end reads it. */
static int records[2];

/* FUSE_NOTIFY_PRUNE of one inode. */
struct record {
	uint32_t length;
	int32_t code;
	uint64_t unique;
	uint32_t count, padding;
	uint64_t spare, ino;
};

int __wrap_fuse_lowlevel_notify_inval_inode(struct fuse_session *to, fuse_ino_t ino,
					    off_t offset, off_t length)
{
	cr_assert(eq(ptr, to, session));
	cr_assert(eq(long, offset, -1));
	/* The kernel may send a request that needs the lock. */
	cr_assert(zero(int, pthread_mutex_trylock(&fixture_table.lock)));
	pthread_mutex_unlock(&fixture_table.lock);
	inodes[n_inodes++] = ino;
	return -ENOENT;
}

/* Tests of other modules have no session. */
int __wrap_fuse_session_fd(struct fuse_session *of)
{
	if (!of)
		return -1;
	cr_assert(eq(ptr, of, session));
	return records[1];
}

/* Asserts that the next record prunes this inode. */
static void expect_prune(uint64_t ino)
{
	struct record record;

	cr_assert(eq(long, read(records[0], &record, sizeof(record)), sizeof(record)));
	cr_assert(eq(uint, record.length, sizeof(record)));
	cr_assert(eq(int, record.code, 9));
	cr_assert(eq(u64, record.unique, 0));
	cr_assert(eq(uint, record.count, 1));
	cr_assert(eq(uint, record.padding, 0));
	cr_assert(eq(u64, record.spare, 0));
	cr_assert(eq(u64, record.ino, ino));
}

static void expect_no_prune(void)
{
	char byte;

	cr_assert(eq(long, read(records[0], &byte, 1), -1));
	cr_assert(eq(int, errno, EAGAIN));
}

static void init(void)
{
	fixture_init();
	cr_assert(zero(int, pipe2(records, O_CLOEXEC | O_NONBLOCK)));
	cr_assert(zero(int, notifier_start(&notifier, session, &fixture_table)));
}

TestSuite(notifier, .init = init, .fini = fixture_finish);

Test(notifier, nothing_to_tell)
{
	cr_assert(notifier_stop(&notifier));
	cr_assert(zero(uint, n_inodes));
}

/* In order, and before notifier_stop() returns. */
Test(notifier, tells_each_name)
{
	struct export *exports[MANY];

	for (size_t i = 0; i < MANY; i++) {
		exports[i] = fixture_add(UID_A, 0);
		cr_assert(table_unname(&fixture_table, exports[i],
				       DMABUFFS_ENDED_UNLINKED));
	}
	for (size_t i = 0; i < MANY; i++)
		notifier_queue(&notifier, exports[i]);
	cr_assert(notifier_stop(&notifier));
	cr_assert(eq(uint, n_inodes, MANY));
	for (size_t i = 0; i < MANY; i++) {
		cr_assert(eq(u64, inodes[i], exports[i]->id));
		expect_prune(exports[i]->id);
		cr_assert(eq(uint, exports[i]->refs, 1),
			  "the notifier keeps a reference");
		table_put(&fixture_table, exports[i]);
	}
}

/* The notifier may hold the last reference. */
Test(notifier, keeps_what_it_tells_of)
{
	struct export *export = fixture_add(UID_A, 0);
	uint64_t id = export->id;

	cr_assert(table_unname(&fixture_table, export, DMABUFFS_ENDED_UNLINKED));
	notifier_queue(&notifier, export);
	table_put(&fixture_table, export);
	cr_assert(notifier_stop(&notifier));
	cr_assert(eq(u64, inodes[0], id));
	cr_assert(zero(sz, fixture_table.by_id.n_nodes));
}

/* The mount ends: nothing is told, however many names have ended. */
Test(notifier, drops_what_is_queued)
{
	struct export *export = fixture_add(UID_A, 0);

	notifier_drop(&notifier);
	cr_assert(table_unname(&fixture_table, export, DMABUFFS_ENDED_UNLINKED));
	notifier_queue(&notifier, export);
	cr_assert(notifier_stop(&notifier));
	cr_assert(zero(uint, n_inodes));
	expect_no_prune();
	cr_assert(eq(uint, export->refs, 1));
	table_put(&fixture_table, export);
}

Test(notifier, does_nothing_when_stopped)
{
	struct export *export = fixture_add(UID_A, 0);

	cr_assert(notifier_stop(&notifier));
	cr_assert(table_unname(&fixture_table, export, DMABUFFS_ENDED_UNLINKED));
	notifier_queue(&notifier, export);
	cr_assert(zero(uint, n_inodes));
	cr_assert(eq(uint, export->refs, 1));
	table_put(&fixture_table, export);
}

/* A kernel that does not know the notification rejects it; it is not sent again. */
Test(notifier, old_kernel)
{
	int pipe_end = records[1];
	struct export *first = fixture_add(UID_A, 0), *second = fixture_add(UID_A, 0);

	/* It cannot be written: EINVAL. */
	records[1] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	cr_assert(table_unname(&fixture_table, first, DMABUFFS_ENDED_UNLINKED));
	notifier_queue(&notifier, first);
	cr_assert(notifier_stop(&notifier));
	cr_assert(not(notifier.prunes));
	close(records[1]);
	records[1] = pipe_end;

	cr_assert(zero(int, notifier_start(&notifier, session, &fixture_table)));
	notifier.prunes = false;
	cr_assert(table_unname(&fixture_table, second, DMABUFFS_ENDED_UNLINKED));
	notifier_queue(&notifier, second);
	cr_assert(notifier_stop(&notifier));
	cr_assert(eq(uint, n_inodes, 2));
	expect_no_prune();
	table_put(&fixture_table, first);
	table_put(&fixture_table, second);
}
