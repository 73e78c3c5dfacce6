/* SPDX-License-Identifier: MIT */
/* test-notifier.c - invalidations of removed names, with a recorder for the kernel */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fuse_lowlevel.h>

#include "names/notifier.h"
#include "fixture.h"

#define MANY 50

int __wrap_fuse_lowlevel_notify_inval_inode(struct fuse_session *session, fuse_ino_t ino,
					    off_t offset, off_t length);
int __wrap_fuse_lowlevel_notify_inval_entry(struct fuse_session *session,
					    fuse_ino_t parent, const char *name,
					    size_t length);

static struct notifier notifier;
static struct fuse_session *const session = (void *)&notifier;

static uint64_t inodes[MANY + 1];
static char names[MANY + 1][UUID_TEXT_LENGTH + 1];
static unsigned n_inodes, n_names;

int __wrap_fuse_lowlevel_notify_inval_inode(struct fuse_session *to, fuse_ino_t ino,
					    off_t offset, off_t length)
{
	cr_assert(all(eq(ptr, to, session), eq(long, offset, -1)));
	/* The kernel may send a request that needs the lock. */
	cr_assert(zero(int, pthread_mutex_trylock(&fixture_table.lock)));
	pthread_mutex_unlock(&fixture_table.lock);
	inodes[n_inodes++] = ino;
	return -ENOENT;
}

int __wrap_fuse_lowlevel_notify_inval_entry(struct fuse_session *to, fuse_ino_t parent,
					    const char *name, size_t length)
{
	cr_assert(all(eq(ptr, to, session), eq(u64, parent, INO_ROOT),
		      eq(sz, length, UUID_TEXT_LENGTH)));
	memcpy(names[n_names++], name, length);
	return -ENOENT;
}

static void init(void)
{
	fixture_init();
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
	char name[UUID_TEXT_LENGTH + 1];

	for (size_t i = 0; i < MANY; i++) {
		exports[i] = fixture_add(UID_A, 0);
		cr_assert(table_unname(&fixture_table, exports[i]));
	}
	for (size_t i = 0; i < MANY; i++)
		notifier_queue(&notifier, exports[i]);
	cr_assert(notifier_stop(&notifier));
	cr_assert(all(eq(uint, n_inodes, MANY), eq(uint, n_names, MANY)));
	for (size_t i = 0; i < MANY; i++) {
		export_name(exports[i], name);
		cr_assert(
			all(eq(u64, inodes[i], exports[i]->id), eq(str, names[i], name)));
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

	cr_assert(table_unname(&fixture_table, export));
	notifier_queue(&notifier, export);
	table_put(&fixture_table, export);
	cr_assert(notifier_stop(&notifier));
	cr_assert(eq(u64, inodes[0], id));
	cr_assert(zero(sz, fixture_table.by_id.n_nodes));
}

Test(notifier, does_nothing_when_stopped)
{
	struct export *export = fixture_add(UID_A, 0);

	cr_assert(notifier_stop(&notifier));
	cr_assert(table_unname(&fixture_table, export));
	notifier_queue(&notifier, export);
	cr_assert(zero(uint, n_inodes));
	cr_assert(eq(uint, export->refs, 1));
	table_put(&fixture_table, export);
}
