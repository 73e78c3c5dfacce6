/* SPDX-License-Identifier: MIT */
/*
 * stall_guard.h - a bound on what the kernel makes this thread wait for
 *
 * Closing a connection drops the descriptors that travel in its unread messages, and the
 * last reference to a socket with SO_LINGER makes whoever drops it wait. Such waits end
 * when a signal is pending, so a timer sends one, with an empty handler, to this thread.
 * Files that must not be waited for at all go to offload.h instead.
 */
#ifndef DMABUFFS_STALL_GUARD_H
#define DMABUFFS_STALL_GUARD_H

#include <time.h>

struct stall_guard {
	timer_t timer;
};

/* For the calling thread. 0 or -errno. */
int stall_guard_init(struct stall_guard *guard);
void stall_guard_finish(struct stall_guard *guard);

/* Between the two, no interruptible wait in the kernel lasts longer than 20 ms. */
void stall_guard_begin(struct stall_guard *guard);
void stall_guard_end(struct stall_guard *guard);

#endif
