/* SPDX-License-Identifier: MIT */
/* test-start.c - command line, refusals, readiness and daemonization */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "harness.h"
#include "raw.h"

static char output[4000];

static void mount_point(struct instance *ret_instance)
{
	memset(ret_instance, 0, sizeof(*ret_instance));
	snprintf(ret_instance->dir, sizeof(ret_instance->dir), "%s/m", test_work_dir);
	ASSERT_OK(SYS(mkdir(ret_instance->dir, 0755)));
}

/* The message names the invalid option, the exit status is 2, and nothing is mounted. */
static void refuse_options(const struct instance *place, const char *options)
{
	const char *argv[] = {NULL, "-f", "-o", options, place->dir, NULL};
	int status = daemon_run(argv, output, sizeof(output));

	if (status != 2 || !*output)
		test_fail(__FILE__, __LINE__, "-o %s: exit status %d, \"%.100s\"",
			  options, status, output);
	ASSERT(!is_mounted(place->dir));
}

static void bad_options(struct instance *instance)
{
	static const char *const refused[] = {
		"frobnicate",
		"frobnicate=1",
		"mode=1777,frobnicate",
		"mode=9",
		"mode=",
		"mode",
		"mode=17777777",
		"uid=x",
		"uid=-1",
		"uid=4294967296",
		"gid=1x",
		"ns=foo",
		"ns=",
		"ns=pid:",
		"max-exports=x",
		"max-exports=-1",
		"max-bytes=1X",
		"max-bytes=99999999999999999999",
		"max-bytes=99999999999T",
		"max-roots-per-uid=",
		"max-connections-per-uid=1.5",
		"noaccel=1",
		"nopassthrough=1",
		"log=loud",
	};
	struct instance place;

	mount_point(&place);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		refuse_options(&place, refused[i]);
}

static void all_options(struct instance *instance)
{
	/* Each documented option is accepted, since the instance started. */
	ASSERT_OK(raw_count(instance));
}

static void bad_usage(struct instance *instance)
{
	const char *nothing[] = {NULL, NULL};
	const char *unknown[] = {NULL, "--frobnicate", test_work_dir, NULL};
	const char *two[] = {NULL, "-f", test_work_dir, test_work_dir, NULL};
	const char *ready[] = {NULL, "-f", "--ready-fd=x", test_work_dir, NULL};

	ASSERT_EQ(daemon_run(nothing, output, sizeof(output)), 2);
	ASSERT(*output);
	ASSERT_EQ(daemon_run(unknown, output, sizeof(output)), 2);
	ASSERT_EQ(daemon_run(two, output, sizeof(output)), 2);
	ASSERT_EQ(daemon_run(ready, output, sizeof(output)), 2);
}

static void help_and_version(struct instance *instance)
{
	static const char *const flags[] = {"-h", "--help", "-V", "--version"};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		const char *argv[] = {NULL, flags[i], NULL};

		ASSERT_EQ(daemon_run(argv, output, sizeof(output)), 0);
		ASSERT(strstr(output, "dmabuffsd"));
	}
}

static void bad_mount_point(struct instance *instance)
{
	char path[INSTANCE_PATH_SIZE];
	const char *foreground[] = {NULL, "-f", path, NULL};
	const char *background[] = {NULL, path, NULL};
	int fd;

	snprintf(path, sizeof(path), "%s/none", test_work_dir);
	ASSERT_EQ(daemon_run(foreground, output, sizeof(output)), 1);
	ASSERT(*output);
	ASSERT_EQ(daemon_run(background, output, sizeof(output)), 1);
	ASSERT(*output);
	fd = ASSERT_OK(SYS(open(path, O_CREAT | O_WRONLY, 0600)));
	close(fd);
	ASSERT_EQ(daemon_run(foreground, output, sizeof(output)), 1);
	ASSERT_EQ(daemon_run(background, output, sizeof(output)), 1);
}

static pid_t find_daemon(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	char path[300], comm[64];
	pid_t found = -1;

	ASSERT(proc);
	while (found < 0 && (entry = readdir(proc))) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		file = atoi(entry->d_name) > 1 ? fopen(path, "re") : NULL;
		if (!file)
			continue;
		if (fgets(comm, sizeof(comm), file) && strstr(comm, "dmabuffsd"))
			found = atoi(entry->d_name);
		fclose(file);
	}
	closedir(proc);
	ASSERT(found > 0);
	return found;
}

