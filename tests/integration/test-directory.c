/* SPDX-License-Identifier: MIT */
/* test-directory.c - files in the root directory are created by export only */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "child.h"
#include "harness.h"
#include "raw.h"

#define FREE_NAME "11111111-2222-4333-8444-555555555555"

static int bind_socket(const char *dir, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = ASSERT_OK(SYS(socket(AF_UNIX, SOCK_SEQPACKET, 0)));

	snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/%.40s", dir, name);
	return (int)SYS(bind(fd, (struct sockaddr *)&address, sizeof(address)));
}

/* What a user, or root, is expected to get. */
struct refusal {
	const struct instance *instance;
	int error;
};

/* A valid UUID, a reserved name, and another name. */
static int create_all(void *data)
{
	static const char *const names[] = {FREE_NAME, ".other", "file"};
	const struct refusal *refusal = data;
	int root = ASSERT_OK(raw_directory(refusal->instance, O_PATH));
	int error = refusal->error;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *name = names[i];

		ASSERT_ERR(SYS(openat(root, name, O_CREAT | O_RDWR, 0600)), error);
		ASSERT_ERR(SYS(openat(root, name, O_CREAT | O_EXCL | O_WRONLY, 0600)),
			   error);
		ASSERT_ERR(SYS(mkdirat(root, name, 0700)), error);
		ASSERT_ERR(SYS(mknodat(root, name, S_IFIFO | 0600, 0)), error);
		ASSERT_ERR(SYS(mknodat(root, name, S_IFREG | 0600, 0)), error);
		ASSERT_ERR(SYS(mknodat(root, name, S_IFSOCK | 0600, 0)), error);
		ASSERT_ERR(SYS(symlinkat("/", root, name)), error);
		ASSERT_ERR(bind_socket(refusal->instance->dir, name), error);
	}
	close(root);
	return 0;
}

/* The service refuses all of it; the kernel, where the directory is not writable. */
static void expect_no_creation(struct instance *instance, int error_of_user)
{
	struct refusal by_user = {instance, error_of_user}, by_root = {instance, EPERM};

	ASSERT_OK(child_call(USER(1001), create_all, &by_user));
	ASSERT_OK(child_call(NULL, create_all, &by_root));
	ASSERT_ERR(SYS(mknod(instance->dir, S_IFBLK | 0600, makedev(1, 1))), EEXIST);
	ASSERT(SYS(open(instance->dir, O_TMPFILE | O_RDWR, 0600)) < 0);
	ASSERT_EQ(raw_count(instance), 0);
}

static void creates_nothing(struct instance *instance)
{
	expect_no_creation(instance, EACCES);
}

static void creates_nothing_if_writable(struct instance *instance)
{
	expect_no_creation(instance, EPERM);
}

static void names_do_not_move(struct instance *instance)
{
	struct shared first, second;
	int root = ASSERT_OK(raw_directory(instance, O_PATH));
	char a[UUID_TEXT_SIZE], b[UUID_TEXT_SIZE];

	share(&first, instance, PAGE, 0, 0);
	share(&second, instance, PAGE, 0, 0);
	raw_uuid_text(first.uuid, a);
	raw_uuid_text(second.uuid, b);
	ASSERT_ERR(SYS(renameat(root, a, root, FREE_NAME)), EPERM);
	ASSERT_ERR(SYS(renameat(root, a, root, b)), EPERM);
	ASSERT_ERR(SYS(renameat2(root, a, root, b, RENAME_EXCHANGE)), EPERM);
	ASSERT_ERR(SYS(renameat2(root, a, root, FREE_NAME, RENAME_NOREPLACE)), EPERM);
	ASSERT_ERR(SYS(linkat(root, a, root, FREE_NAME, 0)), EPERM);
	ASSERT_ERR(SYS(linkat(root, a, root, b, 0)), EEXIST);
	ASSERT_ERR(SYS(openat(root, a, O_CREAT | O_EXCL | O_RDWR, 0600)), EEXIST);
	ASSERT_ERR(SYS(unlinkat(root, a, AT_REMOVEDIR)), ENOTDIR);
	ASSERT_OK(raw_exists(instance, first.uuid));
	ASSERT_OK(raw_exists(instance, second.uuid));
	close(root);
	unshare_buffer(&first);
	unshare_buffer(&second);
}

static int remove_broker(void *data)
{
	const struct refusal *refusal = data;
	int root = ASSERT_OK(raw_directory(refusal->instance, O_PATH));

	ASSERT_ERR(SYS(unlinkat(root, DMABUFFS_BROKER_NAME, 0)), refusal->error);
	ASSERT_ERR(SYS(renameat(root, DMABUFFS_BROKER_NAME, root, "file")),
		   refusal->error);
	close(root);
	return 0;
}

static void expect_broker_stays(struct instance *instance, int error_of_user)
{
	struct refusal by_user = {instance, error_of_user}, by_root = {instance, EPERM};
	int root = ASSERT_OK(raw_directory(instance, O_PATH));
	struct stat st;

	ASSERT_OK(SYS(fstatat(root, DMABUFFS_BROKER_NAME, &st, 0)));
	ASSERT_EQ(st.st_mode & S_IFMT, S_IFSOCK);
	ASSERT_OK(child_call(USER(1001), remove_broker, &by_user));
	ASSERT_OK(child_call(NULL, remove_broker, &by_root));
	ASSERT_ERR(bind_socket(instance->dir, DMABUFFS_BROKER_NAME), EADDRINUSE);
	ASSERT_ERR(SYS(openat(root, DMABUFFS_BROKER_NAME, O_RDWR)), ENXIO);
	close(ASSERT_OK(raw_connect(instance)));
	close(root);
}

