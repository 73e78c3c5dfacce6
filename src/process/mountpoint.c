/* SPDX-License-Identifier: MIT */
#include "process/mountpoint.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/mountinfo.h"
#include "fd_identity.h"
#include "util.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif

/* A server that does not reply in this time counts as alive. */
#define PROBE_MS 2000

/* More than the dead instances that restarts could have left. */
#define MAX_STACKED 64

/* Also opens the root of a mount whose server is gone: nothing is requested from it. */
static int mountpoint_open(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int mountpoint_path_of(int fd, char **path)
{
	char link[32], resolved[PATH_MAX];
	ssize_t length;
	char *copy;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, resolved, sizeof(resolved));
	if (length < 0 || (size_t)length == sizeof(resolved))
		return length < 0 ? -errno : -ENAMETOOLONG;
	copy = strndup(resolved, (size_t)length);
	if (!copy)
		return -ENOMEM;
	free(*path);
	*path = copy;
	return 0;
}

int mountpoint_resolve(char **path, bool create)
{
	_cleanup_close_ int fd = -1;
	int r = 0;

	if (create && mkdir(*path, 0755) < 0 && errno != EEXIST)
		r = -errno;
	if (r == 0)
		r = fd = mountpoint_open(*path);
	if (r >= 0)
		r = mountpoint_path_of(fd, path);
	if (r < 0)
		log_error("cannot mount at %s: %s", *path, strerror(-r));
	return r;
}

/* ---- what is mounted there already ------------------------------------------------- */

static bool mountpoint_is_instance(int fd)
{
	struct statx stx;

	return fd_statx(fd, &stx) == 0 && stx.stx_attributes & STATX_ATTR_MOUNT_ROOT &&
	       mountinfo_has("/proc/self/mountinfo",
			     makedev(stx.stx_dev_major, stx.stx_dev_minor),
			     "fuse.dmabuffs", SIZE_MAX) == 1;
}

/* A server that was stopped keeps a child that waits for its reply, killed or not. */
static int mountpoint_wait_for_child(pid_t pid)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
	int status;

	if (pidfd < 0 || poll(&poll_fd, 1, PROBE_MS) != 1) {
		kill(pid, SIGKILL);
		return -ETIMEDOUT;
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -EIO;
	return -WEXITSTATUS(status);
}

static _Noreturn void mountpoint_probe(int fd)
{
	struct statfs st;

	/* A reader of our output must not wait for a child that cannot be killed. */
	if (fd == STDIN_FILENO || dup2(fd, STDIN_FILENO) == STDIN_FILENO)
		close_range(STDIN_FILENO + 1, ~0U, 0);
	_exit(fstatfs(STDIN_FILENO, &st) < 0 ? errno : 0);
}

/* True if there is no server any more; false also where that cannot be found out. */
static bool mountpoint_is_dead(int fd)
{
	pid_t pid = fork();

	if (pid == 0)
		mountpoint_probe(fd);
	return pid > 0 && mountpoint_wait_for_child(pid) == -ENOTCONN;
}

/* Unmounts what is behind the descriptor, whatever the path refers to by now. */
static int mountpoint_unmount_fd(int dir)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	return umount2(path, MNT_FORCE | MNT_DETACH) < 0 ? -errno : 0;
}

int mountpoint_clear(const char *path)
{
	for (int i = 0; i < MAX_STACKED; i++) {
		_cleanup_close_ int fd = mountpoint_open(path);

		if (fd < 0)
			return fd;
		if (!mountpoint_is_instance(fd))
			return 0;
		if (!mountpoint_is_dead(fd))
			break;
		log_info("detaching an instance without a service from %s", path);
		(void)mountpoint_unmount_fd(fd);
	}
	log_error("cannot mount at %s: an instance is mounted there; unmount it first",
		  path);
	return -EBUSY;
}

int mountpoint_find(const char *path, uint64_t *ret_dev)
{
	_cleanup_close_ int fd = mountpoint_open(path);
	uint64_t ino;

	if (fd < 0)
		return fd;
	return mountpoint_is_instance(fd) ? fd_identity(fd, ret_dev, &ino) : -ENOENT;
}

int mountpoint_of(int connection, uint64_t *ret_dev)
{
	char line[64];
	unsigned number;
	int r = -ENODATA;
	FILE *file;

	(void)snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", connection);
	file = fopen(line, "re");
	if (!file)
		return -errno;
	while (r < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "fuse_connection: %u", &number) == 1)
			r = 0;
	fclose(file);
	if (r == 0)
		*ret_dev = makedev(0, number);
	return r;
}

/* ---- this instance's mount --------------------------------------------------------- */

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

bool mountpoint_is_mounted(int mountinfo, uint64_t dev)
{
	return mountinfo_has_now(mountinfo, dev) != 0;
}

/* The kernel aborts the connection of an unmounted instance before it frees its number.
 */
static bool mountpoint_is_aborted(int connection)
{
	return poll(&(struct pollfd){.fd = connection}, 1, 0) == 1;
}

void mountpoint_unmount(const char *path, uint64_t dev, int connection)
{
	_cleanup_close_ int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	uint64_t found, ino;
	int r = dir < 0 ? -errno : fd_identity(dir, &found, &ino);

	/* In this order: the number is ours if the connection is not aborted even now. */
	if (mountpoint_is_aborted(connection))
		return;
	if (r == 0 && found == dev)
		r = mountpoint_unmount_fd(dir);
	if (r < 0)
		log_warning("cannot unmount %s: %s", path, strerror(-r));
}
