/* SPDX-License-Identifier: MIT */
/* test-start-inherited.c - closed descriptors, ignored and blocked signals */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.h"
#include "raw.h"

/* Bit n: descriptor n is closed. */
#define ALL_SETS (1U << (STDERR_FILENO + 1))

/* The log of a service with a standard error is not of interest, but long. */
static void close_standard(unsigned int closed)
{
	int log = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (log < 0 || dup2(log, STDERR_FILENO) < 0)
		_exit(126);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (closed & 1U << fd)
			close(fd);
}

static void mount_point(struct instance *ret_instance, unsigned int closed)
{
	*ret_instance = (struct instance){.pid = -1};
	snprintf(ret_instance->dir, sizeof(ret_instance->dir), "%s/closed-%u",
		 test_work_dir, closed);
	ASSERT_OK(SYS(mkdir(ret_instance->dir, 0755)));
}

static void expect_service(const struct instance *place)
{
	struct shared shared;

	share(&shared, place, PAGE, 0, 0);
	unshare_buffer(&shared);
}

static _Noreturn void exec_foreground(const struct instance *place, int ready,
				      unsigned int closed)
{
	char option[32];
	const char *argv[] = {daemon_path(), "-f",       "-o", "log=debug",
			      option,        place->dir, NULL};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(option, sizeof(option), "--ready-fd=%d", ready);
	if (fcntl(ready, F_SETFD, 0) < 0)
		_exit(126);
	close_standard(closed);
	execv(argv[0], (char **)argv);
	_exit(127);
}

static void serve_in_foreground(unsigned int closed)
{
	struct instance place;
	char text[16] = "";
	int ready[2];

	mount_point(&place, closed);
	ASSERT_OK(SYS(pipe2(ready, O_CLOEXEC)));
	place.pid = fork();
	ASSERT(place.pid >= 0);
	if (place.pid == 0)
		exec_foreground(&place, ready[1], closed);
	close(ready[1]);
	ASSERT(wait_ready(ready[0], POLLIN, WAIT_MS));
	if (read(ready[0], text, sizeof(text)) <= 0)
		test_fail(__FILE__, __LINE__, "not ready with the set %#x closed",
			  closed);
	close(ready[0]);
	expect_service(&place);
	ASSERT_OK(SYS(kill(place.pid, SIGTERM)));
	instance_expect_exit(&place, 0);
	ASSERT(!is_mounted(place.dir));
}

static void foreground(struct instance *instance)
{
	for (unsigned int closed = 0; closed < ALL_SETS; closed++)
		serve_in_foreground(closed);
}

static int run_in_background(const struct instance *place, unsigned int closed)
{
	const char *argv[] = {daemon_path(), place->dir, NULL};
	pid_t pid = fork();
	int status;

	ASSERT(pid >= 0);
	if (pid == 0) {
		signal(SIGCHLD, SIG_IGN);
		close_standard(closed);
		execv(argv[0], (char **)argv);
		_exit(127);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

static void background(struct instance *instance)
{
	for (unsigned int closed = 0; closed < ALL_SETS; closed++) {
		struct instance place;

		mount_point(&place, closed);
		ASSERT_EQ(run_in_background(&place, closed), 0);
		expect_service(&place);
		ASSERT_OK(SYS(umount2(place.dir, 0)));
	}
}

/* A start that fails has its status, whatever is closed. */
static void failure(struct instance *instance)
{
	struct instance place = {.pid = -1};

	snprintf(place.dir, sizeof(place.dir), "%s/none", test_work_dir);
	for (unsigned int closed = 0; closed < ALL_SETS; closed++) {
		int status = run_in_background(&place, closed);

		ASSERT(WIFEXITED(status));
		ASSERT_EQ(WEXITSTATUS(status), 1);
	}
}

/* The process that was started ends by the signal that ended the service. */
static void ignored_sigchld(struct instance *instance)
{
	struct instance other;
	int status;

	ASSERT(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
	instance_start(&other, "nosupervisor");
	ASSERT(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
	ASSERT_OK(SYS(kill(other.service, SIGKILL)));
	ASSERT_EQ(waitpid(other.pid, &status, 0), other.pid);
	ASSERT(WIFSIGNALED(status));
	ASSERT_EQ(WTERMSIG(status), SIGKILL);
	ASSERT_OK(SYS(umount2(other.dir, 0)));
}

/* As nohup(1) starts it: only the second signal ends it. */
static void ignored_sighup(struct instance *instance)
{
	struct instance other;

	ASSERT(signal(SIGHUP, SIG_IGN) != SIG_ERR);
	instance_start(&other, NULL);
	ASSERT(signal(SIGHUP, SIG_DFL) != SIG_ERR);
	ASSERT_OK(SYS(kill(other.service, SIGHUP)));
	ASSERT_OK(SYS(kill(other.pid, SIGHUP)));
	expect_service(&other);
	ASSERT_OK(SYS(kill(other.pid, SIGTERM)));
	instance_expect_exit(&other, 0);
	ASSERT(instance_logged(&other, "stopping: signal 15"));
}

static void hangup(struct instance *instance)
{
	struct instance other;

	instance_start(&other, NULL);
	ASSERT_OK(SYS(kill(other.pid, SIGHUP)));
	instance_expect_exit(&other, 0);
	ASSERT(instance_logged(&other, "stopping: signal 1\n"));
}

static void blocked_signals(struct instance *instance)
{
	struct instance other;
	sigset_t all, before;

	sigfillset(&all);
	ASSERT_OK(SYS(sigprocmask(SIG_SETMASK, &all, &before)));
	instance_start(&other, NULL);
	ASSERT_OK(SYS(sigprocmask(SIG_SETMASK, &before, NULL)));
	expect_service(&other);
	ASSERT_OK(SYS(kill(other.pid, SIGTERM)));
	instance_expect_exit(&other, 0);
	ASSERT(!is_mounted(other.dir));
}

const struct test_case test_cases[] = {
	{"foreground", foreground, NULL, 0, CASE_NO_INSTANCE},
	{"background", background, NULL, 0, CASE_NO_INSTANCE},
	{"failure", failure, NULL, 0, CASE_NO_INSTANCE},
	{"ignored_sigchld", ignored_sigchld, NULL, 0, CASE_NO_INSTANCE},
	{"ignored_sighup", ignored_sighup, NULL, 0, CASE_NO_INSTANCE},
	{"hangup", hangup, NULL, 0, CASE_NO_INSTANCE},
	{"blocked_signals", blocked_signals, NULL, 0, CASE_NO_INSTANCE},
	{0},
};
