/* SPDX-License-Identifier: MIT */
#include "stepped.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	abort();
}

/* Its first stop is before @act. */
static pid_t start(void (*act)(void *data), void *data)
{
	pid_t pid = fork();
	int status;

	must(pid >= 0, "fork");
	if (pid == 0) {
		must(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0, "PTRACE_TRACEME");
		raise(SIGSTOP);
		act(data);
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status), "stop");
	must(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL) == 0, "options");
	return pid;
}

/* True: it has stopped again; false: it has ended well. */
static int go_on(pid_t pid, int how)
{
	int status;

	must(ptrace(how, pid, NULL, NULL) == 0, "ptrace");
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	if (WIFSTOPPED(status)) {
		must(WSTOPSIG(status) == SIGTRAP, "a signal");
		return 1;
	}
	must(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child failed");
	return 0;
}

unsigned long stepped_run(void (*act)(void *data), void (*between)(void *data),
			  void *data)
{
	pid_t pid = start(act, data);
	unsigned long n = 0;

	while (go_on(pid, PTRACE_SINGLESTEP)) {
		between(data);
		n++;
	}
	return n;
}

int stepped_kill(void (*act)(void *data), void *data, unsigned nth)
{
	pid_t pid = start(act, data);

	for (unsigned i = 0; i < nth; i++)
		if (!go_on(pid, PTRACE_SYSCALL))
			return 0;
	must(kill(pid, SIGKILL) == 0, "kill");
	must(waitpid(pid, NULL, 0) == pid, "waitpid");
	return 1;
}
