/* SPDX-License-Identifier: MIT */
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <link.h>
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

#include <dmabuffs.h>

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

/* Makes the directories above the last part of @root/@path; returns the whole path. */
static const char *make_way(const char *root, const char *path, char whole[PATH_MAX])
{
	(void)snprintf(whole, PATH_MAX, "%s%s", root, path);
	for (char *slash = strchr(whole + strlen(root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(whole, 0755);
		*slash = '/';
	}
	return whole;
}

/* Mounts an empty file system on @outside and, inside it, the former content. */
static int cover(const char *outside, const char *inside)
{
	int tree = open_tree(AT_FDCWD, outside, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	char path[PATH_MAX];
	int r = 0;

	if (tree < 0)
		return -errno;
	if (mount("empty", outside, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0 ||
	    mkdir(make_way(outside, inside, path), 0755) < 0 ||
	    move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		r = -errno;
	(void)close(tree);
	return r;
}

/* pivot_root(2) stacks the old root on the new one, from where it is unmounted. */
static int enter_root(const char *root)
{
	if (chdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0)
		return -errno;
	return 0;
}

int stage_enclose(const char *outside, const char *inside)
{
	int r;

	if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	r = cover(outside, inside);
	return r < 0 ? r : enter_root(outside);
}

struct timespec stage_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now;
}

/* ---- a program in a container ------------------------------------------------------ */

#define OWN_NAMESPACES                                                                   \
	(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |       \
	 CLONE_NEWCGROUP)

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	(void)close(fd);
	return r;
}

/* Root inside is the calling user outside. */
static int own_users(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char text[64];
	int r;

	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	r = write_file("/proc/self/setgroups", "deny");
	(void)snprintf(text, sizeof(text), "0 %u 1", uid);
	if (r == 0)
		r = write_file("/proc/self/uid_map", text);
	(void)snprintf(text, sizeof(text), "0 %u 1", gid);
	return r < 0 ? r : write_file("/proc/self/gid_map", text);
}

static int show_file(const char *root, const char *path)
{
	char there[PATH_MAX];
	int fd = open(make_way(root, path, there), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	(void)close(fd);
	return mount(path, there, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

static int show_library(struct dl_phdr_info *library, size_t size, void *data)
{
	const char *root = data, *path = library->dlpi_name;

	(void)size;
	return *path == '/' ? show_file(root, path) : 0;
}

/* The dynamic linker needs the same libraries as it loaded here. */
static int show_program(const char *root, const char *path)
{
	int r = show_file(root, path);

	if (r == 0)
		r = dl_iterate_phdr(show_library, (void *)root);
	if (r == 0 && access("/etc/ld.so.cache", R_OK) == 0)
		r = show_file(root, "/etc/ld.so.cache");
	return r;
}

/* Where the host hides parts of its /proc, the kernel does not let us have one. */
static void show_proc(const char *root)
{
	char path[PATH_MAX];

	(void)mkdir(make_way(root, "/proc", path), 0755);
	(void)mount("proc", path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

/* The process that can only wait, because it stayed outside of the PID namespace. */
static void enter_pid_namespace(void)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		return;
	}
	/* Or the others would not see the end of their pipes. */
	(void)close_range(0, ~0U, 0);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

static int contain(const char *program)
{
	const char *instance = getenv("DMABUFFS_MOUNT");
	int r = own_users();

	if (r < 0)
		return r;
	if (!instance)
		instance = DMABUFFS_DEFAULT_MOUNT;
	if (unshare(OWN_NAMESPACES) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	enter_pid_namespace();
	r = cover(instance, DMABUFFS_DEFAULT_MOUNT);
	if (r == 0)
		r = show_program(instance, program);
	if (r < 0)
		return r;
	show_proc(instance);
	r = enter_root(instance);
	(void)unsetenv("DMABUFFS_MOUNT");
	return r;
}

/* Does not return. */
static void run(const char *path, bool contained, pid_t parent)
{
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	r = contained ? contain(path) : 0;
	if (r < 0)
		_exit(-stage_fail("", r, "namespaces"));
	(void)execl(path, path, NULL);
	_exit(-stage_fail("", -errno, "%s", path));
}

static int path_beside_us(const char *name, char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);
	char *slash;

	if (n < 0 || n == PATH_MAX)
		return n < 0 ? -errno : -ENAMETOOLONG;
	path[n] = '\0';
	slash = strrchr(path, '/') + 1;
	if ((size_t)(slash - path) + strlen(name) >= PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(slash, name);
	return 0;
}

pid_t stage_spawn(const char *name, int input, int output, bool contained)
{
	char path[PATH_MAX];
	pid_t parent = getpid(), child;
	int r = path_beside_us(name, path);

	if (r < 0)
		return r;
	child = fork();
	if (child < 0)
		return -errno;
	if (child > 0)
		return child;
	/* Not on top of each other, and not close-on-exec. */
	output = fcntl(output, F_DUPFD, STAGE_OUTPUT + 1);
	if (output < 0 || dup2(input, STDIN_FILENO) < 0 || dup2(output, STAGE_OUTPUT) < 0)
		_exit(-stage_fail("", -errno, "descriptors"));
	(void)close(output);
	run(path, contained, parent);
	return -1;
}

/* ---- output ------------------------------------------------------------------------ */

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
	(void)dprintf(STDERR_FILENO, "%s: %s%s%s%s%s\n", program_invocation_short_name,
		      who, *who ? ": " : "", text, error ? ": " : "",
		      error ? strerror(-error) : "");
	return -1;
}
