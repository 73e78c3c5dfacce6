/* SPDX-License-Identifier: MIT */
/* sandbox.c - namespaces for mounts and daemons, removed as a whole */
#include "sandbox.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "report.h"

#define END_SECONDS 30

/*
 * The daemon identifies callers in /proc, which must belong to the same PID namespace.
 * The mounts are slaves, not private: an unmount outside must propagate.
 */
static int make_mounts(const char *dir)
{
	if (unshare(CLONE_NEWNS) < 0)
		return complain(-errno, "unshare (are you root?)");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ||
	    mount("tmpfs", dir, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0)
		return complain(-errno, "mount");
	return 0;
}

/* Returns when the child has exited, on a signal, or after @seconds. */
static void wait_for_end(const sigset_t *signals, unsigned int seconds)
{
	const struct timespec limit = {.tv_sec = seconds};
	int number;

	do
		number = sigtimedwait(signals, NULL, &limit);
	while (number < 0 && errno == EINTR);
	if (number < 0)
		progress("giving up after %u s", seconds);
	else if (number != SIGCHLD)
		progress("stopped by signal %d", number);
}

/*
 * Killing the first process of a PID namespace kills all of it. The wait is bounded,
 * since a process may be stuck in the kernel. Returns the exit status.
 */
static int end(pid_t child, const sigset_t *signals)
{
	const struct timespec limit = {.tv_sec = END_SECONDS};
	int status = 0;
	pid_t ended;

	(void)kill(child, SIGKILL);
	do
		ended = waitpid(child, &status, WNOHANG);
	while (ended == 0 && sigtimedwait(signals, NULL, &limit) > 0);
	if (ended != child) {
		progress("process %d does not exit", (int)child);
		return 1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int run_in(const char *dir, int (*inside)(const char *dir, void *data), void *data,
		  unsigned int seconds)
{
	sigset_t signals, before;
	pid_t child;

	if (unshare(CLONE_NEWPID) < 0)
		return complain(-errno, "unshare (are you root?)");
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGCHLD);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &signals, &before);
	child = fork();
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)sigprocmask(SIG_SETMASK, &before, NULL);
		_exit(make_mounts(dir) < 0 ? 1 : inside(dir, data));
	}
	if (child < 0)
		return complain(-errno, "fork");
	wait_for_end(&signals, seconds);
	return end(child, &signals);
}

int sandbox_run(int (*inside)(const char *dir, void *data), void *data,
		unsigned int seconds)
{
	char dir[] = "/tmp/dmabuffs-tests.XXXXXX";
	int r;

	if (!mkdtemp(dir))
		return complain(-errno, "mkdtemp");
	r = run_in(dir, inside, data, seconds);
	if (rmdir(dir) < 0)
		(void)complain(-errno, "rmdir %s", dir);
	return r;
}
