/* SPDX-License-Identifier: MIT */
/* instance.c - open and close an instance */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <util.h>

#include "broker.h"
#include "instance.h"

static const char *instance_choose_path(const char *path)
{
	const char *from_environment;

	if (path)
		return path;
	from_environment = secure_getenv("DMABUFFS_MOUNT");
	return from_environment && *from_environment ? from_environment
						     : DMABUFFS_DEFAULT_MOUNT;
}

/* ---- .control ---------------------------------------------------------------------- */

static int instance_open_below(struct dmabuffs *instance, const char *name, int flags)
{
	return (int)SYSCALL(
		openat(instance->root_fd, name, flags | O_NOFOLLOW | O_CLOEXEC));
}

/* A service without .control takes the commands on the root directory. */
static int instance_open_old(struct dmabuffs *instance)
{
	instance->is_old = true;
	return instance_open_below(instance, ".", O_RDONLY | O_DIRECTORY);
}

/*
 * Import needs only search permission on the root directory, so a user without any on
 * .control is not refused here.
 */
static int instance_open_control(struct dmabuffs *instance)
{
	int fd = instance_open_below(instance, DMABUFFS_CONTROL_NAME, O_RDWR);

	if (fd == -ENOENT)
		fd = instance_open_old(instance);
	if (fd == -EACCES || fd == -EROFS)
		instance->refusal = fd;
	if (instance->refusal && !instance->is_old)
		fd = instance_open_below(instance, DMABUFFS_CONTROL_NAME, O_RDONLY);
	if (fd < 0 && fd != -EACCES)
		return fd;
	instance->control_fd = MAX(fd, -1);
	return 0;
}

/* The zero UUID is never a name. */
static int instance_probe_old(int root_fd)
{
	struct dmabuffs_revoke nobody = {.size = sizeof(nobody)};
	int r = (int)SYSCALL(ioctl(root_fd, DMABUFFS_IOC_REVOKE, &nobody));

	return r == -ENOENT ? 0 : r < 0 ? r : -ENOTTY;
}

static int instance_probe_control(int control_fd)
{
	struct dmabuffs_list list = {.size = sizeof(list)};

	return (int)SYSCALL(ioctl(control_fd, DMABUFFS_IOC_LIST, &list));
}

/* Another FUSE file system may be mounted there; only dmabuffs knows the commands. */
static int instance_probe(struct dmabuffs *instance)
{
	int r;

	if (instance->control_fd < 0)
		return 0;
	r = instance->is_old ? instance_probe_old(instance->control_fd)
			     : instance_probe_control(instance->control_fd);
	instance->has_idmap = r == -EOVERFLOW;
	switch (r) {
	case -EOVERFLOW: /* of nobody's names, so far */
		return 0;
	case 0:
	case -ENOMEM:
		return r;
	case -ENOTCONN:
	case -ECONNABORTED:
	case -EPERM: /* the mount is going away */
		return -ENOTCONN;
	default:
		return -ENOTTY;
	}
}

/* ---- instances --------------------------------------------------------------------- */

static int instance_connect(struct dmabuffs *instance, const char *path)
{
	int r = (int)SYSCALL(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));

	if (r < 0)
		return r;
	instance->root_fd = r;
	r = check_request(instance->root_fd);
	if (r >= 0)
		r = instance_open_control(instance);
	if (r >= 0)
		r = instance_probe(instance);
	return r < 0 ? r : broker_slot_init(instance);
}

_public_ int dmabuffs_open(const char *path, struct dmabuffs **ret_instance)
{
	struct dmabuffs *instance = calloc(1, sizeof(*instance));
	int r;

	if (!instance)
		return -ENOMEM;
	instance->root_fd = instance->control_fd = -1;
	atomic_init(&instance->watch, -1);
	r = instance_connect(instance, instance_choose_path(path));
	if (r < 0) {
		close_keep_errno(instance->control_fd);
		close_keep_errno(instance->root_fd);
		free(instance);
		return r;
	}
	*ret_instance = instance;
	return 0;
}

_public_ void dmabuffs_close(struct dmabuffs *instance)
{
	if (!instance)
		return;
	broker_slot_finish(instance);
	close_keep_errno(instance->watch);
	close_keep_errno(instance->control_fd);
	close_keep_errno(instance->root_fd);
	free(instance);
}

_public_ int dmabuffs_root_fd(const struct dmabuffs *instance)
{
	return instance->root_fd;
}

int instance_change(struct dmabuffs *instance, unsigned long request, void *argument)
{
	if (instance->refusal < 0)
		return instance->refusal;
	return instance_command(instance, request, argument);
}

/*
 * The owner of a name can take a lease on it (fcntl(2), F_SETLEASE), for which open(2)
 * waits 45 s. The kernel grants and breaks it without a request to the service, which
 * can therefore not refuse it. With O_NONBLOCK open(2) fails with EAGAIN instead.
 */
int instance_open_name(struct dmabuffs *instance, const dmabuffs_uuid *uuid, int access)
{
	char name[DMABUFFS_UUID_TEXT_SIZE];
	int fd;

	dmabuffs_uuid_format(uuid, name);
	fd = (int)SYSCALL(openat(instance->root_fd, name,
				 access | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
	if (fd >= 0)
		(void)fcntl(fd, F_SETFL, 0);
	return fd;
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
