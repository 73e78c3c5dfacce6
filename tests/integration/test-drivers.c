/* SPDX-License-Identifier: MIT */
/*
 * test-drivers.c - character devices of the drivers in the mount option drivers=
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

#include "child.h"
#include "harness.h"
#include "raw-accel.h"
#include "raw.h"

#define OTHER 1002

static int open_device(const char *path, int flags)
{
	return ASSERT_OK(SYS(open(path, flags | O_NOCTTY | O_CLOEXEC)));
}

/* Exports a descriptor of /dev/zero, which stays in .fd. */
static void share_zero(struct shared *ret_shared, const struct instance *instance,
		       uint32_t flags, uint32_t mode)
{
	share_fd(ret_shared, instance, open_device("/dev/zero", O_RDWR), flags, mode);
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

/* ---- import ------------------------------------------------------------------------ */

static void expect_zero(int fd)
{
	uint8_t bytes[16] = {1, 2, 3}, *address;
	struct stat got, wanted;

	ASSERT_OK(SYS(fstat(fd, &got)));
	ASSERT_OK(SYS(stat("/dev/zero", &wanted)));
	ASSERT(S_ISCHR(got.st_mode));
	ASSERT_EQ(got.st_rdev, wanted.st_rdev);
	ASSERT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	ASSERT_EQ(read(fd, bytes, sizeof(bytes)), sizeof(bytes));
	ASSERT_EQ(bytes[0] | bytes[1] | bytes[2], 0);
	address = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ASSERT(address != MAP_FAILED);
	ASSERT_EQ(address[PAGE - 1], 0);
	address[0] = 7;
	munmap(address, PAGE);
}

static int import_zero(void *data)
{
	const struct shared *shared = data;
	int fd = ASSERT_OK(fetch(shared->instance, shared->uuid, O_RDWR));

	expect_zero(fd);
	return 0;
}

static void another_process(struct instance *instance)
{
	struct shared shared;

	share_zero(&shared, instance, DMABUFFS_EXPORT_MODE, 0666);
	ASSERT_OK(child_call(NULL, import_zero, &shared));
	ASSERT_OK(child_call(USER(OTHER), import_zero, &shared));
	/* The export has a reference of its own. */
	close(shared.fd);
	ASSERT_OK(child_call(USER(OTHER), import_zero, &shared));
	shared.fd = -1;
	unshare_buffer(&shared);
}

static void full(struct instance *instance)
{
	int device = open_device("/dev/full", O_RDWR), fd;
	struct shared shared;

	share_fd(&shared, instance, device, 0, 0);
	fd = ASSERT_OK(fetch(instance, shared.uuid, O_RDWR));
	ASSERT_ERR(SYS(write(fd, "x", 1)), ENOSPC);
	close(fd);
	unshare_buffer(&shared);
}

/* The terminal number identifies the open file description of the master. */
static int terminal_of(int master)
{
	int number;

	ASSERT_OK(SYS(ioctl(master, TIOCGPTN, &number)));
	return number;
}

static void the_object_itself(struct instance *instance)
{
	int masters[2], root = ASSERT_OK(raw_root(instance));
	uint8_t uuids[2][16];

	for (int i = 0; i < 2; i++) {
		masters[i] = open_device("/dev/ptmx", O_RDWR);
		ASSERT_OK(raw_export_fd(root, masters[i], 0, 0, uuids[i]));
	}
	ASSERT(terminal_of(masters[0]) != terminal_of(masters[1]));
	for (int i = 0; i < 2; i++) {
		int fd = ASSERT_OK(fetch(instance, uuids[i], O_RDWR));

		ASSERT_EQ(terminal_of(fd), terminal_of(masters[i]));
		/* Importers share the open file description, and so its flags. */
		ASSERT_OK(SYS(fcntl(fd, F_SETFL, O_NONBLOCK)));
		ASSERT(fcntl(masters[i], F_GETFL) & O_NONBLOCK);
		ASSERT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
		close(fd);
		close(masters[i]);
	}
	close(root);
}

/* All descriptors of a device share its inode, so each export gets a new name. */
static void each_export_is_new(struct instance *instance)
{
	int a = open_device("/dev/zero", O_RDWR), b = open_device("/dev/zero", O_RDWR);
	int root = ASSERT_OK(raw_root(instance));
	uint8_t uuids[3][16];

	ASSERT_OK(raw_export_fd(root, a, 0, 0, uuids[0]));
	ASSERT_OK(raw_export_fd(root, b, 0, 0, uuids[1]));
	ASSERT_OK(raw_export_fd(root, a, DMABUFFS_EXPORT_MODE, 0644, uuids[2]));
	ASSERT(memcmp(uuids[0], uuids[1], 16) != 0);
	ASSERT(memcmp(uuids[0], uuids[2], 16) != 0);
	ASSERT(memcmp(uuids[1], uuids[2], 16) != 0);
	ASSERT_EQ(raw_count(instance), 3);
	close(a);
	close(b);
	close(root);
}

/* ---- permissions ------------------------------------------------------------------ */

static int open_for_all(void *data)
{
	const struct shared *shared = data;

	return raw_open(shared->instance, shared->uuid, O_RDWR);
}

static int fetch_for_reading(void *data)
{
	const struct shared *shared = data;

	return fetch(shared->instance, shared->uuid, O_RDONLY);
}

static void the_mode_decides(struct instance *instance)
{
	struct shared shared;

	share_zero(&shared, instance, 0, 0);
	ASSERT_ERR(child_call(USER(OTHER), open_for_all, &shared), EACCES);
	unshare_buffer(&shared);
	share_zero(&shared, instance, DMABUFFS_EXPORT_MODE, 0644);
	ASSERT_ERR(child_call(USER(OTHER), open_for_all, &shared), EACCES);
	/* The open file description has more access than the mode grants. */
	ASSERT_ERR(child_call(USER(OTHER), fetch_for_reading, &shared), EACCES);
	unshare_buffer(&shared);
}

/* ---- the name ---------------------------------------------------------------------- */

static void no_memory_behind_it(struct instance *instance)
{
	struct shared shared;
	uint8_t bytes[8], *copy;
	void *address;
	int fd;

	share_zero(&shared, instance, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_ERR(SYS(read(fd, bytes, sizeof(bytes))), EOPNOTSUPP);
	ASSERT_ERR(SYS(pread(fd, bytes, sizeof(bytes), 4096)), EOPNOTSUPP);
	ASSERT_ERR(SYS(write(fd, bytes, sizeof(bytes))), EOPNOTSUPP);
	ASSERT_ERR(raw_map(fd, PAGE, PROT_READ, &address), ENODEV);
	ASSERT_ERR(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, &address), ENODEV);
	copy = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	ASSERT(copy == MAP_FAILED || raises_sigbus(copy));
	ASSERT_ERR(SYS(ftruncate(fd, 0)), EPERM);
	ASSERT_ERR(SYS(fallocate(fd, 0, 0, PAGE)), EOPNOTSUPP);
	ASSERT_EQ(lseek(fd, 0, SEEK_END), 0);
	ASSERT_ERR(SYS(ioctl(fd, TCGETS, bytes)), ENOTTY);
	close(fd);
	unshare_buffer(&shared);
}

static void description(struct instance *instance)
{
	struct dmabuffs_info info;
	struct shared shared;
	char value[100] = "";
	struct stat st;
	int fd;

	share_zero(&shared, instance, DMABUFFS_EXPORT_PERSIST, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	ASSERT_OK(raw_info(fd, &info));
	ASSERT_EQ(info.kind, DMABUFFS_KIND_DEVICE);
	ASSERT_EQ(info.flags, DMABUFFS_INFO_PERSIST | DMABUFFS_INFO_NAMED);
	ASSERT_EQ(info.bytes, 0);
	ASSERT_EQ(info.seals, 0);
	ASSERT_EQ(info.importers, 1);
	ASSERT_OK(SYS(fstat(fd, &st)));
	ASSERT(S_ISREG(st.st_mode));
	ASSERT_EQ(st.st_size, 0);
	ASSERT_EQ(getxattr(shared.path, "user.dmabuffs.kind", value, 99), 6);
	ASSERT(strcmp(value, "device") == 0);
	ASSERT_ERR(SYS(getxattr(shared.path, "user.dmabuffs.held", value, 99)), ENODATA);
	ASSERT_ERR(raw_revoke(shared.root, shared.uuid), EBUSY);
	ASSERT_OK(raw_exists(instance, shared.uuid));
	close(fd);
	unshare_buffer(&shared);
}

static void accelerators_refuse_it(struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance)), opened;
	int connection = ASSERT_OK(raw_connect(instance));
	uint8_t ticket[DMABUFFS_TICKET_SIZE];
	struct shared shared;

	share_zero(&shared, instance, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_ERR(raw_accel_import(context, opened), EBADFD);
	ASSERT_ERR(raw_accel_import(context, shared.fd), EBADFD);
	ASSERT_ERR(raw_accel_import(context, open_device("/dev/zero", O_RDONLY)), EBADFD);
	ASSERT_OK(raw_ticket(connection, shared.fd, ticket));
	ASSERT_ERR(raw_accel_import_ticket(context, ticket), EBADFD);
	close(opened);
	close(connection);
	close(context);
	unshare_buffer(&shared);
	instance_settle(instance);
}

/* ---- export by ticket, and removal ------------------------------------------------- */

static int export_ticket(int root, const uint8_t ticket[DMABUFFS_TICKET_SIZE],
			 uint8_t ret_uuid[16])
{
	struct dmabuffs_export arg = {
		.size = sizeof(arg),
		.flags = DMABUFFS_EXPORT_TICKET,
		.fd = -1,
	};
	int r;

	memcpy(arg.ticket, ticket, sizeof(arg.ticket));
	r = raw_export(root, &arg);
	memcpy(ret_uuid, arg.uuid, sizeof(arg.uuid));
	return r;
}

static void by_ticket(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance)), fd;
	int root = ASSERT_OK(raw_root(instance));
	int device = open_device("/dev/zero", O_RDWR);
	uint8_t ticket[DMABUFFS_TICKET_SIZE], uuid[16];

	ASSERT_OK(raw_ticket(connection, device, ticket));
	close(device);
	ASSERT_OK(export_ticket(root, ticket, uuid));
	fd = ASSERT_OK(fetch(instance, uuid, O_RDWR));
	expect_zero(fd);
	close(fd);
	close(root);
	close(connection);
	instance_settle(instance);
}

