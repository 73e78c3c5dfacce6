/* SPDX-License-Identifier: MIT */
/* test-control.c - the file .control, and the root directory as the other door */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "child.h"
#include "harness.h"
#include "raw-accel.h"
#include "raw.h"

static void control_path(const struct instance *instance, char path[INSTANCE_PATH_SIZE])
{
	snprintf(path, INSTANCE_PATH_SIZE, "%.80s/" DMABUFFS_CONTROL_NAME, instance->dir);
}

/* ---- the file ---------------------------------------------------------------------- */

static void attributes(struct instance *instance)
{
	char path[INSTANCE_PATH_SIZE];
	struct stat st;

	control_path(instance, path);
	ASSERT_OK(SYS(lstat(path, &st)));
	ASSERT_EQ(st.st_mode, S_IFREG | 0666);
	ASSERT_EQ(st.st_uid, 0);
	ASSERT_EQ(st.st_gid, 0);
	ASSERT_EQ(st.st_size, 0);
}

static void options(struct instance *instance)
{
	char path[INSTANCE_PATH_SIZE];
	struct stat st;

	control_path(instance, path);
	ASSERT_OK(SYS(lstat(path, &st)));
	ASSERT_EQ(st.st_mode, S_IFREG | 0640);
	ASSERT_EQ(st.st_uid, 1001);
	ASSERT_EQ(st.st_gid, 2001);
}

/* It takes ioctl(2), and changes of its attributes by its owner; nothing else. */
static void no_other_calls(struct instance *instance)
{
	int control = ASSERT_OK(raw_root(instance));
	struct pollfd events = {control, POLLIN | POLLOUT, 0};
	char path[INSTANCE_PATH_SIZE], to[INSTANCE_PATH_SIZE + 2], byte = 0;
	void *address;

	control_path(instance, path);
	snprintf(to, sizeof(to), "%s2", path);
	ASSERT_ERR(SYS(read(control, &byte, 1)), EINVAL);
	ASSERT_ERR(SYS(write(control, &byte, 1)), EINVAL);
	ASSERT_ERR(SYS(lseek(control, 0, SEEK_SET)), ESPIPE);
	ASSERT_ERR(SYS(ftruncate(control, 4096)), EPERM);
	ASSERT_ERR(raw_map(control, PAGE, PROT_READ, &address), ENODEV);
	ASSERT_EQ(poll(&events, 1, 0), 1);
	ASSERT_ERR(SYS(open(path, O_RDWR | O_TRUNC)), EPERM);
	ASSERT_ERR(SYS(open(path, O_RDWR | O_DIRECTORY)), ENOTDIR);
	ASSERT_ERR(SYS(open(path, O_RDWR | O_CREAT | O_EXCL, 0600)), EEXIST);
	ASSERT_ERR(SYS(unlink(path)), EPERM);
	ASSERT_ERR(SYS(rename(path, to)), EPERM);
	ASSERT_ERR(SYS(link(path, to)), EPERM);
	ASSERT_OK(SYS(chmod(path, 0600)));
	ASSERT_OK(SYS(fsync(control)));
	close(control);
}

static int open_for(void *data)
{
	const struct instance *instance = data;

	ASSERT_ERR(raw_control(instance, O_RDWR), EACCES);
	ASSERT_ERR(raw_control(instance, O_WRONLY), EACCES);
	return MIN(raw_control(instance, O_RDONLY), 0);
}

static void permissions(struct instance *instance)
{
	ASSERT_OK(child_call(USER(2001), open_for, instance));
	ASSERT_ERR(child_call(USER(1002), open_for, instance), EACCES);
}

/* ---- descriptions ------------------------------------------------------------------ */

static void withdraws_of(int description, int other, struct shared *shared)
{
	uint8_t uuid[16];

	ASSERT_OK(raw_export_fd(description, shared->fd, 0, 0, uuid));
	ASSERT_ERR(raw_withdraw(other, uuid), EPERM);
	ASSERT_OK(raw_withdraw(description, uuid));
	ASSERT_ERR(raw_withdraw(description, uuid), ENOENT);
	ASSERT_OK(raw_export_fd(description, shared->fd, 0, 0, uuid));
	close(description);
	expect_no_name(shared->instance, uuid);
}

