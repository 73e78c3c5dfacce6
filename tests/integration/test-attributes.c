/* SPDX-License-Identifier: MIT */
/* test-attributes.c - stat(2) and DMABUFFS_IOC_INFO of a name */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>

#include "child.h"
#include "harness.h"
#include "namespaces.h"
#include "raw.h"

static bool recent(struct timespec then)
{
	time_t now = time(NULL);

	return then.tv_sec >= now - 60 && then.tv_sec <= now + 1;
}

static void stat_fields(struct instance *instance)
{
	struct shared shared, second;
	struct stat st, other, root;

	share(&shared, instance, 3 * PAGE + 7, DMABUFFS_EXPORT_MODE, 0640);
	share(&second, instance, PAGE, 0, 0);
	ASSERT_OK(SYS(stat(shared.path, &st)));
	ASSERT_OK(SYS(stat(second.path, &other)));
	ASSERT_OK(SYS(stat(instance->dir, &root)));
	ASSERT_EQ(st.st_mode, S_IFREG | 0640);
	ASSERT_EQ(st.st_size, 3 * PAGE + 7);
	ASSERT_EQ(st.st_nlink, 1);
	ASSERT_EQ(st.st_uid, 0);
	ASSERT_EQ(st.st_dev, root.st_dev);
	ASSERT(st.st_ino != other.st_ino && st.st_ino != root.st_ino);
	ASSERT(recent(st.st_mtim) && recent(st.st_ctim) && recent(st.st_atim));
	unshare_buffer(&second);
	unshare_buffer(&shared);
}

static int touch(void *data)
{
	const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
	const struct shared *shared = data;

	return (int)SYS(utimensat(AT_FDCWD, shared->path, times, 0));
}

static void times(struct instance *instance)
{
	struct shared shared;
	struct stat st;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_MODE, 0644);
	ASSERT_ERR(child_call(USER(1001), touch, &shared), EPERM);
	ASSERT_OK(touch(&shared));
	ASSERT_OK(SYS(stat(shared.path, &st)));
	ASSERT_EQ(st.st_atim.tv_sec, 1000);
	ASSERT_EQ(st.st_mtim.tv_sec, 2000);
	ASSERT(recent(st.st_ctim));
	unshare_buffer(&shared);
}

/* Of now: the kernel may have cached attributes for a second. */
static void stat_now(const char *path, struct statx *ret_stx)
{
	ASSERT_OK(SYS(
		statx(AT_FDCWD, path, AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, ret_stx)));
}

static bool is_time_of(struct statx_timestamp a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == (uint32_t)b.tv_nsec;
}

/* Returns true if @a is later. */
static bool is_later(struct statx_timestamp a, struct statx_timestamp b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

/* The kernel's clock of files ticks: what changes at once can be older than the name. */
static void change_times_later(int memfd, const struct timespec times[2],
			       struct statx_timestamp than)
{
	struct statx now;

	do {
		ASSERT_OK(SYS(futimens(memfd, times)));
		ASSERT_OK(SYS(statx(memfd, "", AT_EMPTY_PATH, STATX_CTIME, &now)));
	} while (!is_later(now.stx_ctime, than));
}

static void times_are_the_memfds(struct instance *instance)
{
	const struct timespec early[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
	struct shared shared;
	struct stat memfd;
	struct statx name;

	share(&shared, instance, PAGE, 0, 0);
	stat_now(shared.path, &name);
	change_times_later(shared.fd, early, name.stx_ctime);
	ASSERT_OK(SYS(fstat(shared.fd, &memfd)));
	stat_now(shared.path, &name);
	ASSERT_EQ(name.stx_atime.tv_sec, 1000);
	ASSERT_EQ(name.stx_mtime.tv_sec, 2000);
	ASSERT(is_time_of(name.stx_ctime, memfd.st_ctim));
	ASSERT_EQ(pwrite(shared.fd, "x", 1, 0), 1);
	ASSERT_OK(SYS(fstat(shared.fd, &memfd)));
	stat_now(shared.path, &name);
	ASSERT(is_time_of(name.stx_mtime, memfd.st_mtim));
	unshare_buffer(&shared);
}

/* Times set on the name hold until the memfd is written, and do not change the memfd's.
 */
static void times_set_on_the_name(struct instance *instance)
{
	struct shared shared;
	struct stat before, after;
	struct statx name;

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_OK(SYS(fstat(shared.fd, &before)));
	ASSERT_OK(touch(&shared));
	ASSERT_OK(SYS(fstat(shared.fd, &after)));
	ASSERT_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
	stat_now(shared.path, &name);
	ASSERT_EQ(name.stx_mtime.tv_sec, 2000);
	ASSERT_OK(SYS(ftruncate(shared.fd, 2 * PAGE)));
	stat_now(shared.path, &name);
	ASSERT(name.stx_mtime.tv_sec > 2000);
	unshare_buffer(&shared);
}

/* A later mtime and ctime of the root than at the call before. */
static void expect_root_changed(const struct instance *instance, struct statx *last)
{
	struct statx now;

	stat_now(instance->dir, &now);
	ASSERT(is_later(now.stx_mtime, last->stx_mtime));
	ASSERT(is_later(now.stx_ctime, last->stx_ctime));
	*last = now;
}

static void times_of_the_root(struct instance *instance)
{
	struct statx last, unchanged;
	struct shared shared;

	stat_now(instance->dir, &last);
	share(&shared, instance, PAGE, 0, 0);
	expect_root_changed(instance, &last);
	close(ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY)));
	stat_now(instance->dir, &unchanged);
	ASSERT(!is_later(unchanged.stx_mtime, last.stx_mtime));
	unshare_buffer(&shared);
	expect_root_changed(instance, &last);
	share(&shared, instance, PAGE, 0, 0);
	ASSERT_OK(raw_withdraw(shared.root, shared.uuid));
	expect_root_changed(instance, &last);
	close(shared.root);
	close(shared.fd);
	share(&shared, instance, PAGE, 0, 0);
	ASSERT_OK(raw_revoke(shared.root, shared.uuid));
	expect_root_changed(instance, &last);
	close(shared.root);
	close(shared.fd);
	share(&shared, instance, PAGE, 0, 0);
	expect_root_changed(instance, &last);
	close(shared.root);
	expect_no_name(instance, shared.uuid);
	expect_root_changed(instance, &last);
	close(shared.fd);
}