static void export_and_end(int peer, void *data)
{
	struct shared *shared = data;

	share_zero(shared, shared->instance, 0, 0);
	peer_put(peer, shared->uuid, sizeof(shared->uuid));
	peer_wait(peer);
}

static void the_exporter_ends(struct instance *instance)
{
	struct shared shared = {.instance = instance};
	struct child exporter;
	int fd;

	child_start(&exporter, NULL, export_and_end, &shared);
	peer_get(exporter.peer, shared.uuid, sizeof(shared.uuid));
	fd = ASSERT_OK(fetch(instance, shared.uuid, O_RDWR));
	child_kill(&exporter, SIGKILL);
	expect_no_name(instance, shared.uuid);
	expect_zero(fd);
	close(fd);
	instance_settle(instance);
}

/* The terminal hangs up once its master is closed, so the service closed it, too. */
static void the_name_ends(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance)), unlock = 0;
	int master = open_device("/dev/ptmx", O_RDWR), slave;
	char path[64], byte;
	uint8_t uuid[16];

	ASSERT_OK(SYS(ioctl(master, TIOCSPTLCK, &unlock)));
	snprintf(path, sizeof(path), "/dev/pts/%d", terminal_of(master));
	slave = open_device(path, O_RDWR | O_NONBLOCK);
	ASSERT_OK(raw_export_fd(root, master, DMABUFFS_EXPORT_PERSIST, 0, uuid));
	close(master);
	close(root);
	ASSERT_ERR(SYS(read(slave, &byte, 1)), EAGAIN);
	ASSERT_OK(raw_unlink(instance, uuid));
	ASSERT_ERR(raw_open(instance, uuid, O_RDWR), ENOENT);
	ASSERT(wait_ready(slave, POLLHUP, WAIT_MS));
	ASSERT_EQ(read(slave, &byte, 1), 0);
	close(slave);
	instance_settle(instance);
}

