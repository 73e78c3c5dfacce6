/* SPDX-License-Identifier: MIT */
/* test-idmap.c - idmapped bind mounts, with the mount option idmap */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <dmabuffs-accel.h>
#include <dmabuffs.h>

#include "acl.h"
#include "child.h"
#include "harness.h"
#include "raw-accel.h"
#include "raw.h"

/* The ids 0 to 65,535 of the instance are these of the host, through the bind mount. */
#define FIRST 100000U
#define N_IDS 65536U

/* ---- an idmapped bind mount -------------------------------------------------------- */

static void write_map(pid_t pid, const char *name)
{
	char path[40], text[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	snprintf(text, sizeof(text), "0 %u %u", FIRST, N_IDS);
	fd = ASSERT_OK(SYS(open(path, O_WRONLY)));
	ASSERT_OK(SYS(write(fd, text, strlen(text))));
	close(fd);
}

static void be_in_user_namespace(int peer, void *data)
{
	ASSERT_OK(SYS(unshare(CLONE_NEWUSER)));
	peer_signal(peer);
	peer_wait(peer);
}

static int user_namespace(void)
{
	struct child child;
	char path[40];
	int fd;

	child_start(&child, NULL, be_in_user_namespace, NULL);
	peer_wait(child.peer);
	write_map(child.pid, "uid_map");
	write_map(child.pid, "gid_map");
	snprintf(path, sizeof(path), "/proc/%d/ns/user", child.pid);
	fd = ASSERT_OK(SYS(open(path, O_RDONLY | O_CLOEXEC)));
	peer_signal(child.peer);
	child_wait(&child);
	return fd;
}

static int clone_with_map(const char *dir, int *ret_tree)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = (uint64_t)user_namespace(),
	};
	int tree = ASSERT_OK(SYS(syscall(SYS_open_tree, AT_FDCWD, dir,
					 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
	int r = (int)SYS(
		syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)));

	close((int)attr.userns_fd);
	*ret_tree = tree;
	return r;
}

/* The same instance at a second directory, where the ids are mapped. */
static struct instance map_instance(const struct instance *instance)
{
	struct instance mapped = *instance;
	int tree;

	snprintf(mapped.dir, sizeof(mapped.dir), "%.80s/mapped", test_work_dir);
	ASSERT_OK(SYS(mkdir(mapped.dir, 0755)));
	ASSERT_OK(clone_with_map(instance->dir, &tree));
	ASSERT_OK(SYS(syscall(SYS_move_mount, tree, "", AT_FDCWD, mapped.dir,
			      MOVE_MOUNT_F_EMPTY_PATH)));
	close(tree);
	return mapped;
}

/* The daemon ends with the last mount. */
static void unmap_instance(const struct instance *mapped)
{
	ASSERT_OK(SYS(umount2(mapped->dir, MNT_DETACH)));
}

/* ---- tokens ------------------------------------------------------------------------ */

static int open_handle(const struct instance *instance)
{
	char path[INSTANCE_PATH_SIZE + 8];

	snprintf(path, sizeof(path), "%s/" DMABUFFS_IDMAP_NAME, instance->dir);
	return (int)SYS(open(path, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0));
}

static int get_token(int handle, struct dmabuffs_token *ret_token)
{
	*ret_token = (struct dmabuffs_token){.size = sizeof(*ret_token)};
	return (int)SYS(ioctl(handle, DMABUFFS_IOC_TOKEN, ret_token));
}

static int present(int fd, struct dmabuffs_token *token)
{
	return (int)SYS(ioctl(fd, DMABUFFS_IOC_IDENTIFY, token));
}

static void identify(const struct instance *instance, int fd)
{
	int handle = ASSERT_OK(open_handle(instance));
	struct dmabuffs_token token;

	ASSERT_OK(get_token(handle, &token));
	ASSERT_OK(present(fd, &token));
	close(handle);
}

/* ---- what others see --------------------------------------------------------------- */

struct place {
	const struct instance *instance;
	const uint8_t *uuid;
	int flags;
};

