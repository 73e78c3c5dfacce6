/* SPDX-License-Identifier: MIT */
/* same_process.h - a mark that differs between a process and its children */
#ifndef DMABUFFS_SAME_PROCESS_H
#define DMABUFFS_SAME_PROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A mark that reads 1 here, and 0 in every process that has a copy of this memory:
 * children of fork(2) and of clone(2) without its C wrapper. *@ret_reliable, which may be
 * NULL, is false where the kernel cannot do that (valgrind, some emulators): then only
 * pids can be compared. 0 or -ENOMEM.
 */
int same_process_create(_Atomic uint32_t **ret_mark, bool *ret_reliable);
void same_process_destroy(_Atomic uint32_t *mark); /* NULL is allowed */

#endif
