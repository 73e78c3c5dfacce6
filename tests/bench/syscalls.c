/* SPDX-License-Identifier: MIT */
/*
 * syscalls.c - counts the system calls of a function
 *
 * The child stops at each call (ptrace(2)). Code that makes none is not slowed down.
 */
#include "syscalls.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* After the C library's header, which declares the same names as enums. */
#include <linux/ptrace.h>

#include "bench.h"

struct count {
	volatile bool
		*counting; /* shared with the child, which is stopped when it is read */
	uint64_t calls;
};

/*
 * @signal: for the child. Returns 1: stopped again, 0: exited with status 0, or -errno.
 */
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

/* The child is stopped at its own SIGSTOP. */
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
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY && *count->counting)
			count->calls++;
	}
	return r;
}

static int run_child(int (*work)(void *data, volatile bool *counting), void *data,
		     volatile bool *counting)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		return complain(-errno, "ptrace");
	(void)raise(SIGSTOP);
	return work(data, counting);
}

/* A failed child that still exists is killed when this process exits. */
static int count_child(int (*work)(void *data, volatile bool *counting), void *data,
		       struct count *count)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(run_child(work, data, count->counting) < 0);
	if (pid < 0)
		return -errno;
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return -ECHILD;
	return trace(pid, count);
}

int syscalls_count(int (*work)(void *data, volatile bool *counting), void *data,
		   uint64_t *ret_count)
{
	struct count count = {0};
	void *shared = mmap(NULL, sizeof(*count.counting), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int r;

	if (shared == MAP_FAILED)
		return complain(-errno, "mmap");
	count.counting = shared;
	r = count_child(work, data, &count);
	(void)munmap(shared, sizeof(*count.counting));
	if (r < 0)
		return complain(r, "counting of system calls");
	*ret_count = count.calls;
	return 0;
}