static int open_place(void *data)
{
	const struct place *place = data;
	int fd = raw_open(place->instance, place->uuid, place->flags);

	if (fd >= 0)
		close(fd);
	return MIN(fd, 0);
}

static int open_as(const struct instance *instance, const uint8_t uuid[16], uid_t uid)
{
	struct place place = {instance, uuid, O_RDWR};

	return child_call(USER(uid), open_place, &place);
}

static struct stat stat_name(const struct instance *instance, const uint8_t uuid[16])
{
	char path[INSTANCE_PATH_SIZE + UUID_TEXT_SIZE], text[UUID_TEXT_SIZE];
	struct stat st;

	raw_uuid_text(uuid, text);
	snprintf(path, sizeof(path), "%s/%s", instance->dir, text);
	ASSERT_OK(SYS(stat(path, &st)));
	return st;
}

static void expect_owner(const struct instance *instance, const uint8_t uuid[16],
			 uid_t uid, gid_t gid)
{
	struct stat st = stat_name(instance, uuid);

	ASSERT_EQ(st.st_uid, uid);
	ASSERT_EQ(st.st_gid, gid);
}

/* ---- an exporter behind the bind mount --------------------------------------------- */

struct exporter {
	const struct instance *mapped;
	struct child child;
	uint8_t uuid[16];
};

static void run_exporter(int peer, void *data)
{
	const struct instance *mapped = data;
	int root = ASSERT_OK(raw_root(mapped)), fd = raw_memfd(PAGE);
	uint8_t uuid[16];

	ASSERT_ERR(raw_export_fd(root, fd, 0, 0, uuid), EOVERFLOW);
	identify(mapped, root);
	ASSERT_OK(raw_export_fd(root, fd, 0, 0, uuid));
	peer_put(peer, uuid, sizeof(uuid));
	peer_wait(peer);
	ASSERT_OK(raw_revoke(root, uuid));
}

static void exporter_start(struct exporter *exporter, const struct instance *mapped)
{
	exporter->mapped = mapped;
	child_start(&exporter->child, USER(FIRST + 1001), run_exporter, (void *)mapped);
	peer_get(exporter->child.peer, exporter->uuid, sizeof(exporter->uuid));
}

static void exporter_end(struct exporter *exporter)
{
	peer_signal(exporter->child.peer);
	child_wait(&exporter->child);
}

static void owner(struct instance *instance)
{
	_cleanup_(unmap_instance) struct instance mapped = map_instance(instance);
	struct exporter exporter;

	exporter_start(&exporter, &mapped);
	expect_owner(instance, exporter.uuid, 1001, 1001);
	expect_owner(&mapped, exporter.uuid, FIRST + 1001, FIRST + 1001);
	ASSERT_OK(open_as(instance, exporter.uuid, 1001));
	ASSERT_OK(open_as(&mapped, exporter.uuid, FIRST + 1001));
	ASSERT_ERR(open_as(instance, exporter.uuid, FIRST + 1001), EACCES);
	ASSERT_ERR(open_as(&mapped, exporter.uuid, 1001), EACCES);
	ASSERT_ERR(open_as(&mapped, exporter.uuid, FIRST + 1002), EACCES);
	exporter_end(&exporter);
	expect_no_name(instance, exporter.uuid);
}

static int export_plainly(void *data)
{
	const struct instance *instance = data;
	int root = ASSERT_OK(raw_root(instance)), fd = raw_memfd(PAGE);
	uint8_t uuid[16];

	identify(instance, root);
	ASSERT_OK(raw_export_fd(root, fd, 0, 0, uuid));
	expect_owner(instance, uuid, 1001, 1001);
	ASSERT_OK(raw_revoke(root, uuid));
	return 0;
}

/* Also the mount itself tells no ids any more. */
static void plain_mount(struct instance *instance)
{
	ASSERT_OK(child_call(USER(1001), export_plainly, instance));
}