/* stat(2) without AT_STATX_FORCE_SYNC: the kernel does not cache the root's times long.
 */
static bool mtime_has_moved(void *data)
{
	struct stat *before = ((void **)data)[1], now;

	ASSERT_OK(SYS(stat(((void **)data)[0], &now)));
	return now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != before->st_mtim.tv_nsec;
}

static void root_is_not_cached_long(struct instance *instance)
{
	struct stat before;
	void *data[] = {instance->dir, &before};
	struct shared shared;

	ASSERT_OK(SYS(stat(instance->dir, &before)));
	share(&shared, instance, PAGE, 0, 0);
	ASSERT(wait_until(mtime_has_moved, data));
	unshare_buffer(&shared);
}

#define HOLE_END (8 * PAGE)

/* A page of data, a hole of seven, a page of data, a hole of seven. */
static int sparse_memfd(void)
{
	int fd = (int)ASSERT_OK(SYS(memfd_create("sparse", MFD_ALLOW_SEALING)));

	ASSERT_OK(SYS(ftruncate(fd, 2 * HOLE_END)));
	ASSERT_EQ(pwrite(fd, "x", 1, 0), 1);
	ASSERT_EQ(pwrite(fd, "x", 1, HOLE_END), 1);
	return fd;
}

static void holes(struct instance *instance)
{
	int fd = sparse_memfd(), opened;
	struct shared shared;
	struct statx name;

	ASSERT_OK(SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK)));
	share_fd(&shared, instance, fd, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	ASSERT_EQ(lseek(opened, 0, SEEK_DATA), 0);
	ASSERT_EQ(lseek(opened, 0, SEEK_HOLE), PAGE);
	ASSERT_EQ(lseek(opened, PAGE, SEEK_DATA), HOLE_END);
	ASSERT_EQ(lseek(opened, HOLE_END, SEEK_HOLE), HOLE_END + PAGE);
	ASSERT_ERR(SYS(lseek(opened, HOLE_END + PAGE, SEEK_DATA)), ENXIO);
	ASSERT_ERR(SYS(lseek(opened, 2 * HOLE_END, SEEK_HOLE)), ENXIO);
	ASSERT_EQ(lseek(opened, -1, SEEK_END), 2 * HOLE_END - 1);
	stat_now(shared.path, &name);
	ASSERT_EQ(name.stx_size, 2 * HOLE_END);
	ASSERT_EQ(name.stx_blocks, 2 * PAGE / 512);
	ASSERT_EQ(pwrite(fd, "x", 1, PAGE), 1);
	stat_now(shared.path, &name);
	ASSERT_EQ(name.stx_blocks, 3 * PAGE / 512);
	close(opened);
	unshare_buffer(&shared);
}

