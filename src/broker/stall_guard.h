/* SPDX-License-Identifier: MIT */
/*
 * stall_guard.h - bounds the interruptible waits of this thread in the kernel
 *
 * Closing a connection drops the descriptors in its unread messages, and dropping the
 * last reference to a socket with SO_LINGER waits. A pending signal ends such a wait, so
 * a timer sends one, with an empty handler, to this thread. Files whose close no signal
 * interrupts go to offload.h instead.
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