/* A name belongs to the description it was made on, whichever of the two it is of. */
static void both_doors(struct instance *instance)
{
	struct shared shared;

	share(&shared, instance, PAGE, 0, 0);
	withdraws_of(ASSERT_OK(raw_control(instance, O_RDWR)), shared.root, &shared);
	withdraws_of(ASSERT_OK(raw_control(instance, O_WRONLY)), shared.root, &shared);
	withdraws_of(ASSERT_OK(raw_directory(instance, O_RDONLY)), shared.root, &shared);
	ASSERT_OK(raw_exists(instance, shared.uuid));
	unshare_buffer(&shared);
}

static void persistent_names(struct instance *instance)
{
	struct shared shared;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_PERSIST, 0);
	close(shared.root);
	shared.root = ASSERT_OK(raw_root(instance));
	ASSERT_ERR(raw_withdraw(shared.root, shared.uuid), EPERM);
	ASSERT_OK(raw_exists(instance, shared.uuid));
	unshare_buffer(&shared);
}

struct removal {
	const struct instance *instance;
	const uint8_t *uuid;
};

static int withdraw_as_user(void *data)
{
	const struct removal *removal = data;
	int control = ASSERT_OK(raw_root(removal->instance));

	return raw_withdraw_own(control, removal->uuid);
}

static void export_for_ever(struct instance *instance, uint8_t ret_uuid[16])
{
	struct shared shared;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_PERSIST, 0);
	ASSERT_OK(SYS(chown(shared.path, 1001, 1001)));
	close(shared.root);
	close(shared.fd);
	memcpy(ret_uuid, shared.uuid, sizeof(shared.uuid));
}

/* As unlink(2), without any permission on the directory. */
static void owner_withdraws(struct instance *instance)
{
	uint8_t uuid[16];
	struct removal removal = {instance, uuid};

	export_for_ever(instance, uuid);
	ASSERT_ERR(child_call(USER(1002), withdraw_as_user, &removal), EPERM);
	ASSERT_OK(raw_exists(instance, uuid));
	ASSERT_OK(child_call(USER(1001), withdraw_as_user, &removal));
	ASSERT_ERR(raw_open(instance, uuid, O_RDONLY), ENOENT);
	ASSERT_ERR(child_call(USER(1001), withdraw_as_user, &removal), ENOENT);
	ASSERT_ERR(child_call(USER(1002), withdraw_as_user, &removal), ENOENT);
	export_for_ever(instance, uuid);
	ASSERT_OK(child_call(NULL, withdraw_as_user, &removal));
	ASSERT_ERR(raw_open(instance, uuid, O_RDONLY), ENOENT);
	ASSERT_EQ(raw_count(instance), 0);
}

static void export_and_wait(int peer, void *data)
{
	struct shared shared;

	share(&shared, data, PAGE, 0, 0);
	peer_put(peer, shared.uuid, sizeof(shared.uuid));
	peer_wait(peer);
}

static void ends_with_its_process(struct instance *instance)
{
	struct child child;
	uint8_t uuid[16];

	child_start(&child, USER(1001), export_and_wait, instance);
	peer_get(child.peer, uuid, sizeof(uuid));
	ASSERT_OK(raw_exists(instance, uuid));
	child_kill(&child, SIGKILL);
	expect_no_name(instance, uuid);
}

/* A description that is not open for writing changes nothing, and still lists. */
static void expect_queries_only(int control, struct shared *shared)
{
	struct dmabuffs_list list = {.more = 1};
	uint8_t uuid[16];

	ASSERT_ERR(raw_export_fd(control, shared->fd, 0, 0, uuid), EBADF);
	ASSERT_ERR(raw_withdraw(control, shared->uuid), EBADF);
	ASSERT_ERR(raw_withdraw_own(control, shared->uuid), EBADF);
	ASSERT_ERR(raw_revoke(control, shared->uuid), EBADF);
	ASSERT_EQ(raw_list(control, &list), 1);
	ASSERT(memcmp(list.uuids[0], shared->uuid, sizeof(shared->uuid)) == 0);
	ASSERT_OK(raw_exists(shared->instance, shared->uuid));
	close(control);
}

static void opened_for_reading(struct instance *instance)
{
	struct shared shared;

	share(&shared, instance, PAGE, 0, 0);
	expect_queries_only(ASSERT_OK(raw_control(instance, O_RDONLY)), &shared);
	/* An access mode for ioctl(2) alone: the kernel does not count it as writing. */
	expect_queries_only(ASSERT_OK(raw_control(instance, O_ACCMODE)), &shared);
	unshare_buffer(&shared);
}