static void attributes(struct instance *instance)
{
	_cleanup_(unmap_instance) struct instance mapped = map_instance(instance);
	char path[INSTANCE_PATH_SIZE + UUID_TEXT_SIZE], text[UUID_TEXT_SIZE];
	struct acl acl = acl_for_user(FIRST + 1002, 6, 6), seen;
	struct acl plain_acl = acl_for_user(1002, 6, 6);
	char plain[INSTANCE_PATH_SIZE + UUID_TEXT_SIZE];
	struct exporter exporter;

	exporter_start(&exporter, &mapped);
	raw_uuid_text(exporter.uuid, text);
	snprintf(path, sizeof(path), "%s/%s", mapped.dir, text);
	snprintf(plain, sizeof(plain), "%s/%s", instance->dir, text);
	ASSERT_OK(SYS(setxattr(path, ACL_XATTR, &acl, sizeof(acl), 0)));
	ASSERT_EQ(SYS(getxattr(plain, ACL_XATTR, &seen, sizeof(seen))), sizeof(seen));
	ASSERT_EQ(memcmp(&seen, &plain_acl, sizeof(seen)), 0);
	ASSERT_OK(open_as(&mapped, exporter.uuid, FIRST + 1002));
	ASSERT_OK(open_as(instance, exporter.uuid, 1002));
	ASSERT_ERR(open_as(&mapped, exporter.uuid, 1002), EACCES);
	ASSERT_ERR(open_as(&mapped, exporter.uuid, FIRST + 1003), EACCES);

	/* An id that the map has, and one that it has not. */
	ASSERT_ERR(SYS(chown(path, 5, (gid_t)-1)), EOVERFLOW);
	ASSERT_OK(SYS(chown(path, FIRST + 1003, FIRST + 1004)));
	expect_owner(instance, exporter.uuid, 1003, 1004);
	ASSERT_OK(SYS(chown(plain, 1001, 1001)));
	expect_owner(&mapped, exporter.uuid, FIRST + 1001, FIRST + 1001);
	ASSERT_OK(SYS(chmod(path, 0604)));
	ASSERT_EQ(stat_name(instance, exporter.uuid).st_mode & 07777, 0604);
	exporter_end(&exporter);
}

static void passthrough(struct instance *instance)
{
	_cleanup_(unmap_instance) struct instance mapped = map_instance(instance);
	struct exporter exporter;
	struct dmabuffs_info info;
	uint8_t *address;
	void *mapping;
	int fd;

	exporter_start(&exporter, &mapped);
	fd = ASSERT_OK(raw_open(&mapped, exporter.uuid, O_RDWR));
	ASSERT_OK(raw_info(fd, &info));
	ASSERT(info.flags & DMABUFFS_INFO_PASSTHROUGH);
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, &mapping));
	address = mapping;
	ASSERT_EQ(address[7], pattern(7));
	munmap(mapping, PAGE);
	close(fd);
	exporter_end(&exporter);
}

/* ---- commands without ids ---------------------------------------------------------- */

static int use_without_ids(void *data)
{
	const struct instance *mapped = data;
	struct dmabuffs_list list = {.size = sizeof(list)};
	struct dmabuffs_entries entries = {.size = sizeof(entries)};
	struct dmabuffs_limits limits = {.size = sizeof(limits)};
	struct dmabuffs_ended ended = {.size = sizeof(ended)};
	int root = ASSERT_OK(raw_root(mapped)), fd = raw_memfd(PAGE);
	uint8_t uuid[16] = {1};

	ASSERT_ERR(raw_export_fd(root, fd, 0, 0, uuid), EOVERFLOW);
	ASSERT_ERR(raw_revoke(root, uuid), ENOENT);
	ASSERT_ERR(raw_withdraw_own(root, uuid), ENOENT);
	ASSERT_ERR(SYS(ioctl(root, DMABUFFS_IOC_LIST, &list)), EOVERFLOW);
	ASSERT_ERR(SYS(ioctl(root, DMABUFFS_IOC_ENTRIES, &entries)), EACCES);
	ASSERT_ERR(SYS(ioctl(root, DMABUFFS_IOC_LIMITS, &limits)), EOVERFLOW);
	ASSERT_ERR(SYS(ioctl(root, DMABUFFS_IOC_ENDED, &ended)), ENOENT);
	identify(mapped, root);
	ASSERT_OK(raw_export_fd(root, fd, 0, 0, uuid));
	ASSERT_EQ(ASSERT_OK(raw_list(root, &list)), 1);
	ASSERT_ERR(SYS(ioctl(root, DMABUFFS_IOC_ENTRIES, &entries)), EACCES);
	ASSERT_OK(SYS(ioctl(root, DMABUFFS_IOC_LIMITS, &limits)));
	ASSERT_EQ(limits.user[DMABUFFS_LIMIT_EXPORTS].used, 1);
	ASSERT_EQ(limits.user[DMABUFFS_LIMIT_ROOTS].used, 1);

	/* Of another description of the same user. */
	close(fd);
	fd = ASSERT_OK(raw_root(mapped));
	ASSERT_ERR(raw_revoke(fd, uuid), EOVERFLOW);
	ASSERT_ERR(raw_withdraw_own(fd, uuid), EOVERFLOW);
	ASSERT_ERR(raw_withdraw(fd, uuid), EPERM);
	identify(mapped, fd);
	ASSERT_OK(raw_withdraw_own(fd, uuid));
	return 0;
}

