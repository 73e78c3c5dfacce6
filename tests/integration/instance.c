/* SPDX-License-Identifier: MIT */
/* instance.c - starts, observes and stops a dmabuffsd for a case */
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
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "../support/process.h"
#include "harness.h"

const char *daemon_path(void)
{
	return getenv("DMABUFFSD");
}

/* Numbered within the case, so that paths are known before any step can fail. */
static void instance_init(struct instance *instance)
{
	memset(instance, 0, sizeof(*instance));
	instance->pid = -1;
	for (int i = 1;; i++) {
		snprintf(instance->dir, sizeof(instance->dir), "%s/%d", test_work_dir, i);
		snprintf(instance->log, sizeof(instance->log), "%s/%d.log", test_work_dir,
			 i);
		if (mkdir(instance->dir, 0755) == 0)
			return;
		ASSERT_EQ(errno, EEXIST);
	}
}

static _Noreturn void daemon_exec(const struct instance *instance, const char *options,
				  int ready)
{
	char ready_option[32];
	const char *argv[8] = {daemon_path(), "-f", ready_option, instance->dir};
	int log = open(instance->log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(ready_option, sizeof(ready_option), "--ready-fd=%d", ready);
	if (options && *options) {
		argv[3] = "-o";
		argv[4] = options;
		argv[5] = instance->dir;
	}
	if (log < 0 || dup2(log, STDERR_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0)
		_exit(126);
	close(log);
	fcntl(ready, F_SETFD, 0);
	execv(argv[0], (char **)argv);
	_exit(127);
}

static void reap_instance(struct instance *instance)
{
	if (instance->pid > 0)
		waitpid(instance->pid, &instance->status, 0);
	instance->pid = -1;
}

/* Why the daemon ended otherwise than expected is in its log only. */
static void print_log(const struct instance *instance)
{
	char line[400];
	FILE *file = fopen(instance->log, "re");

	while (file && fgets(line, sizeof(line), file))
		fprintf(stderr, "daemon: %s", line);
	if (file)
		fclose(file);
}

static void wait_for_ready(struct instance *instance, int ready)
{
	char text[16] = "";
	ssize_t n;

	ASSERT(wait_ready(ready, POLLIN, WAIT_MS));
	n = read(ready, text, sizeof(text) - 1);
	if (n <= 0) {
		reap_instance(instance);
		print_log(instance);
		test_fail(__FILE__, __LINE__, "dmabuffsd did not start: wait status %#x",
			  (unsigned int)instance->status);
	}
	ASSERT(strcmp(text, "READY=1\n") == 0);
	/* The daemon closes the descriptor after it wrote. */
	ASSERT(wait_ready(ready, POLLIN, WAIT_MS));
	ASSERT_EQ(read(ready, text, sizeof(text)), 0);
}

static void launch(struct instance *instance, const char *options,
		   unsigned long namespaces, int ready)
{
	instance->pid = (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, 0, 0, 0, 0);
	ASSERT(instance->pid >= 0);
	if (instance->pid == 0) {
		if (namespaces && mount("proc", "/proc", "proc", 0, NULL) < 0)
			_exit(125);
		daemon_exec(instance, options, ready);
	}
}

static void start(struct instance *instance, const char *options,
		  unsigned long namespaces)
{
	int ready[2];

	ASSERT_OK(SYS(pipe2(ready, O_CLOEXEC)));
	launch(instance, options, namespaces, ready[1]);
	close(ready[1]);
	wait_for_ready(instance, ready[0]);
	close(ready[0]);
	instance->service = process_child(instance->pid);
	ASSERT(instance->service > 0);
	instance->n_fds = count_stable_fds(instance->service);
}

void instance_start(struct instance *instance, const char *options)
{
	instance_init(instance);
	start(instance, options, 0);
}

bool instance_try(struct instance *instance, const char *options)
{
	int ready[2];
	ssize_t n;
	char byte;

	instance_init(instance);
	ASSERT_OK(SYS(pipe2(ready, O_CLOEXEC)));
	launch(instance, options, 0, ready[1]);
	close(ready[1]);
	ASSERT(wait_ready(ready[0], POLLIN, WAIT_MS));
	n = read(ready[0], &byte, sizeof(byte));
	close(ready[0]);
	return n > 0;
}

static bool has_service(void *data)
{
	struct instance *instance = data;

	instance->service = process_child(instance->pid);
	return instance->service > 0;
}

void instance_launch(struct instance *instance, const char *options)
{
	int ready = ASSERT_OK(SYS(open("/dev/null", O_WRONLY | O_CLOEXEC)));

	instance_init(instance);
	launch(instance, options, 0, ready);
	close(ready);
	ASSERT(wait_until(has_service, instance));
}

void instance_start_again(struct instance *instance, const char *options)
{
	start(instance, options, 0);
}

void instance_start_in_pid_namespace(struct instance *instance, const char *options)
{
	/* Makes mounts from the daemon's mount namespace propagate to this one. */
	ASSERT_OK(SYS(mount(NULL, test_work_dir, NULL, MS_SHARED, NULL)));
	instance_init(instance);
	start(instance, options, CLONE_NEWPID | CLONE_NEWNS);
}

size_t instance_helpers(const struct instance *instance, pid_t pids[HELPERS_MAX])
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t n = 1;

	ASSERT(proc);
	pids[0] = process_child(instance->service);
	ASSERT(pids[0] > 0);
	while ((entry = readdir(proc)) && n < HELPERS_MAX) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && process_parent(pid) == pids[0])
			pids[n++] = pid;
	}
	closedir(proc);
	return n;
}