/* They keep nothing in the service. */
static void readers_are_not_counted(struct instance *instance)
{
	int control = ASSERT_OK(raw_root(instance));

	ASSERT_ERR(raw_root(instance), EDQUOT);
	for (int i = 0; i < 20; i++)
		ASSERT_OK(raw_control(instance, O_RDONLY));
	close(control);
}

/* ---- lists ------------------------------------------------------------------------- */

#define NAMES (DMABUFFS_LIST_MAX + 3)

static void export_many(int peer, void *data)
{
	static uint8_t uuids[NAMES][16];
	int root = ASSERT_OK(raw_root(data));

	for (int i = 0; i < NAMES; i++)
		ASSERT_OK(raw_export_fd(root, raw_memfd(1), 0, 0, uuids[i]));
	peer_put(peer, uuids, sizeof(uuids));
	peer_wait(peer);
}

static void expect_many(int description, uint8_t (*uuids)[16])
{
	struct dmabuffs_list list = {.more = 1};

	ASSERT_EQ(raw_list(description, &list), DMABUFFS_LIST_MAX);
	ASSERT_EQ(list.more, 1);
	ASSERT(memcmp(list.uuids, uuids, DMABUFFS_LIST_MAX * 16) == 0);
	ASSERT_EQ(raw_list(description, &list), NAMES - DMABUFFS_LIST_MAX);
	ASSERT_EQ(list.more, 0);
	ASSERT(memcmp(list.uuids, uuids[DMABUFFS_LIST_MAX],
		      (NAMES - DMABUFFS_LIST_MAX) * 16UL) == 0);
	/* Behind the end, and behind every end. */
	ASSERT_EQ(raw_list(description, &list), 0);
	ASSERT_EQ(list.more, 0);
	list.cursor = UINT64_MAX - 1;
	ASSERT_EQ(raw_list(description, &list), 0);
	ASSERT_EQ(list.more, 0);
	close(description);
}

static int expect_own(void *data)
{
	const struct shared *shared = data;
	int control = ASSERT_OK(raw_control(shared->instance, O_RDONLY));
	struct dmabuffs_list list = {.more = 1};

	ASSERT_EQ(raw_list(control, &list), 1);
	ASSERT_EQ(list.more, 0);
	ASSERT(memcmp(list.uuids[0], shared->uuid, sizeof(shared->uuid)) == 0);
	return 0;
}

static int expect_none(void *data)
{
	return raw_count(data);
}

static void pages(struct instance *instance)
{
	static uint8_t uuids[NAMES][16];
	struct child child;
	struct shared shared;

	child_start(&child, USER(1001), export_many, instance);
	peer_get(child.peer, uuids, sizeof(uuids));
	expect_many(ASSERT_OK(raw_control(instance, O_RDONLY)), uuids);
	expect_many(ASSERT_OK(raw_directory(instance, O_RDONLY)), uuids);
	share(&shared, instance, PAGE, 0, 0);
	ASSERT_OK(SYS(chown(shared.path, 1002, 1002)));
	ASSERT_OK(child_call(USER(1002), expect_own, &shared));
	ASSERT_EQ(child_call(USER(1003), expect_none, instance), 0);
	ASSERT_EQ(raw_count(instance), NAMES + 1);
	unshare_buffer(&shared);
	peer_signal(child.peer);
	child_wait(&child);
}

/* The entries besides "." and "..". */
static int count_entries(DIR *dir)
{
	struct dirent *entry;
	int n = 0;

	rewinddir(dir);
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	return n;
}

static int read_own_directory(void *data)
{
	const struct instance *instance = data;
	int root = ASSERT_OK(raw_directory(instance, O_RDONLY));
	struct dmabuffs_list list = {.more = 1};
	DIR *dir = fdopendir(dup(root));
	uint8_t uuid[16];

	ASSERT_OK(raw_export_fd(root, raw_memfd(PAGE), 0, 0, uuid));
	ASSERT_EQ(raw_list(root, &list), 1);
	ASSERT(memcmp(list.uuids[0], uuid, sizeof(uuid)) == 0);
	ASSERT_EQ(count_entries(dir), 0);
	ASSERT(!readdir(dir));
	ASSERT_OK(raw_withdraw(root, uuid));
	closedir(dir);
	return 0;
}

/* The administrator's choice: the directory takes the commands, and lists to root only.
 */
static void readable_directory(struct instance *instance)
{
	struct shared shared;
	DIR *dir;

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_OK(child_call(USER(1001), read_own_directory, instance));
	dir = opendir(instance->dir);
	ASSERT_EQ(count_entries(dir), 1);
	closedir(dir);
	unshare_buffer(&shared);
}

