/* SPDX-License-Identifier: MIT */
/*
 * stops.h - a child process that is stopped before and after each system call it makes
 *
 * What it does between two calls of stops_mark(), in its first thread; its others run on.
 * So that it can be killed at each of its steps: those that others notice are calls.
 */
#ifndef DMABUFFS_TEST_STOPS_H
#define DMABUFFS_TEST_STOPS_H

#include <stdbool.h>
#include <sys/types.h>

/* The steps to stop at begin, and end. */
void stops_mark(void);

/* Before it comes to its first mark: a child of this process, which waits for a word. */
void stops_attach(pid_t pid);

/*
 * Then: true when it is at its n-th stop, counted from 0; false when it has come to its
 * second mark before. It stays stopped; to be killed is all that is left for it.
 */
bool stops_reach(pid_t pid, unsigned int n);

#endif
