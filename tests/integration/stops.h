/* SPDX-License-Identifier: MIT */
/*
 * stops.h - stops a child process before and after each of its system calls
 *
 *
 * Traces what its main thread does between two calls of stops_mark(); other threads keep
 * running. A case can kill the child at each step: only system calls are visible to other
 * processes.
 */
#ifndef DMABUFFS_TEST_STOPS_H
#define DMABUFFS_TEST_STOPS_H

#include <stdbool.h>
#include <sys/types.h>

/* Marks the first and the last of the traced steps. */
void stops_mark(void);

/*
 * Call it before the child's first mark. It must be a child of this process, which waits
 * for a byte.
 */
void stops_attach(pid_t pid);

/*
 * Returns true when the child is stopped at its n-th stop, counted from 0, and false if
 * it reached its second mark before. The child stays stopped; afterwards it can only be
 * killed.
 */
bool stops_reach(pid_t pid, unsigned int n);

#endif