/* ---- devices ----------------------------------------------------------------------- */

/* The device behind @name, "" before the first. */
static int next_device(int devices, const char *name, const char *expected)
{
	struct accel_device_info info = {.size = sizeof(info),
					 .flags = DMABUFFS_ACCEL_NEXT};
	int r;

	strcpy(info.name, name);
	r = (int)SYS(ioctl(devices, DMABUFFS_ACCEL_IOC_DEVICE_INFO, &info));
	if (r == 0)
		ASSERT(strcmp(info.name, expected) == 0);
	return r;
}

static int expect_devices(void *data)
{
	int devices = ASSERT_OK(raw_devices(data));
	DIR *dir = fdopendir(dup(devices));

	ASSERT_OK(next_device(devices, "", "one"));
	ASSERT_OK(next_device(devices, "one", "two"));
	ASSERT_ERR(next_device(devices, "two", NULL), ENOENT);
	ASSERT_ERR(next_device(devices, "three", NULL), ENOENT);
	ASSERT_ERR(next_device(devices, ".", NULL), ENOENT);
	ASSERT_EQ(count_entries(dir), getuid() ? 0 : 2);
	closedir(dir);
	return 0;
}

/* Look-ups in .accel need its lock, so it is as the root directory. */
static void devices(struct instance *instance)
{
	ASSERT_OK(expect_devices(instance));
	ASSERT_OK(child_call(USER(1001), expect_devices, instance));
}

/* ---- a read-only bind mount -------------------------------------------------------- */

struct bind {
	struct instance mounted; /* the bind mount */
	struct shared *shared;
};

static int use_read_only(void *data)
{
	const struct bind *bind = data;
	char byte;
	int fd;

	ASSERT_ERR(raw_control(&bind->mounted, O_RDWR), EROFS);
	ASSERT_ERR(raw_control(&bind->mounted, O_WRONLY), EROFS);
	expect_queries_only(ASSERT_OK(raw_control(&bind->mounted, O_RDONLY)),
			    bind->shared);
	expect_queries_only(ASSERT_OK(raw_control(&bind->mounted, O_ACCMODE)),
			    bind->shared);
	ASSERT_ERR(raw_unlink(&bind->mounted, bind->shared->uuid), EROFS);
	ASSERT_ERR(raw_open(&bind->mounted, bind->shared->uuid, O_RDWR), EROFS);
	fd = ASSERT_OK(raw_open(&bind->mounted, bind->shared->uuid, O_RDONLY));
	ASSERT_EQ(pread(fd, &byte, 1, 5), 1);
	ASSERT_EQ(byte, (char)pattern(5));
	close(fd);
	return 0;
}

static void read_only_bind(struct instance *instance)
{
	struct shared shared;
	struct bind bind = {.mounted = *instance, .shared = &shared};

	share(&shared, instance, PAGE, 0, 0);
	snprintf(bind.mounted.dir, sizeof(bind.mounted.dir), "%s/bind", test_work_dir);
	ASSERT_OK(SYS(mkdir(bind.mounted.dir, 0755)));
	ASSERT_OK(SYS(mount(instance->dir, bind.mounted.dir, NULL, MS_BIND, NULL)));
	ASSERT_OK(SYS(mount(NULL, bind.mounted.dir, NULL,
			    MS_BIND | MS_REMOUNT | MS_RDONLY, NULL)));
	ASSERT_OK(use_read_only(&bind));
	ASSERT_OK(SYS(chown(shared.path, 1001, 1001)));
	ASSERT_OK(child_call(USER(1001), use_read_only, &bind));
	ASSERT_OK(SYS(umount2(bind.mounted.dir, 0)));
	unshare_buffer(&shared);
}

const struct test_case test_cases[] = {
	{"attributes", attributes},
	{"options", options, "control-mode=0640,uid=1001,gid=2001"},
	{"no_other_calls", no_other_calls},
	{"permissions", permissions, "control-mode=0640,gid=2001"},
	{"both_doors", both_doors},
	{"persistent_names", persistent_names},
	{"owner_withdraws", owner_withdraws},
	{"ends_with_its_process", ends_with_its_process},
	{"opened_for_reading", opened_for_reading},
	{"readers_are_not_counted", readers_are_not_counted, "max-roots-per-uid=1"},
	{"pages", pages},
	{"readable_directory", readable_directory, "mode=1777"},
	{"devices", devices, "accel=one,accel=two"},
	{"read_only_bind", read_only_bind},
	{0},
};