/* What works on an open file works when its name is gone. */
static void open_and_unlinked(struct instance *instance)
{
	struct shared shared;
	char value[16] = "";
	struct stat st;
	int opened;

	share(&shared, instance, PAGE, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_OK(raw_unlink(instance, shared.uuid));
	expect_no_name(instance, shared.uuid);
	ASSERT_OK(SYS(fchmod(opened, 0640)));
	ASSERT_OK(SYS(fchown(opened, 1001, 1001)));
	ASSERT_OK(SYS(fgetxattr(opened, "user.dmabuffs.kind", value, sizeof(value))));
	ASSERT(strcmp(value, "memfd") == 0);
	ASSERT(ASSERT_OK(SYS(flistxattr(opened, NULL, 0))) > 0);
	ASSERT_ERR(SYS(fsetxattr(opened, "user.x", "y", 1, 0)), EOPNOTSUPP);
	ASSERT_OK(SYS(fstat(opened, &st)));
	ASSERT_EQ(st.st_mode, S_IFREG | 0640);
	ASSERT_EQ(st.st_uid, 1001);
	ASSERT_EQ(st.st_nlink, 0);
	close(opened);
	close(shared.root);
	close(shared.fd);
}

static void open_and_withdrawn(struct instance *instance)
{
	struct shared shared;
	char value[16] = "";
	struct stat st;
	int opened;

	share(&shared, instance, PAGE, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_OK(raw_withdraw(shared.root, shared.uuid));
	expect_no_name(instance, shared.uuid);
	ASSERT_OK(SYS(fchmod(opened, 0640)));
	ASSERT_OK(SYS(fgetxattr(opened, "user.dmabuffs.kind", value, sizeof(value))));
	ASSERT_OK(SYS(fstat(opened, &st)));
	ASSERT_EQ(st.st_mode, S_IFREG | 0640);
	ASSERT_EQ(st.st_nlink, 0);
	close(opened);
	close(shared.root);
	close(shared.fd);
}

struct expected_size {
	const char *path;
	off_t size;
};

static bool size_is(void *data)
{
	const struct expected_size *expected = data;
	struct stat st;

	ASSERT_OK(SYS(stat(expected->path, &st)));
	return st.st_size == expected->size;
}

/* The size of an unsealed buffer may change, and stat(2) may lag by a second. */
static void expect_size(const struct shared *shared, off_t size)
{
	struct expected_size expected = {shared->path, size};

	ASSERT(wait_until(size_is, &expected));
}

static void size_follows_the_buffer(struct instance *instance)
{
	struct dmabuffs_info info;
	struct shared shared;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	expect_size(&shared, PAGE);
	ASSERT_OK(SYS(ftruncate(shared.fd, 5 * PAGE)));
	ASSERT_OK(raw_info(fd, &info));
	ASSERT_EQ(info.bytes, 5 * PAGE);
	expect_size(&shared, 5 * PAGE);
	ASSERT_OK(SYS(ftruncate(shared.fd, PAGE / 2)));
	expect_size(&shared, PAGE / 2);
	close(fd);
	unshare_buffer(&shared);
}

static void info_fields(struct instance *instance)
{
	struct dmabuffs_info info;
	struct shared shared;
	int fd, second;

	ASSERT_OK(SYS(prctl(PR_SET_NAME, "exporter")));
	share(&shared, instance, 5 * PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	second = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_OK(raw_info(fd, &info));
	ASSERT_EQ(info.size, sizeof(info));
	ASSERT_EQ(info.flags, DMABUFFS_INFO_REVOCABLE | DMABUFFS_INFO_NAMED |
				      DMABUFFS_INFO_PASSTHROUGH);
	ASSERT_EQ(info.kind, DMABUFFS_KIND_MEMFD);
	ASSERT_EQ(info.seals, F_SEAL_SEAL);
	ASSERT_EQ(info.bytes, 5 * PAGE);
	ASSERT_EQ(info.importers, 2);
	ASSERT_EQ(info.pid, getpid());
	for (int i = 0; i < DMABUFFS_NS_COUNT; i++)
		ASSERT_EQ(info.ns[i], own_namespace((enum dmabuffs_ns)i));
	ASSERT(memcmp(info.uuid, shared.uuid, sizeof(info.uuid)) == 0);
	ASSERT(strcmp((char *)info.comm, "exporter") == 0);
	ASSERT(strcmp((char *)info.label, "") == 0);
	close(fd);
	close(second);
	unshare_buffer(&shared);
}

const struct test_case test_cases[] = {
	{"stat_fields", stat_fields},
	{"times", times},
	{"times_are_the_memfds", times_are_the_memfds},
	{"times_set_on_the_name", times_set_on_the_name},
	{"times_of_the_root", times_of_the_root},
	{"root_is_not_cached_long", root_is_not_cached_long},
	{"holes", holes},
	{"holes_nopassthrough", holes, "nopassthrough"},
	{"open_and_unlinked", open_and_unlinked},
	{"open_and_withdrawn", open_and_withdrawn},
	{"size_follows_the_buffer", size_follows_the_buffer},
	{"info_fields", info_fields},
	{0},
};
