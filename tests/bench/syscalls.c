/* SPDX-License-Identifier: MIT */
/*
 * syscalls.c - how many system calls something makes, counted by the kernel
 *
 * The child stops at each (ptrace(2)); one that the work does not make itself marks begin
 * and end. Work that makes none is not slowed down.
 */
#include "syscalls.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* After the one of the C library, which declares the same as enums. */
#include <linux/ptrace.h>

#include "bench.h"

/* Known calls with arguments that nobody would give them. */
#define MARK  SYS_prctl
#define BEGIN 0x62656769
#define END   0x656e6420

void syscalls_begin(void)
{
	(void)syscall(MARK, BEGIN, 0, 0, 0, 0);
}

void syscalls_end(void)
{
	(void)syscall(MARK, END, 0, 0, 0, 0);
}

struct count {
	uint64_t calls;
	bool begun, ended;
};

static void add_call(struct count *count, const struct ptrace_syscall_info *info)
{
	bool mark = info->entry.nr == MARK;

	if (info->op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	if (mark && info->entry.args[0] == BEGIN)
		count->begun = true;
	else if (mark && info->entry.args[0] == END)
		count->ended = true;
	else if (count->begun && !count->ended)
		count->calls++;
}

/* @signal: for the child. 1: it has stopped again, 0: it has ended well, or -errno. */
static int go_on(pid_t pid, int signal, int *ret_stop)
{
	int status;

	if (ptrace(PTRACE_SYSCALL, pid, NULL, (long)signal) < 0 ||
	    waitpid(pid, &status, 0) < 0)
		return -errno;
	if (!WIFSTOPPED(status))
		return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
	*ret_stop = WSTOPSIG(status);
	return 1;
}

/* The child stands still at its own SIGSTOP. */
static int trace(pid_t pid, struct count *count)
{
	int signal = 0, r;

	if (ptrace(PTRACE_SETOPTIONS, pid, NULL,
		   (long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) < 0)
		return -errno;
	while ((r = go_on(pid, signal, &signal)) > 0) {
		struct ptrace_syscall_info info = {0};

		if (signal != (SIGTRAP | 0x80))
			continue;
		signal = 0;
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0)
			return -errno;
		add_call(count, &info);
	}
	return r;
}

static int run_child(int (*work)(void *data), void *data)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		return complain(-errno, "ptrace");
	(void)raise(SIGSTOP);
	return work(data);
}

int syscalls_count(int (*work)(void *data), void *data, uint64_t *ret_count)
{
	struct count count = {0};
	int status, r;
	pid_t pid = fork();

	if (pid == 0)
		_exit(run_child(work, data) < 0);
	if (pid < 0)
		return complain(-errno, "fork");
	r = waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) ? trace(pid, &count)
								  : -ECHILD;
	if (r == 0 && !count.ended)
		r = -ENODATA;
	/* Should it still be there, it ends with this process. */
	if (r < 0)
		return complain(r, "counting of system calls");
	*ret_count = count.calls;
	return 0;
}
