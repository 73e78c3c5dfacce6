/* SPDX-License-Identifier: MIT */
/*
 * inject.h - makes a thread of another process execute a system call
 *
 * What code that an attacker runs in the service could do, without a hook in the service:
 * ptrace(2) sets the registers of a thread that waits in a system call, and restores
 * them.
 */
#ifndef DMABUFFS_TEST_INJECT_H
#define DMABUFFS_TEST_INJECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct injection {
	long call;
	uint64_t arguments[6];
	const char *text; /* if not NULL, the argument @at points to a copy of it */
	int at;
};

/* False: not for this architecture. */
bool inject_is_possible(void);

/* Its result, or a negative errno. Fails the case if the thread cannot be stopped. */
long inject(pid_t thread, const struct injection *injection);

#endif
