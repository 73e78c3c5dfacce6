/* SPDX-License-Identifier: MIT */
/* test-node.c - owner, mode, ACL and times */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fuse_lowlevel.h>

#include "names/acl.h"
#include "names/node.h"
#include "acl-build.h"
#include "util.h"

static const struct timespec old = {1000, 5};

static struct node node;
static struct acl_value acl;
static struct timespec before;

static void init(void)
{
	/* The clock of file systems may lag by a tick. */
	clock_gettime(CLOCK_REALTIME, &before);
	before.tv_sec--;
	node_init(&node, S_IFREG | 0644, 1000, 2000);
}

static void finish(void)
{
	node_finish(&node);
}

TestSuite(node, .init = init, .fini = finish);

static bool is_now(const struct timespec *time)
{
	return time->tv_sec >= before.tv_sec && time->tv_sec <= before.tv_sec + 60;
}

static bool is_old(const struct timespec *time)
{
	return time->tv_sec == old.tv_sec && time->tv_nsec == old.tv_nsec;
}

static void make_old(void)
{
	node.atime = node.mtime = node.ctime = old;
}

static void chmod_to(mode_t mode)
{
	const struct stat attr = {.st_mode = mode};

	node_set(&node, &attr, FUSE_SET_ATTR_MODE);
}

Test(node, stat_tells_all)
{
	struct stat st;

	memset(&st, 0xff, sizeof(st));
	node_stat(&node, &st);
	cr_assert(eq(uint, st.st_mode, S_IFREG | 0644));
	cr_assert(eq(uint, st.st_uid, 1000));
	cr_assert(eq(uint, st.st_gid, 2000));
	cr_assert(eq(ulong, st.st_nlink, 1));
	cr_assert(is_now(&st.st_atim));
	cr_assert(is_now(&st.st_mtim));
	cr_assert(is_now(&st.st_ctim));
	cr_assert(zero(long, st.st_size));
}

Test(node, a_directory_has_two_links)
{
	struct node dir;
	struct stat st;

	node_init(&dir, S_IFDIR | 01777, 0, 0);
	node_stat(&dir, &st);
	cr_assert(eq(uint, st.st_mode, S_IFDIR | 01777));
	cr_assert(eq(ulong, st.st_nlink, 2));
	node_finish(&dir);
}

Test(node, chmod_keeps_the_type)
{
	make_old();
	chmod_to(S_IFDIR | 04751);
	cr_assert(eq(uint, node.mode, S_IFREG | 04751));
	cr_assert(is_old(&node.atime));
	cr_assert(is_old(&node.mtime));
	cr_assert(is_now(&node.ctime));
	chmod_to(0);
	cr_assert(eq(uint, node.mode, S_IFREG));
}

Test(node, only_what_is_named_is_set)
{
	const struct stat attr = {.st_mode = 0777,
				  .st_uid = 7,
				  .st_gid = 8,
				  .st_atim = {1, 2},
				  .st_mtim = {3, 4}};

	make_old();
	node_set(&node, &attr, FUSE_SET_ATTR_UID);
	cr_assert(eq(uint, node.uid, 7));
	cr_assert(eq(uint, node.gid, 2000));
	cr_assert(eq(uint, node.mode, S_IFREG | 0644));
	node_set(&node, &attr, FUSE_SET_ATTR_GID);
	cr_assert(eq(uint, node.gid, 8));
	cr_assert(is_old(&node.atime));
	cr_assert(is_old(&node.mtime));
	cr_assert(is_now(&node.ctime));
	node_set(&node, &attr, FUSE_SET_ATTR_ATIME);
	cr_assert(eq(long, node.atime.tv_sec, 1));
	cr_assert(eq(long, node.atime.tv_nsec, 2));
	cr_assert(is_old(&node.mtime));
	node_set(&node, &attr, FUSE_SET_ATTR_MTIME);
	cr_assert(eq(long, node.mtime.tv_sec, 3));
	cr_assert(eq(long, node.mtime.tv_nsec, 4));
	cr_assert(eq(uint, node.mode, S_IFREG | 0644));
}

Test(node, times_now)
{
	const struct stat attr = {.st_atim = {1, 2}, .st_mtim = {3, 4}};

	make_old();
	node_set(&node, &attr, FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW);
	cr_assert(is_now(&node.atime));
	cr_assert(is_old(&node.mtime));
	node_set(&node, &attr, FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW);
	cr_assert(is_now(&node.mtime));
}

Test(node, an_acl_changes_the_mode)
{
	size_t size = acl_extended(&acl);

	node.mode |= S_ISVTX;
	make_old();
	cr_assert(zero(int, node_set_acl(&node, &acl, size)));
	cr_assert(eq(uint, node.mode, S_IFREG | S_ISVTX | 0660));
	cr_assert(eq(sz, node.acl_size, size));
	cr_assert(zero(int, memcmp(node.acl, &acl, size)));
	cr_assert(is_now(&node.ctime));
	cr_assert(is_old(&node.mtime));
}

Test(node, an_acl_that_a_mode_can_say_is_not_kept)
{
	cr_assert(zero(int, node_set_acl(&node, &acl, acl_extended(&acl))));
	cr_assert(zero(int, node_set_acl(&node, &acl, acl_minimal(&acl, 0751))));
	cr_assert(eq(ptr, node.acl, NULL));
	cr_assert(zero(sz, node.acl_size));
	cr_assert(eq(uint, node.mode, S_IFREG | 0751));
}

Test(node, chmod_keeps_the_acl_in_step)
{
	size_t size = acl_extended(&acl);

	cr_assert(zero(int, node_set_acl(&node, &acl, size)));
	chmod_to(0751);
	cr_assert(eq(uint, acl_to_mode(node.acl, node.acl_size), 0751));
	cr_assert(eq(uint, node.mode, S_IFREG | 0751));
	cr_assert(zero(int, acl_check(node.acl, node.acl_size)));
	/* Entries of named users stay unchanged; the mask bounds them. */
	cr_assert(
		eq(uint, le16toh(((struct acl_value *)node.acl)->entries[1].e_perm), 7));
}

Test(node, an_acl_can_be_removed)
{
	cr_assert(zero(int, node_set_acl(&node, &acl, acl_extended(&acl))));
	make_old();
	cr_assert(zero(int, node_set_acl(&node, NULL, 0)));
	cr_assert(eq(ptr, node.acl, NULL));
	cr_assert(eq(uint, node.mode, S_IFREG | 0660));
	cr_assert(is_now(&node.ctime));
}

Test(node, a_wrong_acl_changes_nothing)
{
	size_t size = acl_extended(&acl);

	cr_assert(zero(int, node_set_acl(&node, &acl, size)));
	make_old();
	acl_minimal(&acl, 0777);
	cr_assert(eq(int, node_set_acl(&node, &acl, 20), -EINVAL));
	cr_assert(eq(int, node_set_acl(&node, &acl, 1), -EINVAL));
	cr_assert(eq(sz, node.acl_size, size));
	cr_assert(eq(uint, node.mode, S_IFREG | 0660));
	cr_assert(is_old(&node.ctime));
}

Test(node, finish_twice)
{
	cr_assert(zero(int, node_set_acl(&node, &acl, acl_extended(&acl))));
	node_finish(&node);
	node_finish(&node);
	cr_assert(eq(ptr, node.acl, NULL));
}
