/* SPDX-License-Identifier: MIT */
#include "inject.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "harness.h"

#ifdef __x86_64__

#define CALL       0x050f /* the instruction "syscall" */
#define CALL_BYTES 2
#define BELOW      2048 /* of the stack pointer: nothing of the thread is there */

bool inject_is_possible(void)
{
	return true;
}

static int inject_wait(pid_t thread)
{
	int status;

	ASSERT_EQ(waitpid(thread, &status, __WALL), thread);
	ASSERT(WIFSTOPPED(status));
	return status >> 8;
}

/* None of them is taken for the end of the step. */
static uint64_t inject_block_signals(pid_t thread)
{
	uint64_t saved, all = ~(UINT64_C(1) << (SIGTRAP - 1));

	ASSERT_OK(SYS(ptrace(PTRACE_GETSIGMASK, thread, sizeof(saved), &saved)));
	ASSERT_OK(SYS(ptrace(PTRACE_SETSIGMASK, thread, sizeof(all), &all)));
	return saved;
}

static void inject_copy(pid_t thread, uint64_t to, const char *text)
{
	struct iovec from = {(void *)text, strlen(text) + 1};
	struct iovec there = {(void *)(uintptr_t)to, from.iov_len};

	ASSERT_EQ(process_vm_writev(thread, &from, 1, &there, 1, 0), from.iov_len);
}

static bool inject_is_call(pid_t thread, uint64_t at)
{
	errno = 0;
	return (ptrace(PTRACE_PEEKTEXT, thread, at, NULL) & 0xffff) == CALL && errno == 0;
}

/*
 * Where the system call is that it waits in: just before or, when the kernel is about
 * to restart it, the next instruction. 0: it waits in none.
 */
static uint64_t inject_call_near(pid_t thread)
{
	struct user_regs_struct regs;

	ASSERT_OK(SYS(ptrace(PTRACE_GETREGS, thread, NULL, &regs)));
	if (inject_is_call(thread, regs.rip - CALL_BYTES))
		return regs.rip - CALL_BYTES;
	return inject_is_call(thread, regs.rip) ? regs.rip : 0;
}

/* A traced thread stops for each signal, also for one that it ignores. */
static uint64_t inject_stop(pid_t thread)
{
	uint64_t call;
	int stop;

	ASSERT_OK(SYS(ptrace(PTRACE_SEIZE, thread, NULL, NULL)));
	do {
		ASSERT_OK(SYS(ptrace(PTRACE_INTERRUPT, thread, NULL, NULL)));
		while ((stop = inject_wait(thread)) != (SIGTRAP | PTRACE_EVENT_STOP << 8))
			ASSERT_OK(SYS(ptrace(PTRACE_CONT, thread, NULL, stop)));
		call = inject_call_near(thread);
		if (!call)
			ASSERT_OK(SYS(ptrace(PTRACE_CONT, thread, NULL, NULL)));
	} while (!call);
	return call;
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
	uint64_t call, mask;

	call = inject_stop(thread);
	mask = inject_block_signals(thread);
	ASSERT_OK(SYS(ptrace(PTRACE_GETREGS, thread, NULL, &saved)));
	regs = saved;
	regs.rip = call;
	inject_prepare(thread, injection, &regs);
	ASSERT_OK(SYS(ptrace(PTRACE_SETREGS, thread, NULL, &regs)));
	ASSERT_OK(SYS(ptrace(PTRACE_SINGLESTEP, thread, NULL, NULL)));
	ASSERT_EQ(inject_wait(thread), SIGTRAP);
	ASSERT_OK(SYS(ptrace(PTRACE_GETREGS, thread, NULL, &regs)));
	ASSERT_OK(SYS(ptrace(PTRACE_SETREGS, thread, NULL, &saved)));
	ASSERT_OK(SYS(ptrace(PTRACE_SETSIGMASK, thread, sizeof(mask), &mask)));
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
