/* SPDX-License-Identifier: MIT */
/* syscalls.h - counts the system calls of a function */
#ifndef DMABUFFS_BENCH_SYSCALLS_H
#define DMABUFFS_BENCH_SYSCALLS_H

#include <stdbool.h>
#include <stdint.h>

#include <util.h>

/*
 * Runs @work in a traced child process, on the CPU of this one. Counts the calls of the
 * thread that runs it while *counting is set; @work sets it by a store, which does not
 * stop the child.
 */
int syscalls_count(int (*work)(void *data, volatile bool *counting), void *data,
		   uint64_t *ret_count) _must_check_;

#endif
