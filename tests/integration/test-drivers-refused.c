/* SPDX-License-Identifier: MIT */
/* test-drivers-refused.c - devices of unlisted drivers, and other refusals */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "harness.h"
#include "raw.h"

static int open_device(const char *path, int flags)
{
	return ASSERT_OK(SYS(open(path, flags | O_NOCTTY | O_CLOEXEC)));
}

/* Opens with these flags and exchanges; returns the descriptor or -errno. */
static int fetch(const struct instance *instance, const uint8_t uuid[16], int flags)
{
	int connection = ASSERT_OK(raw_connect(instance));
	int opened = ASSERT_OK(raw_open(instance, uuid, flags));
	int fd = raw_exchange(connection, opened);

	close(opened);
	close(connection);
	return fd;
}

static int terminal_of(int master)
{
	int number;

	ASSERT_OK(SYS(ioctl(master, TIOCGPTN, &number)));
	return number;
}

static void expect_refused(const struct instance *instance, const char *path)
{
	int connection = ASSERT_OK(raw_connect(instance));
	int root = ASSERT_OK(raw_root(instance)), fd = open_device(path, O_RDWR);
	uint8_t ticket[DMABUFFS_TICKET_SIZE], uuid[16];

	test_note("%s", path);
	ASSERT_ERR(raw_export_fd(root, fd, 0, 0, uuid), EBADFD);
	ASSERT_ERR(raw_export_fd(root, fd, DMABUFFS_EXPORT_READONLY, 0, uuid), EBADFD);
	ASSERT_ERR(raw_ticket(connection, fd, ticket), EBADFD);
	close(fd);
	close(connection);
	close(root);
}

static void none_by_default(struct instance *instance)
{
	expect_refused(instance, "/dev/zero");
	expect_refused(instance, "/dev/ptmx");
}

static void drivers_not_listed(struct instance *instance)
{
	int master = open_device("/dev/ptmx", O_RDWR), on = 0;
	char path[64];

	expect_refused(instance, "/dev/fuse");
	expect_refused(instance, "/dev/ptmx");
	ASSERT_OK(SYS(ioctl(master, TIOCSPTLCK, &on)));
	snprintf(path, sizeof(path), "/dev/pts/%d", terminal_of(master));
	expect_refused(instance, path);
	close(master);
}

static void a_path(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	int root = ASSERT_OK(raw_root(instance)), fd = open_device("/dev/zero", O_PATH);
	uint8_t ticket[DMABUFFS_TICKET_SIZE], uuid[16];

	ASSERT_ERR(raw_export_fd(root, fd, 0, 0, uuid), EBADF);
	ASSERT_ERR(raw_ticket(connection, fd, ticket), EBADFD);
	close(fd);
	close(connection);
	close(root);
}

static void options_that_are_refused(struct instance *instance)
{
	static const char *const refused[] = {
		"drivers",          "drivers=",     "drivers=misc",
		"drivers=mem:fuse", "drivers=mem:", "drivers=me m"};
	char output[4096], dir[INSTANCE_PATH_SIZE];

	snprintf(dir, sizeof(dir), "%s/dir", test_work_dir);
	ASSERT_OK(SYS(mkdir(dir, 0755)));
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		const char *argv[] = {NULL, "-f", "-o", refused[i], dir, NULL};

		ASSERT_EQ(daemon_run(argv, output, sizeof(output)), 2);
		ASSERT(strstr(output, "drivers"));
		ASSERT(!is_mounted(dir));
	}
}

static void access_modes(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance));
	int reader = open_device("/dev/zero", O_RDONLY);
	int writer = open_device("/dev/zero", O_WRONLY);
	int both = open_device("/dev/zero", O_RDWR), fd;
	uint8_t uuid[16];

	ASSERT_ERR(raw_export_fd(root, reader, 0, 0, uuid), EACCES);
	ASSERT_ERR(raw_export_fd(root, writer, 0, 0, uuid), EACCES);
	ASSERT_ERR(raw_export_fd(root, writer, DMABUFFS_EXPORT_READONLY, 0, uuid),
		   EACCES);
	/* No importer could ever exchange it. */
	ASSERT_ERR(raw_export_fd(root, both, DMABUFFS_EXPORT_READONLY, 0, uuid), EACCES);
	ASSERT_EQ(raw_count(instance), 0);
	ASSERT_OK(raw_export_fd(root, reader, DMABUFFS_EXPORT_READONLY, 0, uuid));
	ASSERT_ERR(raw_open(instance, uuid, O_RDWR), EPERM);
	ASSERT_ERR(raw_open(instance, uuid, O_WRONLY), EPERM);
	fd = ASSERT_OK(fetch(instance, uuid, O_RDONLY));
	ASSERT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	ASSERT_ERR(SYS(write(fd, "x", 1)), EBADF);
	close(fd);
	close(reader);
	close(writer);
	close(both);
	close(root);
}

const struct test_case test_cases[] = {
	{"none_by_default", none_by_default},
	{"drivers_not_listed", drivers_not_listed, "drivers=mem"},
	{"a_path", a_path, "drivers=mem"},
	{"options_that_are_refused", options_that_are_refused, .flags = CASE_NO_INSTANCE},
	{"access_modes", access_modes, "drivers=mem"},
	{0},
};
