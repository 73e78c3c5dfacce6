/* SPDX-License-Identifier: MIT */
#include "thread.h"

#include <signal.h>

#include "util.h"

/* All signals but those of a thread's own faults. */
static void thread_block_signals(sigset_t *ret_saved)
{
	static const int own[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL};
	sigset_t blocked;

	sigfillset(&blocked);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		sigdelset(&blocked, own[i]);
	pthread_sigmask(SIG_SETMASK, &blocked, ret_saved);
}

int thread_start(void *(*run)(void *arg), void *arg, size_t stack, pthread_t *ret_thread)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t saved;
	int r;

	pthread_attr_init(&attr);
	if (stack)
		pthread_attr_setstacksize(&attr, stack);
	if (!ret_thread)
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	/* A new thread begins with the mask of its maker. */
	thread_block_signals(&saved);
	r = pthread_create(ret_thread ?: &thread, &attr, run, arg);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	pthread_attr_destroy(&attr);
	return -r;
}