static void without_ids(struct instance *instance)
{
	_cleanup_(unmap_instance) struct instance mapped = map_instance(instance);

	ASSERT_OK(child_call(USER(FIRST + 1001), use_without_ids, &mapped));
}

/* ---- the library ------------------------------------------------------------------- */

static int count_name(const dmabuffs_uuid *uuid, void *data)
{
	++*(int *)data;
	return 0;
}

static int expect_mapped_owner(const struct dmabuffs_entry *entry, void *data)
{
	ASSERT_EQ(entry->uid, FIRST + 1001);
	ASSERT_EQ(entry->gid, FIRST + 1001);
	++*(int *)data;
	return 0;
}

static int use_library(void *data)
{
	const struct instance *mapped = data;
	struct dmabuffs_limits limits;
	struct dmabuffs *instance;
	dmabuffs_uuid uuid, other;
	int n = 0, fd = raw_memfd(PAGE), buffer, context;
	struct accel_asid_create asid = {.flags = 0};

	ASSERT_OK(dmabuffs_open(mapped->dir, &instance));
	ASSERT_OK(dmabuffs_list(instance, count_name, &n));
	ASSERT_EQ(n, 0);
	ASSERT_OK(dmabuffs_export(instance, fd, NULL, &uuid));
	expect_owner(mapped, uuid.bytes, FIRST + 1001, FIRST + 1001);
	ASSERT_OK(dmabuffs_list(instance, count_name, &n));
	ASSERT_EQ(n, 1);
	ASSERT_OK(dmabuffs_list_entries(instance, expect_mapped_owner, &n));
	ASSERT_EQ(n, 2);
	ASSERT_OK(dmabuffs_limits(instance, &limits, sizeof(limits)));
	ASSERT_EQ(limits.user[DMABUFFS_LIMIT_EXPORTS].used, 1);
	ASSERT_OK(dmabuffs_import(instance, &uuid, O_RDWR, &buffer));
	close(buffer);

	/* An address space of a context. */
	ASSERT_OK(dmabuffs_accel_open(instance, RAW_DEVICE, &context));
	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_ASID_CREATE, &asid));
	ASSERT_OK(dmabuffs_accel_export_asid(context, asid.id, NULL, &other));
	expect_owner(mapped, other.bytes, FIRST + 1001, FIRST + 1001);
	ASSERT_OK(dmabuffs_unlink(instance, &other));
	close(context);

	ASSERT_OK(dmabuffs_revoke(instance, &uuid));
	dmabuffs_close(instance);
	return 0;
}

static void library(struct instance *instance)
{
	_cleanup_(unmap_instance) struct instance mapped = map_instance(instance);

	ASSERT_OK(child_call(USER(FIRST + 1001), use_library, &mapped));
}

