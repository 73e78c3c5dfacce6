/* SPDX-License-Identifier: MIT */
#include "inject.h"

#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "harness.h"

#ifdef __x86_64__

#define CALL_BYTES 2    /* of the instruction "syscall" */
#define BELOW      2048 /* of the stack pointer: nothing of the thread is there */

bool inject_is_possible(void)
{
	return true;
}

static void inject_wait(pid_t thread)
{
	int status;

	ASSERT_EQ(waitpid(thread, &status, __WALL), thread);
	ASSERT(WIFSTOPPED(status));
}

static void inject_copy(pid_t thread, uint64_t to, const char *text)
{
	struct iovec from = {(void *)text, strlen(text) + 1};
	struct iovec there = {(void *)(uintptr_t)to, from.iov_len};

	ASSERT_EQ(process_vm_writev(thread, &from, 1, &there, 1, 0), from.iov_len);
}

static void inject_prepare(pid_t thread, const struct injection *injection,
			   struct user_regs_struct *regs)
{
	uint64_t arguments[6];

	memcpy(arguments, injection->arguments, sizeof(arguments));
	if (injection->text) {
		arguments[injection->at] = (regs->rsp - BELOW) & ~UINT64_C(15);
		inject_copy(thread, arguments[injection->at], injection->text);
	}
	/* Not to be restarted. */
	regs->orig_rax = (unsigned long long)-1;
	regs->rax = (unsigned long long)injection->call;
	regs->rip -= CALL_BYTES;
	regs->rdi = arguments[0];
	regs->rsi = arguments[1];
	regs->rdx = arguments[2];
	regs->r10 = arguments[3];
	regs->r8 = arguments[4];
	regs->r9 = arguments[5];
}

long inject(pid_t thread, const struct injection *injection)
{
	struct user_regs_struct saved, regs;

	ASSERT_OK(SYS(ptrace(PTRACE_SEIZE, thread, NULL, NULL)));
	ASSERT_OK(SYS(ptrace(PTRACE_INTERRUPT, thread, NULL, NULL)));
	inject_wait(thread);
	ASSERT_OK(SYS(ptrace(PTRACE_GETREGS, thread, NULL, &saved)));
	/* It waits in a system call, so that instruction is just before. */
	ASSERT((long long)saved.orig_rax >= 0);
	regs = saved;
	inject_prepare(thread, injection, &regs);
	ASSERT_OK(SYS(ptrace(PTRACE_SETREGS, thread, NULL, &regs)));
	ASSERT_OK(SYS(ptrace(PTRACE_SINGLESTEP, thread, NULL, NULL)));
	inject_wait(thread);
	ASSERT_OK(SYS(ptrace(PTRACE_GETREGS, thread, NULL, &regs)));
	ASSERT_OK(SYS(ptrace(PTRACE_SETREGS, thread, NULL, &saved)));
	ASSERT_OK(SYS(ptrace(PTRACE_DETACH, thread, NULL, NULL)));
	return (long)regs.rax;
}

#else

bool inject_is_possible(void)
{
	return false;
}

long inject(pid_t thread, const struct injection *injection)
{
	return -ENOSYS;
}

#endif
