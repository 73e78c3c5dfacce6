/* SPDX-License-Identifier: MIT */
/* stops.c - stops a process at its system calls with ptrace(2) */
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"
#include "stops.h"

#define SYSCALL_STOP (SIGTRAP | 0x80)

/* A system call that is used for nothing else here. */
void stops_mark(void)
{
	syscall(SYS_getpgid, 0);
}

static void go_on(pid_t pid)
{
	ASSERT_OK(SYS(ptrace(PTRACE_SYSCALL, pid, NULL, NULL)));
}

/* Waits for the next stop; bounded by the case's watchdog. */
static int next_stop(pid_t pid)
{
	int status;

	ASSERT_EQ(waitpid(pid, &status, __WALL), pid);
	if (!WIFSTOPPED(status))
		test_fail(__FILE__, __LINE__,
			  "the child exited by itself: wait status %#x",
			  (unsigned int)status);
	return status;
}

void stops_attach(pid_t pid)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;

	ASSERT_OK(SYS(ptrace(PTRACE_SEIZE, pid, NULL, (void *)options)));
	ASSERT_OK(SYS(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL)));
	next_stop(pid);
	go_on(pid);
}

/* The system call being entered; -1 at a system call exit or another kind of stop. */
static long entered_call(pid_t pid, int status)
{
	struct __ptrace_syscall_info info;

	if (WSTOPSIG(status) != SYSCALL_STOP)
		return -1;
	ASSERT_OK(SYS(ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info)));
	return info.op == PTRACE_SYSCALL_INFO_ENTRY ? (long)info.entry.nr : -1;
}

bool stops_reach(pid_t pid, unsigned int n)
{
	unsigned int marks = 0;
	long stops = -1; /* excludes the entry of the first mark */

	for (;; go_on(pid)) {
		int status = next_stop(pid);

		if (WSTOPSIG(status) != SYSCALL_STOP)
			continue;
		if (entered_call(pid, status) == SYS_getpgid && ++marks == 2)
			return false;
		if (marks == 1 && stops++ == (long)n)
			return true;
	}
}