static void background(struct instance *instance)
{
	struct instance place;
	const char *argv[] = {NULL, "-o", "mode=1755", place.dir, NULL};
	uint64_t start = now_ms();
	struct stat st;
	int pidfd;

	mount_point(&place);
	ASSERT_EQ(daemon_run(argv, output, sizeof(output)), 0);
	/*
	 * daemon_run() read to the end of the pipe, so the service closed its standard
	 * error.
	 */
	ASSERT(now_ms() - start < WAIT_MS);
	ASSERT(is_mounted(place.dir));
	ASSERT_OK(SYS(stat(place.dir, &st)));
	ASSERT_EQ(st.st_mode, S_IFDIR | 01755);
	ASSERT_OK(raw_connect(&place));
	pidfd = ASSERT_OK(SYS(pidfd_open(find_daemon(), 0)));
	ASSERT_OK(SYS(umount2(place.dir, 0)));
	ASSERT(wait_ready(pidfd, POLLIN, WAIT_MS));
}

static void background_detached(struct instance *instance)
{
	struct instance place;
	const char *argv[] = {NULL, place.dir, NULL};
	char path[64], cwd[16] = "";
	pid_t daemon;

	mount_point(&place);
	ASSERT_EQ(daemon_run(argv, output, sizeof(output)), 0);
	daemon = find_daemon();
	ASSERT(getsid(daemon) != getsid(0));
	snprintf(path, sizeof(path), "/proc/%d/cwd", daemon);
	ASSERT_OK(SYS(readlink(path, cwd, sizeof(cwd) - 1)));
	ASSERT(strcmp(cwd, "/") == 0);
	ASSERT_OK(SYS(umount2(place.dir, 0)));
}

/* The service manager's socket for sd_notify(3). */
static int notify_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = ASSERT_OK(SYS(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)));

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", test_work_dir);
	ASSERT_OK(SYS(bind(fd, (struct sockaddr *)&address, sizeof(address))));
	ASSERT_OK(SYS(setenv("NOTIFY_SOCKET", address.sun_path, 1)));
	return fd;
}

/* The process that a message comes from. */
static pid_t receive_from(int notify, char *text, size_t size)
{
	char control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec part = {text, size};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct ucred sender;

	ASSERT_OK(SYS(recvmsg(notify, &message, 0)));
	ASSERT(CMSG_FIRSTHDR(&message));
	memcpy(&sender, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(sender));
	return sender.pid;
}

/* It accepts messages from the process that it started. */
static void service_manager(struct instance *instance)
{
	int notify = notify_socket(), on = 1;
	struct instance other;
	char text[200] = "";

	ASSERT_OK(SYS(setsockopt(notify, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on))));
	instance_start(&other, NULL);
	ASSERT(wait_ready(notify, POLLIN, WAIT_MS));
	ASSERT_EQ(receive_from(notify, text, sizeof(text) - 1), other.pid);
	ASSERT(strstr(text, "READY=1"));
	instance_stop(&other);
}

/* The process that was started ends as the service does. */
static void killed_service(struct instance *instance)
{
	struct instance other;
	int status;

	instance_start(&other, "nosupervisor");
	ASSERT_OK(SYS(kill(other.service, SIGKILL)));
	ASSERT_EQ(waitpid(other.pid, &status, 0), other.pid);
	ASSERT(WIFSIGNALED(status));
	ASSERT_EQ(WTERMSIG(status), SIGKILL);
	ASSERT_ERR(SYS(open(other.dir, O_RDONLY)), ENOTCONN);
	ASSERT_OK(SYS(umount2(other.dir, 0)));
}

static void killed_keeper(struct instance *instance)
{
	struct instance other;
	int service;

	instance_start(&other, "nosupervisor");
	service = ASSERT_OK(SYS(pidfd_open(other.service, 0)));
	ASSERT_OK(SYS(kill(other.pid, SIGKILL)));
	ASSERT_EQ(waitpid(other.pid, NULL, 0), other.pid);
	ASSERT(wait_ready(service, POLLIN, WAIT_MS));
	ASSERT_ERR(SYS(open(other.dir, O_RDONLY)), ENOTCONN);
	close(service);
	ASSERT_OK(SYS(umount2(other.dir, 0)));
}