/* The instance of a process that changes its user acts for the new one. */
static void library_after_setuid(struct instance *instance)
{
	struct dmabuffs *mount;
	dmabuffs_uuid first, second;
	int a = raw_memfd(PAGE), b = raw_memfd(PAGE);

	ASSERT_OK(dmabuffs_open(instance->dir, &mount));
	ASSERT_OK(SYS(setegid(1001)));
	ASSERT_OK(SYS(seteuid(1001)));
	ASSERT_OK(dmabuffs_export(mount, a, NULL, &first));
	expect_owner(instance, first.bytes, 1001, 1001);
	ASSERT_OK(SYS(seteuid(0)));
	ASSERT_OK(SYS(setegid(1002)));
	ASSERT_OK(SYS(seteuid(1002)));
	ASSERT_OK(dmabuffs_export(mount, b, NULL, &second));
	expect_owner(instance, second.bytes, 1002, 1002);
	ASSERT_ERR(dmabuffs_revoke(mount, &first), EPERM);
	ASSERT_OK(dmabuffs_revoke(mount, &second));
	dmabuffs_close(mount);
}

/* ---- contexts ---------------------------------------------------------------------- */

static int use_context(void *data)
{
	const struct instance *mapped = data;
	int context = ASSERT_OK(raw_context(mapped));
	uint32_t asid = (uint32_t)ASSERT_OK(raw_accel_asid(context, 0));
	uint8_t uuid[16];

	ASSERT_ERR(raw_accel_export(mapped, context, asid, uuid), EOVERFLOW);
	identify(mapped, context);
	close(ASSERT_OK(raw_accel_export(mapped, context, asid, uuid)));
	expect_owner(mapped, uuid, FIRST + 1001, FIRST + 1001);
	return 0;
}

static void context(struct instance *instance)
{
	_cleanup_(unmap_instance) struct instance mapped = map_instance(instance);

	ASSERT_OK(child_call(USER(FIRST + 1001), use_context, &mapped));
}

/* ---- hostile users ----------------------------------------------------------------- */

static int misuse_tokens(void *data)
{
	const struct instance *mapped = data;
	int root = ASSERT_OK(raw_root(mapped)), handle = ASSERT_OK(open_handle(mapped));
	struct dmabuffs_token token, next;

	/* Forged. */
	token = (struct dmabuffs_token){.size = sizeof(token)};
	ASSERT_ERR(present(root, &token), ENOENT);
	ASSERT_OK(get_token(handle, &token));
	token.token[15] ^= 1;
	ASSERT_ERR(present(root, &token), ENOENT);
	token.token[15] ^= 1;

	/* Twice. */
	ASSERT_OK(present(root, &token));
	ASSERT_ERR(present(root, &token), ENOENT);

	/* After the next one of its handle, and after the handle. */
	ASSERT_OK(get_token(handle, &token));
	ASSERT_OK(get_token(handle, &next));
	ASSERT_ERR(present(root, &token), ENOENT);
	close(handle);
	ASSERT_ERR(present(root, &next), ENOENT);

	/* Thousands: only the last is good. */
	handle = ASSERT_OK(open_handle(mapped));
	for (int i = 0; i < 5000; i++)
		ASSERT_OK(get_token(handle, &token));
	ASSERT_OK(present(root, &token));
	return 0;
}

static void tokens(struct instance *instance)
{
	_cleanup_(unmap_instance) struct instance mapped = map_instance(instance);

	ASSERT_OK(child_call(USER(FIRST + 1001), misuse_tokens, &mapped));
}

/* Gives its token and its identified description away. */
static void give_away(int peer, void *data)
{
	const struct instance *mapped = data;
	int root = ASSERT_OK(raw_root(mapped)), handle = ASSERT_OK(open_handle(mapped));
	struct dmabuffs_token token;

	identify(mapped, root);
	ASSERT_OK(get_token(handle, &token));
	peer_put(peer, &token, sizeof(token));
	peer_put_fd(peer, root);
	peer_wait(peer);
	/* The other could not spend it. */
	ASSERT_OK(present(root, &token));
}

