/* SPDX-License-Identifier: MIT */
/* test-cached.c - names that ended while the kernel has them cached */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "../support/server.h"
#include "child.h"
#include "harness.h"
#include "raw.h"
#include "config.h"

#define READER 1002 /* may open the names as a member of their group */
#define MANY   16000
/* A sanitizer keeps what was freed for a while. */
#ifdef SANITIZED
#define MAX_GROWTH (512 << 20)
#else
#define MAX_GROWTH (3 << 20)
#endif

/* Caches the name, its attributes, its ACL and its inode in the kernel. */
static int cache_name(void *data)
{
	const struct shared *shared = data;
	struct stat st;

	ASSERT_OK(SYS(stat(shared->path, &st)));
	close(ASSERT_OK(SYS(open(shared->path, O_RDONLY | O_CLOEXEC))));
	return 0;
}

/* Each call that takes a path asks the service, which must not find the name. */
static int expect_ended(void *data)
{
	const struct shared *shared = data;
	char value[64];
	struct stat st;

	ASSERT_ERR(SYS(open(shared->path, O_RDONLY | O_CLOEXEC)), ENOENT);
	ASSERT_ERR(SYS(stat(shared->path, &st)), ENOENT);
	ASSERT_ERR(SYS(access(shared->path, R_OK)), ENOENT);
	ASSERT_ERR(SYS(getxattr(shared->path, "user.dmabuffs.kind", value, 64)), ENOENT);
	ASSERT_ERR(SYS(unlink(shared->path)), ENOENT);
	return 0;
}

static void share_with_readers(struct shared *ret_shared, const struct instance *instance)
{
	share(ret_shared, instance, PAGE, DMABUFFS_EXPORT_MODE, 0640);
	ASSERT_OK(SYS(chown(ret_shared->path, 1001, READER)));
	ASSERT_OK(child_call(USER(READER), cache_name, ret_shared));
}

static void end_by_withdrawal(struct shared *shared)
{
	ASSERT_OK(raw_withdraw(shared->root, shared->uuid));
}

static void end_by_revocation(struct shared *shared)
{
	ASSERT_OK(raw_revoke(shared->root, shared->uuid));
}

static void end_by_unlink(struct shared *shared)
{
	ASSERT_OK(raw_unlink(shared->instance, shared->uuid));
}

static void (*const ends[])(struct shared *shared) = {
	end_by_withdrawal,
	end_by_revocation,
	end_by_unlink,
};

/* open(2) fails as soon as the name ended, the other calls once it was invalidated. */
static void each_end(struct instance *instance)
{
	struct shared shared;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		share_with_readers(&shared, instance);
		ends[i](&shared);
		ASSERT_ERR(raw_open(instance, shared.uuid, O_RDONLY), ENOENT);
		expect_no_name(instance, shared.uuid);
		ASSERT_OK(child_call(USER(READER), expect_ended, &shared));
		close(shared.root);
		close(shared.fd);
	}
}

/* The first call of each kind after the end: the name is still cached then. */
static void first_call(struct instance *instance)
{
	struct shared shared;
	char list[64];
	struct stat st;

	for (int call = 0; call < 7; call++) {
		int r = 0;

		share_with_readers(&shared, instance);
		end_by_withdrawal(&shared);
		switch (call) {
		case 0:
			r = (int)SYS(open(shared.path, O_RDWR | O_CLOEXEC));
			break;
		case 1:
			r = (int)SYS(chmod(shared.path, 0600));
			break;
		case 2:
			r = (int)SYS(chown(shared.path, 0, 0));
			break;
		case 3:
			r = (int)SYS(utimensat(AT_FDCWD, shared.path, NULL, 0));
			break;
		case 4:
			r = (int)SYS(listxattr(shared.path, list, sizeof(list)));
			break;
		case 5:
			r = (int)SYS(removexattr(shared.path, "system.posix_acl_access"));
			break;
		case 6:
			r = (int)SYS(unlink(shared.path));
			break;
		}
		ASSERT_ERR(r, ENOENT);
		ASSERT_ERR(SYS(stat(shared.path, &st)), ENOENT);
		close(shared.root);
		close(shared.fd);
	}
}

/* Once the service has invalidated the attributes of the opened name. */
static bool has_no_link(void *opened)
{
	struct stat st;

	ASSERT_OK(SYS(fstat(*(int *)opened, &st)));
	return st.st_nlink == 0;
}

