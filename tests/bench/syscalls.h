/* SPDX-License-Identifier: MIT */
/* syscalls.h - how many system calls something makes, counted by the kernel */
#ifndef DMABUFFS_BENCH_SYSCALLS_H
#define DMABUFFS_BENCH_SYSCALLS_H

#include <stdint.h>

#include <util.h>

/*
 * Runs @work in a child process that is traced, on the CPU of this one. What is counted
 * is between its calls of syscalls_begin() and syscalls_end(), and of the thread that
 * runs it; each has to be called once.
 */
int syscalls_count(int (*work)(void *data), void *data, uint64_t *ret_count) _must_check_;

void syscalls_begin(void);
void syscalls_end(void);

#endif