static void broker_stays(struct instance *instance)
{
	expect_broker_stays(instance, EACCES);
}

static void broker_stays_if_writable(struct instance *instance)
{
	expect_broker_stays(instance, EPERM);
}

/* What a container engine does that gives a volume to its user: lchown(2) as root. */
static void owner_of_root_is_fixed(struct instance *instance)
{
	char control[INSTANCE_PATH_SIZE + 16];
	struct shared shared;
	struct stat st;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_ERR(SYS(lchown(instance->dir, 1001, 1001)), EPERM);
	ASSERT_ERR(SYS(chown(instance->dir, 1001, -1)), EPERM);
	ASSERT_ERR(SYS(chown(instance->dir, -1, 1001)), EPERM);
	fd = ASSERT_OK(raw_directory(instance, O_RDONLY));
	ASSERT_ERR(SYS(fchown(fd, 1001, 1001)), EPERM);
	close(fd);
	snprintf(control, sizeof(control), "%s/" DMABUFFS_CONTROL_NAME, instance->dir);
	ASSERT_ERR(SYS(lchown(control, 1001, 1001)), EPERM);
	ASSERT_OK(SYS(lchown(instance->dir, 0, 0)));
	ASSERT_OK(SYS(stat(instance->dir, &st)));
	ASSERT_EQ(st.st_uid, 0);
	ASSERT_EQ(st.st_gid, 0);
	ASSERT_OK(SYS(chmod(instance->dir, 01711)));
	ASSERT_OK(SYS(lchown(shared.path, 1001, 1001)));
	ASSERT_OK(SYS(stat(shared.path, &st)));
	ASSERT_EQ(st.st_uid, 1001);
	unshare_buffer(&shared);
}

static void long_names(struct instance *instance)
{
	int root = ASSERT_OK(raw_directory(instance, O_PATH));
	char name[NAME_MAX + 2];
	struct stat st;

	memset(name, 'a', sizeof(name));
	name[NAME_MAX + 1] = '\0';
	ASSERT_ERR(SYS(fstatat(root, name, &st, 0)), ENAMETOOLONG);
	ASSERT_ERR(SYS(openat(root, name, O_RDONLY)), ENAMETOOLONG);
	ASSERT_ERR(SYS(openat(root, name, O_RDWR | O_CREAT, 0600)), ENAMETOOLONG);
	ASSERT_ERR(SYS(mkdirat(root, name, 0700)), ENAMETOOLONG);
	ASSERT_ERR(SYS(unlinkat(root, name, 0)), ENAMETOOLONG);
	name[NAME_MAX] = '\0';
	ASSERT_ERR(SYS(fstatat(root, name, &st, 0)), ENOENT);
	ASSERT_EQ(fpathconf(root, _PC_NAME_MAX), NAME_MAX);
	close(root);
}

static int connect_as_user(void *data)
{
	return raw_connect(data);
}

/* Connecting grants nothing, so the socket is open to all users. */
static void broker_is_open_to_all(struct instance *instance)
{
	ASSERT_OK(child_call(USER(1001), connect_as_user, instance));
}

/* The directory cannot be changed; root can change its attributes by a remount only. */
static int change_root(void *data)
{
	struct instance *instance = data;

	ASSERT_ERR(SYS(chmod(instance->dir, 0777)), EPERM);
	ASSERT_ERR(SYS(chown(instance->dir, 1001, 1001)), EPERM);
	ASSERT(SYS(setxattr(instance->dir, "user.x", "y", 1, 0)) < 0);
	return 0;
}

static void root_is_protected(struct instance *instance)
{
	struct stat st;

	ASSERT_OK(child_call(USER(1001), change_root, instance));
	ASSERT_OK(SYS(stat(instance->dir, &st)));
	ASSERT_EQ(st.st_mode, S_IFDIR | 01711);
}

static void directory_descriptor(struct instance *instance)
{
	int root = ASSERT_OK(raw_directory(instance, O_RDONLY));
	char byte;

	ASSERT_ERR(SYS(read(root, &byte, 1)), EISDIR);
	ASSERT_ERR(SYS(open(instance->dir, O_RDWR)), EISDIR);
	ASSERT_OK(SYS(fsync(root)));
	close(root);
}

const struct test_case test_cases[] = {
	{"creates_nothing", creates_nothing},
	{"creates_nothing_if_writable", creates_nothing_if_writable, "mode=1733"},
	{"names_do_not_move", names_do_not_move},
	{"broker_stays", broker_stays},
	{"broker_stays_if_writable", broker_stays_if_writable, "mode=1733"},
	{"broker_is_open_to_all", broker_is_open_to_all},
	{"owner_of_root_is_fixed", owner_of_root_is_fixed},
	{"long_names", long_names},
	{"root_is_protected", root_is_protected},
	{"directory_descriptor", directory_descriptor},
	{0},
};
