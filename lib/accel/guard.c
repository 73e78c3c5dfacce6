/* SPDX-License-Identifier: MIT */
#include "guard.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <ucontext.h>

/*
 * Where this thread continues when its access fails, NULL outside of a guard. The handler
 * reads them in threads that never used them, so they are in static TLS, which needs no
 * allocation.
 */
static __thread sigjmp_buf *volatile guard_landing
	__attribute__((tls_model("initial-exec")));
static __thread void *volatile guard_fault_address
	__attribute__((tls_model("initial-exec")));

static pthread_once_t guard_once = PTHREAD_ONCE_INIT;
static int guard_setup_result;
static struct sigaction guard_previous;

/*
 * Treats the signal as if this handler were not installed. By default it kills the
 * process: an access is repeated when the handler returns, and a signal that was sent is
 * raised again.
 */
static void guard_pass_on(int sig, siginfo_t *info, void *ucontext)
{
	const struct sigaction action = {.sa_handler = SIG_DFL};

	if (guard_previous.sa_flags & SA_SIGINFO) {
		guard_previous.sa_sigaction(sig, info, ucontext);
	} else if (guard_previous.sa_handler != SIG_DFL &&
		   guard_previous.sa_handler != SIG_IGN) {
		guard_previous.sa_handler(sig);
	} else if (guard_previous.sa_handler == SIG_DFL || info->si_code > 0) {
		sigaction(sig, &action, NULL);
		if (info->si_code <= 0)
			raise(sig);
	}
}

/* The kernel's codes are positive; BUS_MCEERR_AO is no access of this thread. */
static void guard_on_sigbus(int sig, siginfo_t *info, void *ucontext)
{
	const ucontext_t *interrupted = ucontext;
	int saved = errno;

	if (guard_landing && info->si_code > 0 && info->si_code != BUS_MCEERR_AO) {
		guard_fault_address = info->si_addr;
		/* Wrappers of sigaction(2) block signals (ThreadSanitizer). */
		pthread_sigmask(SIG_SETMASK, &interrupted->uc_sigmask, NULL);
		siglongjmp(*guard_landing, 1);
	}
	guard_pass_on(sig, info, ucontext);
	errno = saved;
}

/* SA_NODEFER: the previous handler, too, may leave by a jump. */
static void guard_install(void)
{
	struct sigaction action = {
		.sa_sigaction = guard_on_sigbus,
		.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK,
	};

	sigemptyset(&action.sa_mask);
	/* Read first, since the new handler uses it. */
	if (sigaction(SIGBUS, NULL, &guard_previous) < 0 ||
	    sigaction(SIGBUS, &action, NULL) < 0)
		guard_setup_result = -errno;
}

int accel_guard_setup(void)
{
	int r = pthread_once(&guard_once, guard_install);

	return r ? -r : guard_setup_result;
}

int accel_guard_call(void (*fn)(void *arg), void *arg)
{
	sigjmp_buf env;

	if (sigsetjmp(env, 0)) {
		guard_landing = NULL;
		return -EFAULT;
	}
	guard_landing = &env;
	atomic_signal_fence(memory_order_seq_cst);
	fn(arg);
	atomic_signal_fence(memory_order_seq_cst);
	guard_landing = NULL;
	return 0;
}

void *accel_guard_address(void)
{
	return guard_fault_address;
}
