/* SPDX-License-Identifier: MIT */
/* privileges.h - the rights that remain once the instance is mounted */
#ifndef DMABUFFS_PRIVILEGES_H
#define DMABUFFS_PRIVILEGES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Raises RLIMIT_NOFILE as far as allowed: each export holds a descriptor. Returns the
 * limit that resulted.
 */
uint64_t privileges_raise_nofile(void);

/* False in a user namespace of its own, where passthrough is not to be had. */
bool privileges_are_initial(void);

/*
 * Keeps only the capabilities in the table of privileges.c, and no_new_privs. For the
 * calling thread and those it starts later. 0 or -errno.
 */
int privileges_drop(void);

#endif
