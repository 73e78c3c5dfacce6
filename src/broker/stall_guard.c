/* SPDX-License-Identifier: MIT */
#include "broker/stall_guard.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define STALL_NS (20 * 1000 * 1000)

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static void stall_guard_wake_up(int signal)
{
}

int stall_guard_init(struct stall_guard *guard)
{
	struct sigaction action = {.sa_handler = stall_guard_wake_up}; /* no SA_RESTART */
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGRTMIN,
		.sigev_notify_thread_id = gettid(),
	};
	sigset_t set;

	sigaction(SIGRTMIN, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	return timer_create(CLOCK_MONOTONIC, &event, &guard->timer) < 0 ? -errno : 0;
}

void stall_guard_finish(struct stall_guard *guard)
{
	timer_delete(guard->timer);
}

void stall_guard_begin(struct stall_guard *guard)
{
	/* Periodic, in case the first signal arrives just before the wait. */
	const struct itimerspec time = {{0, STALL_NS}, {0, STALL_NS}};

	timer_settime(guard->timer, 0, &time, NULL);
}

void stall_guard_end(struct stall_guard *guard)
{
	const struct itimerspec never = {0};

	timer_settime(guard->timer, 0, &never, NULL);
}