/* An importer keeps what it has; nobody else reaches the name. */
static void open_elsewhere(struct instance *instance)
{
	struct shared shared;
	char value[64];
	int opened;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		share_with_readers(&shared, instance);
		opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
		ends[i](&shared);
		ASSERT_ERR(raw_open(instance, shared.uuid, O_RDONLY), ENOENT);
		expect_no_name(instance, shared.uuid);
		ASSERT_OK(child_call(USER(READER), expect_ended, &shared));
		ASSERT(wait_until(has_no_link, &opened));
		ASSERT_OK(SYS(fchmod(opened, 0600)));
		ASSERT_OK(SYS(fgetxattr(opened, "user.dmabuffs.kind", value, 64)));
		close(opened);
		close(shared.root);
		close(shared.fd);
	}
}

/* Without an open(2) the kernel asks again after a moment. */
static void stat_only(struct instance *instance)
{
	struct shared shared;
	int opened;

	share_with_readers(&shared, instance);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	end_by_withdrawal(&shared);
	expect_no_name(instance, shared.uuid);
	close(opened);
	close(shared.root);
	close(shared.fd);
}

/* ---- names that a client keeps cached ---------------------------------------------- */

static double heap_of(const struct instance *instance)
{
	double bytes;

	ASSERT_OK(server_heap(&(struct server){.pid = instance->pid}, &bytes));
	return bytes;
}

/* A descriptor that keeps the name and its inode in the kernel, and opens nothing. */
static int open_path(const struct shared *shared)
{
	return (int)ASSERT_OK(SYS(open(shared->path, O_PATH | O_CLOEXEC)));
}

/* It leads to nothing any more; there is no name to look up again. */
static void by_descriptor(struct instance *instance)
{
	char path[32];
	struct shared shared;
	struct stat st;
	int kept;

	share(&shared, instance, PAGE, 0, 0);
	kept = open_path(&shared);
	end_by_withdrawal(&shared);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", kept);
	ASSERT_ERR(SYS(open(path, O_RDONLY | O_CLOEXEC)), ESTALE);
	expect_no_name(instance, shared.uuid);
	ASSERT_ERR(SYS(fstat(kept, &st)), ESTALE);
	ASSERT_ERR(SYS(stat(path, &st)), ESTALE);
	close(kept);
	close(shared.root);
	close(shared.fd);
}

/* As a container gets it that sees one name only. */
static void by_bind_mount(struct instance *instance)
{
	char path[INSTANCE_PATH_SIZE];
	struct shared shared;
	struct stat st;

	share(&shared, instance, PAGE, 0, 0);
	snprintf(path, sizeof(path), "%s/name", test_work_dir);
	close(ASSERT_OK(SYS(creat(path, 0600))));
	ASSERT_OK(SYS(mount(shared.path, path, NULL, MS_BIND, NULL)));
	end_by_withdrawal(&shared);
	ASSERT_ERR(SYS(open(path, O_RDONLY | O_CLOEXEC)), ESTALE);
	expect_no_name(instance, shared.uuid);
	ASSERT_ERR(SYS(stat(path, &st)), ESTALE);
	ASSERT_OK(SYS(umount2(path, 0)));
	ASSERT_OK(SYS(unlink(path)));
	close(shared.root);
	close(shared.fd);
}

/* Names end; *@kept is what keeps each of them cached then, or NULL. */
static void end_many(const struct shared *shared, int *kept)
{
	struct shared other = *shared;

	for (int i = 0; i < MANY; i++) {
		int path;

		ASSERT_OK(raw_export_fd(shared->root, shared->fd, DMABUFFS_EXPORT_ANOTHER,
					0, other.uuid));
		raw_path(shared->instance, other.uuid, other.path);
		path = open_path(&other);
		ASSERT_OK(raw_withdraw(shared->root, other.uuid));
		if (kept)
			kept[i] = path;
		else
			close(path);
	}
}

/* What a client keeps cached costs the service nothing. */
static void no_memory(struct instance *instance)
{
	struct rlimit limit = {MANY + 100, MANY + 100};
	static int kept[MANY];
	struct shared shared;
	double before, grown;

	ASSERT_OK(SYS(setrlimit(RLIMIT_NOFILE, &limit)));
	share(&shared, instance, PAGE, 0, 0);
	end_many(&shared, NULL);
	before = heap_of(instance);
	end_many(&shared, kept);
	grown = heap_of(instance) - before;
	test_note("%d names cached: the service grew by %.0f KiB", MANY, grown / 1024);
	ASSERT(grown < MAX_GROWTH);
	for (int i = 0; i < MANY; i++)
		close(kept[i]);
	unshare_buffer(&shared);
}

const struct test_case test_cases[] = {
	{"each_end", each_end},
	{"first_call", first_call},
	{"open_elsewhere", open_elsewhere},
	{"stat_only", stat_only},
	{"by_descriptor", by_descriptor},
	{"by_bind_mount", by_bind_mount},
	{"no_memory", no_memory},
	{0},
};
