/* SPDX-License-Identifier: MIT */
/* Prints the lines that run-guest.sh counts: "ok ..." and "not ok ...". */
#ifndef DMABUFFS_TESTS_VM_TAP_H
#define DMABUFFS_TESTS_VM_TAP_H

#include <errno.h>
#include <stdbool.h>

/* The result of a system call, as 0 or -errno. */
static inline int error_of(long result)
{
	return result < 0 ? -errno : 0;
}

/* Prints one line, "ok WHAT: TEXT", and returns good. */
__attribute__((format(printf, 3, 4))) bool tap_check(bool good, const char *what,
						     const char *format, ...);

/* Returns 1 if any check of this process failed, else 0. A forked child starts at 0. */
int tap_exit_status(void);
void tap_reset(void);

#endif
