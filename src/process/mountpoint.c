/* SPDX-License-Identifier: MIT */
#include "process/mountpoint.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "base/mountinfo.h"
#include "fd_identity.h"
#include "util.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif

int mountpoint_resolve(char **path)
{
	char *resolved = realpath(*path, NULL);
	struct stat st;
	int r = 0;

	if (!resolved || stat(resolved, &st) < 0)
		r = -errno;
	else if (!S_ISDIR(st.st_mode))
		r = -ENOTDIR;
	if (r < 0) {
		log_error("cannot mount at %s: %s", *path, strerror(-r));
		free(resolved);
		return r;
	}
	free(*path);
	*path = resolved;
	return 0;
}

int mountpoint_clone(const char *path, uint64_t *ret_dev, int *ret_tree)
{
	_cleanup_close_ int tree =
		(int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | O_CLOEXEC);
	uint64_t ino;
	int r;

	if (tree < 0)
		return -errno;
	r = fd_identity(tree, ret_dev, &ino);
	if (r == 0)
		*ret_tree = TAKE_FD(tree);
	return r;
}

bool mountpoint_is_mounted(uint64_t dev)
{
	return mountinfo_has("/proc/self/mountinfo", dev, NULL, SIZE_MAX) != 0;
}

/* Unmounts what is behind the descriptor, whatever the path refers to by now. */
static void mountpoint_unmount_fd(int dir)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	umount2(path, MNT_FORCE | MNT_DETACH);
}

void mountpoint_unmount(const char *path, uint64_t dev)
{
	_cleanup_close_ int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	uint64_t found, ino;

	if (dir >= 0 && fd_identity(dir, &found, &ino) == 0 && found == dev)
		mountpoint_unmount_fd(dir);
}
