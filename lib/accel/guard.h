/* SPDX-License-Identifier: MIT */
/*
 * guard.h - touching memory that a client can truncate
 *
 * The touch then raises SIGBUS in the thread that does it; here it becomes an error.
 */
#ifndef ACCEL_GUARD_H
#define ACCEL_GUARD_H

/* Installs the handler, once for the process. 0 or -errno. */
int accel_guard_setup(void);

/*
 * Calls fn(arg), which only computes on memory: it takes no lock and allocates nothing,
 * since it may be left in the middle. 0, or -EFAULT if it raised SIGBUS. Does not nest.
 */
int accel_guard_call(void (*fn)(void *arg), void *arg);

/* Where the access was that made this thread's last failed call fail. */
void *accel_guard_address(void);

#endif
