/* SPDX-License-Identifier: MIT */
/*
 * guard.h - access to memory that a client can truncate
 *
 * Such an access raises SIGBUS in its thread, which becomes an error here.
 */
#ifndef ACCEL_GUARD_H
#define ACCEL_GUARD_H

/* Installs the handler, once for the process. 0 or -errno. */
int accel_guard_setup(void);

/*
 * Calls fn(arg), which only computes on memory: a jump may leave it anywhere, so it takes
 * no lock and allocates nothing. 0, or -EFAULT if it raised SIGBUS. Does not nest.
 */
int accel_guard_call(void (*fn)(void *arg), void *arg);

/* The address that made the last failed call of this thread fail. */
void *accel_guard_address(void);

#endif
