/* SPDX-License-Identifier: MIT */
/* test-attributes.c - stat(2) and DMABUFFS_IOC_INFO of a name */
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
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
	{"size_follows_the_buffer", size_follows_the_buffer},
	{"info_fields", info_fields},
	{0},
};
