/* SPDX-License-Identifier: MIT */
/* instance.c - open and close an instance */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include <util.h>

#include "broker.h"
#include "instance.h"

#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif

static const char *instance_choose_path(const char *path)
{
	const char *from_environment;

	if (path)
		return path;
	from_environment = secure_getenv("DMABUFFS_MOUNT");
	return from_environment && *from_environment ? from_environment
						     : DMABUFFS_DEFAULT_MOUNT;
}

/*
 * Import needs only search permission on the root directory. Without read permission an
 * O_PATH descriptor is enough for openat(2) and for the broker.
 */
static int instance_open_root(const char *path, bool *ret_readable)
{
	int flags = O_DIRECTORY | O_CLOEXEC;
	int fd = (int)SYSCALL(open(path, O_RDONLY | flags));

	*ret_readable = fd >= 0;
	if (fd == -EACCES)
		fd = (int)SYSCALL(open(path, O_PATH | flags));
	return fd;
}

/* Another FUSE file system may be mounted there; only dmabuffs knows the command. */
static int instance_probe_command(int root_fd)
{
	struct dmabuffs_revoke nobody = {.size = sizeof(nobody)};
	int r = (int)SYSCALL(ioctl(root_fd, DMABUFFS_IOC_REVOKE, &nobody));

	switch (r) {
	case -ENOENT: /* the command is known, and the zero UUID is never a name */
		return 0;
	case -ENOTCONN:
	case -ECONNABORTED:
	case -EPERM: /* the mount is going away */
		return -ENOTCONN;
	case -ENOMEM:
		return r;
	default:
		return -ENOTTY;
	}
}

static int instance_check_root(int root_fd, bool readable)
{
	struct statfs filesystem;
	int r = (int)SYSCALL(fstatfs(root_fd, &filesystem));

	if (r < 0)
		return r == -ECONNABORTED ? -ENOTCONN : r;
	if (filesystem.f_type != FUSE_SUPER_MAGIC)
		return -ENOTTY;
	return readable ? instance_probe_command(root_fd) : 0;
}

_public_ int dmabuffs_open(const char *path, struct dmabuffs **ret_instance)
{
	_cleanup_free_ struct dmabuffs *instance = calloc(1, sizeof(*instance));
	_cleanup_close_ int root_fd = -1;
	int r;

	if (!instance)
		return -ENOMEM;
	root_fd = instance_open_root(instance_choose_path(path), &instance->readable);
	if (root_fd < 0)
		return root_fd;
	r = instance_check_root(root_fd, instance->readable);
	if (r < 0)
		return r;
	r = broker_slot_init(instance);
	if (r < 0)
		return r;

	instance->root_fd = TAKE_FD(root_fd);
	*ret_instance = TAKE_PTR(instance);
	return 0;
}

_public_ void dmabuffs_close(struct dmabuffs *instance)
{
	if (!instance)
		return;
	broker_slot_finish(instance);
	close_keep_errno(instance->root_fd);
	free(instance);
}

_public_ int dmabuffs_root_fd(const struct dmabuffs *instance)
{
	return instance->root_fd;
}

int instance_ioctl(struct dmabuffs *instance, unsigned long request, void *argument)
{
	if (!instance->readable)
		return -EACCES;
	return (int)SYSCALL(ioctl(instance->root_fd, request, argument));
}

int instance_open_name(struct dmabuffs *instance, const dmabuffs_uuid *uuid, int access)
{
	char name[DMABUFFS_UUID_TEXT_SIZE];

	dmabuffs_uuid_format(uuid, name);
	return (int)SYSCALL(
		openat(instance->root_fd, name, access | O_CLOEXEC | O_NOFOLLOW));
}

/* Each walk needs its own open file description, which holds the position. */
int instance_open_directory(struct dmabuffs *instance, const char *name,
			    DIR **ret_directory)
{
	_cleanup_close_ int fd =
		(int)SYSCALL(openat(instance->root_fd, name,
				    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
	DIR *directory;

	if (fd < 0)
		return fd;
	directory = fdopendir(fd);
	if (!directory)
		return -errno;

	(void)TAKE_FD(fd);
	*ret_directory = directory;
	return 0;
}