static void limits(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance));
	int fd = open_device("/dev/zero", O_RDWR);
	struct statfs before, after;
	uint8_t uuid[16];

	ASSERT_OK(SYS(statfs(instance->dir, &before)));
	ASSERT_OK(raw_export_fd(root, fd, 0, 0, uuid));
	ASSERT_OK(raw_export_fd(root, fd, 0, 0, uuid));
	ASSERT_OK(SYS(statfs(instance->dir, &after)));
	ASSERT_EQ(before.f_ffree - after.f_ffree, 2);
	ASSERT_EQ(before.f_bfree, after.f_bfree);
	ASSERT_ERR(raw_export_fd(root, fd, 0, 0, uuid), EDQUOT);
	ASSERT_EQ(raw_count(instance), 2);
	close(fd);
	close(root);
	instance_settle(instance);
}

const struct test_case test_cases[] = {
	{"another_process", another_process, "drivers=mem"},
	{"full", full, "drivers=tty:mem"},
	{"the_object_itself", the_object_itself, "drivers=/dev/ptmx"},
	{"each_export_is_new", each_export_is_new, "drivers=mem"},
	{"the_mode_decides", the_mode_decides, "drivers=mem"},
	{"no_memory_behind_it", no_memory_behind_it, "drivers=mem"},
	{"description", description, "drivers=mem"},
	{"accelerators_refuse_it", accelerators_refuse_it, "drivers=mem"},
	{"by_ticket", by_ticket, "drivers=mem"},
	{"the_exporter_ends", the_exporter_ends, "drivers=mem"},
	{"the_name_ends", the_name_ends, "drivers=/dev/ptmx"},
	{"limits", limits, "drivers=mem,max-exports-per-uid=2"},
	{0},
};