static bool no_more_fds(void *data)
{
	struct instance *instance = data;
	int n = count_process_fds(instance->service);

	/* It may have ended, with a status that is checked elsewhere. */
	return n == -ENOENT || (n >= 0 && n <= instance->n_fds);
}

void instance_settle(struct instance *instance)
{
	if (wait_until(no_more_fds, instance))
		return;
	print_fds(instance->service);
	test_fail(__FILE__, __LINE__,
		  "leak in the daemon: %d descriptors, %d when it started",
		  count_process_fds(instance->service), instance->n_fds);
}

static void check_log(const struct instance *instance)
{
	char line[400];
	FILE *file = fopen(instance->log, "re");

	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		if (strstr(line, "Sanitizer") || strstr(line, "runtime error:")) {
			print_log(instance);
			test_fail(__FILE__, __LINE__, "%s", line);
		}
	}
	if (file)
		fclose(file);
}

bool instance_logged(const struct instance *instance, const char *text)
{
	FILE *file = fopen(instance->log, "re");
	char line[400];
	bool found = false;

	ASSERT(file);
	while (!found && fgets(line, sizeof(line), file))
		found = strstr(line, text);
	fclose(file);
	return found;
}

void instance_expect_exit(struct instance *instance, int expected)
{
	int pidfd = ASSERT_OK(SYS(pidfd_open(instance->pid, 0)));

	if (!wait_ready(pidfd, POLLIN, WAIT_MS)) {
		print_log(instance);
		test_fail(__FILE__, __LINE__, "the daemon does not exit");
	}
	close(pidfd);
	reap_instance(instance);
	check_log(instance);
	if (!WIFEXITED(instance->status) || WEXITSTATUS(instance->status) != expected)
		print_log(instance);
	if (WIFSIGNALED(instance->status))
		test_fail(__FILE__, __LINE__, "the daemon died: SIG%s",
			  sigabbrev_np(WTERMSIG(instance->status)));
	ASSERT_EQ(WEXITSTATUS(instance->status), expected);
}

void instance_stop(struct instance *instance)
{
	umount2(instance->dir, MNT_DETACH);
	if (instance->pid > 0)
		instance_expect_exit(instance, 0);
	rmdir(instance->dir);
}

static size_t drain(int fd, char *output, size_t size)
{
	size_t used = 0;
	ssize_t n;

	/* Also returns if the daemon keeps running but has closed its standard error. */
	while (used < size - 1 && wait_ready(fd, POLLIN, WAIT_MS)) {
		n = read(fd, output + used, size - 1 - used);
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	output[used] = 0;
	return used;
}

int daemon_run(const char **argv, char *output, size_t size)
{
	int ends[2], status;
	pid_t pid;

	argv[0] = daemon_path();
	ASSERT_OK(SYS(pipe2(ends, O_CLOEXEC)));
	pid = fork();
	ASSERT(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execv(argv[0], (char **)argv);
		_exit(127);
	}
	close(ends[1]);
	drain(ends[0], output, size);
	close(ends[0]);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT(WIFEXITED(status));
	return WEXITSTATUS(status);
}

bool is_mounted(const char *dir)
{
	char line[600], mount_point[300];
	FILE *file = fopen("/proc/self/mountinfo", "re");
	bool found = false;

	ASSERT(file);
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%*s %*s %*s %*s %299s", mount_point) == 1 &&
			strcmp(mount_point, dir) == 0;
	fclose(file);
	return found;
}

void open_fuse_to_all(void)
{
	char path[INSTANCE_PATH_SIZE];

	snprintf(path, sizeof(path), "%s/fuse", test_work_dir);
	ASSERT_OK(SYS(mknod(path, S_IFCHR | 0666, makedev(10, 229))));
	ASSERT_OK(SYS(chmod(path, 0666)));
	ASSERT_OK(SYS(mount(path, "/dev/fuse", NULL, MS_BIND, NULL)));
}