/* As a starter with trap '' CHLD in its shell. */
static void ignored_sigchld(struct instance *instance)
{
	struct instance other;

	ASSERT(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
	instance_start(&other, NULL);
	ASSERT(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
	ASSERT_OK(SYS(kill(other.pid, SIGTERM)));
	instance_expect_exit(&other, 0);
	ASSERT(!is_mounted(other.dir));
}

static _Noreturn void exec_without_reader(const struct instance *place, int ready,
					  int log)
{
	char option[32];
	const char *argv[] = {daemon_path(), "-f", option, place->dir, NULL};

	snprintf(option, sizeof(option), "--ready-fd=%d", ready);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(log, STDERR_FILENO) < 0 || fcntl(ready, F_SETFD, 0) < 0)
		_exit(126);
	execv(argv[0], (char **)argv);
	_exit(127);
}

/* Nobody reads that it is ready: it logs that, and serves. */
static void ready_without_reader(struct instance *instance)
{
	struct instance place;
	int ready[2], log[2];
	size_t used = 0;

	mount_point(&place);
	ASSERT_OK(SYS(pipe2(ready, O_CLOEXEC)));
	ASSERT_OK(SYS(pipe2(log, O_CLOEXEC)));
	close(ready[0]);
	place.pid = fork();
	ASSERT(place.pid >= 0);
	if (place.pid == 0)
		exec_without_reader(&place, ready[1], log[1]);
	close(ready[1]);
	close(log[1]);
	while (!strstr(output, "cannot report readiness")) {
		ssize_t n;

		ASSERT(wait_ready(log[0], POLLIN, WAIT_MS));
		n = ASSERT_OK(
			SYS(read(log[0], output + used, sizeof(output) - 1 - used)));
		ASSERT(n > 0);
		used += (size_t)n;
	}
	close(ASSERT_OK(raw_connect(&place)));
	ASSERT_OK(SYS(kill(place.pid, SIGTERM)));
	instance_expect_exit(&place, 0);
	close(log[0]);
}

/* After READY=1 the instance can be used at once. */
static void ready_means_serving(struct instance *instance)
{
	for (int i = 0; i < 10; i++) {
		struct instance other;
		struct shared shared;
		int connection;

		instance_start(&other, NULL);
		connection = ASSERT_OK(raw_connect(&other));
		share(&shared, &other, PAGE, 0, 0);
		close(connection);
		unshare_buffer(&shared);
		instance_stop(&other);
	}
}

const struct test_case test_cases[] = {
	{"bad_options", bad_options, NULL, 0, CASE_NO_INSTANCE},
	{"all_options", all_options,
	 "mode=1777,uid=0,gid=0,ns=user:pid:mnt:ipc:net:cgroup,max-exports=1000,max-"
	 "bytes=1G,"
	 "max-exports-per-uid=100,max-bytes-per-uid=512M,max-roots-per-uid=50,"
	 "max-connections-per-uid=16,noaccel,nopassthrough,log=debug"},
	{"bad_usage", bad_usage, NULL, 0, CASE_NO_INSTANCE},
	{"help_and_version", help_and_version, NULL, 0, CASE_NO_INSTANCE},
	{"bad_mount_point", bad_mount_point, NULL, 0, CASE_NO_INSTANCE},
	{"background", background, NULL, 0, CASE_NO_INSTANCE},
	{"background_detached", background_detached, NULL, 0, CASE_NO_INSTANCE},
	{"service_manager", service_manager, NULL, 0, CASE_NO_INSTANCE},
	{"killed_service", killed_service, NULL, 0, CASE_NO_INSTANCE},
	{"killed_keeper", killed_keeper, NULL, 0, CASE_NO_INSTANCE},
	{"ignored_sigchld", ignored_sigchld, NULL, 0, CASE_NO_INSTANCE},
	{"ready_without_reader", ready_without_reader, NULL, 0, CASE_NO_INSTANCE},
	{"ready_means_serving", ready_means_serving, NULL, 0, CASE_NO_INSTANCE},
	{0},
};