static void use_given(int peer, void *data)
{
	const struct instance *mapped = data;
	int own = ASSERT_OK(raw_root(mapped)), given, fd = raw_memfd(PAGE);
	struct dmabuffs_token token;
	uint8_t uuid[16];

	peer_get(peer, &token, sizeof(token));
	given = peer_get_fd(peer);
	ASSERT_ERR(present(own, &token), EPERM);
	ASSERT_ERR(present(given, &token), EPERM);
	ASSERT_ERR(raw_export_fd(own, fd, 0, 0, uuid), EOVERFLOW);
	ASSERT_ERR(raw_export_fd(given, fd, 0, 0, uuid), EOVERFLOW);

	/* Its own token makes names of its own on the description of the other. */
	identify(mapped, given);
	ASSERT_OK(raw_export_fd(given, fd, 0, 0, uuid));
	expect_owner(mapped, uuid, FIRST + 1002, FIRST + 1002);
}

static void others(struct instance *instance)
{
	_cleanup_(unmap_instance) struct instance mapped = map_instance(instance);
	struct child giver, taker;
	struct dmabuffs_token token;
	int fd;

	child_start(&giver, USER(FIRST + 1001), give_away, &mapped);
	child_start(&taker, USER(FIRST + 1002), use_given, &mapped);
	peer_get(giver.peer, &token, sizeof(token));
	fd = peer_get_fd(giver.peer);
	peer_put(taker.peer, &token, sizeof(token));
	peer_put_fd(taker.peer, fd);
	close(fd);
	child_wait(&taker);
	peer_signal(giver.peer);
	child_wait(&giver);
}

#define MAX_ROOTS 20

static int fill_with_handles(void *data)
{
	const struct instance *mapped = data;
	int handles[MAX_ROOTS], extra;

	for (int i = 0; i < MAX_ROOTS; i++)
		handles[i] = ASSERT_OK(open_handle(mapped));
	extra = open_handle(mapped);
	ASSERT_ERR(extra, EDQUOT);
	for (int i = 0; i < MAX_ROOTS; i++)
		close(handles[i]);
	/* RELEASE is asynchronous. */
	for (int i = 0; (extra = open_handle(mapped)) == -EDQUOT && i < WAIT_MS; i++)
		usleep(1000);
	ASSERT_OK(extra);
	return 0;
}

static void limit(struct instance *instance)
{
	_cleanup_(unmap_instance) struct instance mapped = map_instance(instance);

	ASSERT_OK(child_call(USER(FIRST + 1001), fill_with_handles, &mapped));
}

/* A user whom the map does not have, behind the bind mount, gets no ids. */
static int try_unmapped(void *data)
{
	const struct instance *mapped = data;

	ASSERT_ERR(open_handle(mapped), EOVERFLOW);
	return 0;
}

static void unmapped(struct instance *instance)
{
	_cleanup_(unmap_instance) struct instance mapped = map_instance(instance);

	ASSERT_OK(child_call(USER(1001), try_unmapped, &mapped));
	ASSERT_OK(child_call(USER(FIRST + N_IDS), try_unmapped, &mapped));
}

/* The directory and its handles are good for nothing else. */
static int try_other_uses(void *data)
{
	const struct instance *mapped = data;
	int handle = ASSERT_OK(open_handle(mapped));
	char dir[INSTANCE_PATH_SIZE + 8], path[INSTANCE_PATH_SIZE + 24], link[40];
	void *mapping;

	snprintf(dir, sizeof(dir), "%s/" DMABUFFS_IDMAP_NAME, mapped->dir);
	snprintf(path, sizeof(path), "%s/name", dir);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", handle);
	ASSERT_ERR(SYS(open(dir, O_RDONLY)), EACCES);
	ASSERT_ERR(SYS(open(path, O_RDWR | O_CREAT, 0666)), EPERM);
	ASSERT_ERR(SYS(mkdir(path, 0777)), EPERM);
	ASSERT_ERR(SYS(symlink("x", path)), EPERM);
	ASSERT_ERR(SYS(mknod(path, S_IFIFO | 0600, 0)), EPERM);
	ASSERT_ERR(SYS(linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW)), EPERM);
	ASSERT_ERR(SYS(open(link, O_RDWR)), EACCES);
	ASSERT_ERR(SYS(fchmod(handle, 0666)), EPERM);
	ASSERT_ERR(SYS(ftruncate(handle, 4096)), EPERM);
	ASSERT_ERR(SYS(write(handle, "x", 1)), EBADF);
	ASSERT_ERR(raw_map(handle, PAGE, PROT_READ, &mapping), EACCES);
	snprintf(path, sizeof(path), "%s/.control", dir);
	ASSERT_ERR(SYS(open(path, O_RDWR)), ENOENT);
	ASSERT_ERR(SYS(chmod(dir, 0777)), EPERM);
	ASSERT_ERR(SYS(rmdir(dir)), EACCES);
	close(handle);
	return 0;
}

