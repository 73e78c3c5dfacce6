/* SPDX-License-Identifier: MIT */
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int become(const struct user *user)
{
	if (setgroups(user->other_group ? 1 : 0, &user->other_group) < 0 ||
	    setresgid(user->gid, user->gid, user->gid) < 0 ||
	    setresuid(user->uid, user->uid, user->uid) < 0)
		return -errno;
	return 0;
}

pid_t stage_start(const struct user *user, int (*act)(void *data), void *data)
{
	pid_t parent = getpid(), child = fork();
	int r;

	if (child > 0)
		return child;
	if (child < 0)
		exit(-stage_fail("", -errno, "no new process"));
	r = become(user);
	if (r < 0)
		_exit(-stage_fail("", r, "cannot become uid %u", user->uid));
	/* After the change of users, which undoes it; then see that it was in time. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent && getppid() != 0) /* 0: it is outside of our namespace */
		_exit(EXIT_FAILURE);
	_exit(act(data) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

bool stage_wait(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Mounts an empty file system on @outside and, inside of it, what was there before. */
static int cover(const char *outside, const char *inside)
{
	int tree = open_tree(AT_FDCWD, outside, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	char path[PATH_MAX];
	int r = 0;

	if (tree < 0)
		return -errno;
	(void)snprintf(path, sizeof(path), "%s%s", outside, inside);
	if (mount("empty", outside, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0 ||
	    mkdir(path, 0755) < 0 ||
	    move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		r = -errno;
	(void)close(tree);
	return r;
}

int stage_enclose(const char *outside, const char *inside)
{
	int r;

	if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	r = cover(outside, inside);
	if (r < 0)
		return r;
	/* The old root ends on top of the new one, and from there it goes. */
	if (chdir(outside) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0)
		return -errno;
	return 0;
}

struct timespec stage_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now;
}

static double ms_since(struct timespec since)
{
	struct timespec now = stage_now();

	return (double)(now.tv_sec - since.tv_sec) * 1e3 +
	       (double)(now.tv_nsec - since.tv_nsec) / 1e6;
}

void stage_step(struct timespec since, const char *who, const char *format, ...)
{
	double ms = ms_since(since);
	char text[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* One write: the lines of several processes do not mix. */
	(void)dprintf(STDOUT_FILENO, "%10.3f ms  %-5s  %s\n", ms, who, text);
}

int stage_fail(const char *who, int error, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)dprintf(STDERR_FILENO, "share: %s%s%s%s%s\n", who, *who ? ": " : "", text,
		      error ? ": " : "", error ? strerror(-error) : "");
	return -1;
}
