/* SPDX-License-Identifier: MIT */
/*
 * cage.c - the namespaces and the watchdog around a case
 *
 *
 * Three processes: the test program; its child, the warden, which runs the watchdog in a
 * mount namespace of its own; the first process of the case, PID 1 of a PID namespace.
 * When PID 1 exits, the kernel kills every other process of its namespace; when the
 * warden exits, its mounts are removed.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.h"

/* The warden's result for the test program. */
struct verdict {
	int result;
	char what[64];
};

static void print_file(const char *path, const char *title)
{
	char line[400];
	FILE *file = fopen(path, "re");

	for (int n = 0; file && n < 60 && fgets(line, sizeof(line), file); n++) {
		line[strcspn(line, "\n")] = 0;
		test_note("%s: %s", title, line);
	}
	if (file)
		fclose(file);
}

static void print_logs(const char *dir)
{
	char path[INSTANCE_PATH_SIZE];

	for (int i = 1; i < 10; i++) {
		snprintf(path, sizeof(path), "%s/%d.log", dir, i);
		print_file(path, strrchr(path, '/') + 1);
	}
}

/* Prints where each process of the case sleeps; /proc here is that of the case. */
static void print_processes(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	char path[300];

	while (proc && (entry = readdir(proc))) {
		if (atoi(entry->d_name) < 2)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		print_file(path, entry->d_name);
		snprintf(path, sizeof(path), "/proc/%s/stack", entry->d_name);
		print_file(path, entry->d_name);
	}
	if (proc)
		closedir(proc);
}

/*
 * A process that waits for a FUSE reply cannot be killed while the server waits too.
 * Abort the FUSE connections first.
 */
static void abort_mounts(const char *dir)
{
	char line[600], mount[300];
	FILE *file = fopen("/proc/1/mountinfo", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %*s %*s %*s %299s", mount) == 1 &&
		    strncmp(mount, dir, strlen(dir)) == 0 && strstr(line, " fuse"))
			umount2(mount, MNT_FORCE);
	if (file)
		fclose(file);
}

static int reap(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

/* Waits for the first process of the case; kills it when the time limit expires. */
static int watch(const struct cage *cage, pid_t pid)
{
	int pidfd = pidfd_open(pid, 0);
	bool ended;

	if (pidfd < 0)
		return -errno;
	ended = wait_ready(pidfd, POLLIN, (int)cage->seconds * 1000);
	if (!ended) {
		print_processes();
		abort_mounts(cage->dir);
		kill(pid, SIGKILL);
		if (!wait_ready(pidfd, POLLIN, WAIT_MS)) {
			test_note("processes of the case cannot be killed");
			return -ETIMEDOUT;
		}
	}
	close(pidfd);
	return ended ? reap(pid) : -ETIMEDOUT;
}

static void first_process(const struct cage *cage)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
		test_note("mount /proc: %s", strerrorname_np(errno));
		_exit(1);
	}
	_exit(cage->inside(cage->data));
}

static int enter(const struct cage *cage, const char **ret_what)
{
	char root[INSTANCE_PATH_SIZE];

	/* namespaces.c makes the roots of its children here. */
	snprintf(root, sizeof(root), "%s/.root", cage->dir);
	*ret_what = "unshare(CLONE_NEWNS | CLONE_NEWPID)";
	if (unshare(CLONE_NEWNS | CLONE_NEWPID) < 0)
		return -errno;
	*ret_what = "mount";
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", cage->dir, "tmpfs", 0, "mode=755,size=2g") < 0 ||
	    mkdir(root, 0755) < 0)
		return -errno;
	return 0;
}

static int keep_watch(const struct cage *cage, const char **ret_what)
{
	int result = enter(cage, ret_what);
	pid_t pid;

	if (result < 0)
		return result;
	*ret_what = "fork";
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		first_process(cage);
	*ret_what = "exit status of the case";
	result = watch(cage, pid);
	if (result)
		print_logs(cage->dir);
	return result;
}

static _Noreturn void warden(const struct cage *cage, int out)
{
	struct verdict verdict = {0};
	const char *what = "";

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	verdict.result = keep_watch(cage, &what);
	snprintf(verdict.what, sizeof(verdict.what), "%s", what);
	_exit(write(out, &verdict, sizeof(verdict)) != sizeof(verdict));
}

int cage_run(const struct cage *cage, const char **ret_what)
{
	static struct verdict verdict;
	int ends[2], n;
	pid_t pid;

	*ret_what = "pipe";
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	*ret_what = "fork";
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		warden(cage, ends[1]);
	close(ends[1]);
	n = (int)read(ends[0], &verdict, sizeof(verdict));
	close(ends[0]);
	*ret_what = "the watchdog of the case died";
	if (reap(pid) || n != (int)sizeof(verdict))
		return -EIO;
	*ret_what = verdict.what;
	return verdict.result;
}