static void other_uses(struct instance *instance)
{
	_cleanup_(unmap_instance) struct instance mapped = map_instance(instance);
	char path[INSTANCE_PATH_SIZE + 8];

	ASSERT_OK(child_call(USER(FIRST + 1001), try_other_uses, &mapped));
	snprintf(path, sizeof(path), "%s/" DMABUFFS_IDMAP_NAME, instance->dir);
	ASSERT_ERR(SYS(chown(path, 1001, 1001)), EPERM);
	ASSERT_ERR(SYS(open(instance->dir, O_TMPFILE | O_RDWR, 0600)), EOPNOTSUPP);
	/* The administrator's choice. */
	ASSERT_OK(SYS(chmod(path, 0700)));
	ASSERT_ERR(open_as(instance, (const uint8_t[16]){0}, 1001), ENOENT);
}

static void structs(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance)),
	    handle = ASSERT_OK(open_handle(instance));
	int readonly = ASSERT_OK(raw_control(instance, O_RDONLY));
	int context = ASSERT_OK(raw_context(instance));
	struct dmabuffs_token token;

	ASSERT_OK(get_token(handle, &token));
	ASSERT_ERR(present(readonly, &token), EBADF);
	ASSERT_ERR(present(handle, &token), ENOTTY);
	ASSERT_ERR(get_token(root, &token), ENOTTY);
	for (uint32_t size = 0; size < 24; size += 4) {
		token.size = size;
		ASSERT_ERR(present(root, &token), EINVAL);
		ASSERT_ERR(present(context, &token), EINVAL);
		ASSERT_ERR(SYS(ioctl(handle, DMABUFFS_IOC_TOKEN, &token)), EINVAL);
	}
	token.size = sizeof(token);
	for (int bit = 0; bit < 32; bit++) {
		token.flags = 1U << bit;
		ASSERT_ERR(present(root, &token), EOPNOTSUPP);
		ASSERT_ERR(present(context, &token), EOPNOTSUPP);
		ASSERT_ERR(SYS(ioctl(handle, DMABUFFS_IOC_TOKEN, &token)), EOPNOTSUPP);
	}
	close(handle);
	close(readonly);
	close(root);
}

/* ---- without the option ------------------------------------------------------------ */

static void without_option(struct instance *instance)
{
	struct dmabuffs_token token = {.size = sizeof(token)};
	int tree, root = ASSERT_OK(raw_root(instance));

	ASSERT_ERR(clone_with_map(instance->dir, &tree), EINVAL);
	close(tree);
	ASSERT_ERR(open_handle(instance), ENOENT);
	ASSERT_ERR(SYS(open(instance->dir, O_TMPFILE | O_RDWR, 0600)), EOPNOTSUPP);
	ASSERT_ERR(present(root, &token), ENOENT);
	close(root);
}

const struct test_case test_cases[] = {
	{"owner", owner, "idmap"},
	{"plain_mount", plain_mount, "idmap"},
	{"attributes", attributes, "idmap"},
	{"passthrough", passthrough, "idmap"},
	{"without_ids", without_ids, "idmap"},
	{"library", library, "idmap"},
	{"library_after_setuid", library_after_setuid, "idmap"},
	{"context", context, "idmap"},
	{"tokens", tokens, "idmap"},
	{"others", others, "idmap"},
	{"limit", limit, "idmap,max-roots-per-uid=20"},
	{"unmapped", unmapped, "idmap"},
	{"other_uses", other_uses, "idmap"},
	{"structs", structs, "idmap"},
	{"without_option", without_option, NULL},
	{0},
};
