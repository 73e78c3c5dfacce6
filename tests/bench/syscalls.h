/* SPDX-License-Identifier: MIT */
/* syscalls.h - how many system calls something makes, counted by the kernel */
#ifndef DMABUFFS_BENCH_SYSCALLS_H
#define DMABUFFS_BENCH_SYSCALLS_H

#include <stdbool.h>
#include <stdint.h>

#include <util.h>

/*
 * Runs @work in a child process that is traced, on the CPU of this one. What is counted
 * is what the thread that runs it calls while *counting, which it sets as it likes: a
 * store, so that it need not stop for it.
 */
int syscalls_count(int (*work)(void *data, volatile bool *counting), void *data,
		   uint64_t *ret_count) _must_check_;

#endif
