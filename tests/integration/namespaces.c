/* SPDX-License-Identifier: MIT */
/* namespaces.c - moves a child into user, PID, mount and other namespaces */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"
#include "namespaces.h"

const char *const namespace_names[DMABUFFS_NS_COUNT] = {"user", "pid", "mnt",
							"ipc",  "net", "cgroup"};

uint64_t own_namespace(enum dmabuffs_ns which)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", namespace_names[which]);
	ASSERT_OK(SYS(stat(path, &st)));
	return st.st_ino;
}

static void write_file(const char *path, const char *text)
{
	int fd = ASSERT_OK(SYS(open(path, O_WRONLY | O_CLOEXEC)));

	ASSERT_OK(SYS(write(fd, text, strlen(text))));
	close(fd);
}

/* An unprivileged process may only map its own ids. */
static void map_ids(uid_t uid, gid_t gid)
{
	char text[64];

	write_file("/proc/self/setgroups", "deny");
	snprintf(text, sizeof(text), "0 %u 1", uid);
	write_file("/proc/self/uid_map", text);
	snprintf(text, sizeof(text), "0 %u 1", gid);
	write_file("/proc/self/gid_map", text);
}

static void map_subids(pid_t pid, const char *name, uid_t person, unsigned int n)
{
	char path[40], text[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	snprintf(text, sizeof(text), "0 %u 1\n1 100000 %u", person, n);
	write_file(path, text);
}

void namespaces_map_subids(pid_t pid, uid_t person, unsigned int n)
{
	map_subids(pid, "uid_map", person, n);
	map_subids(pid, "gid_map", person, n);
}

/* pivot_root(2) needs the directories of the path to exist below the new root. */
static void make_path(const char *root, const char *path)
{
	char whole[PATH_MAX];
	size_t start = strlen(root) + 1;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (char *slash = strchr(whole + start, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(whole, 0755);
		*slash = '/';
	}
	ASSERT_OK(SYS(mkdir(whole, 0755)));
	ASSERT_OK(SYS(mount(path, whole, NULL, MS_BIND, NULL)));
}

/* Mounts below @root. The kernel requires another visible procfs for this. */
static void mount_proc(const char *root)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/proc", root);
	mkdir(path, 0755);
	ASSERT_OK(
		SYS(mount("proc", path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)));
}

static void see_only(const char *path, bool with_proc)
{
	char root[PATH_MAX];

	snprintf(root, sizeof(root), "%s/.root", test_work_dir);
	ASSERT_OK(SYS(mount("none", root, "tmpfs", 0, "mode=755")));
	make_path(root, path);
	if (with_proc)
		mount_proc(root);
	ASSERT_OK(SYS(chdir(root)));
	ASSERT_OK(SYS(syscall(SYS_pivot_root, ".", ".")));
	ASSERT_OK(SYS(umount2(".", MNT_DETACH)));
	ASSERT_OK(SYS(chdir("/")));
}

static void follow(pid_t pid)
{
	int status;

	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		raise(WTERMSIG(status));
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static void fork_into_pid_namespace(void)
{
	pid_t pid = fork();

	ASSERT(pid >= 0);
	if (pid > 0)
		follow(pid);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void namespaces_enter(const struct identity *who)
{
	if (!who->namespaces)
		return;
	if (who->namespaces & CLONE_NEWUSER) {
		ASSERT_OK(SYS(unshare(CLONE_NEWUSER)));
		map_ids(who->uid, who->gid);
	}
	ASSERT_OK(SYS(unshare(who->namespaces & ~CLONE_NEWUSER)));
	if (who->namespaces & CLONE_NEWPID)
		fork_into_pid_namespace();
	if (who->sees || who->own_proc)
		ASSERT_OK(SYS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)));
	if (who->sees)
		see_only(who->sees, who->own_proc);
	else if (who->own_proc)
		mount_proc("");
}
