/* SPDX-License-Identifier: MIT */
/*
 * fail-each.h - each allocation and system call of an operation fails once
 *
 * The operation runs with its first call failing, then with its second, until no call is
 * left. Whether it fails or recovers, no memory, descriptor or charge may be left after
 * finish().
 */
#ifndef DMABUFFS_TESTS_FAIL_EACH_H
#define DMABUFFS_TESTS_FAIL_EACH_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Only calls of act() fail. finish() also waits until work handed to other threads is
 * done, so that leaks can be counted exactly.
 */
struct operation {
	void (*prepare)(void); /* NULL: nothing to prepare */
	int (*act)(void);      /* 0 or -errno */
	void (*finish)(
		int r);      /* checks the effect of the result, and undoes everything */
	bool can_do_without; /* some failures are not an error */
};

void fail_each(const struct operation *operation);

/* The sum of all charges now; each program's fixture defines it. */
uint64_t fixture_charged(void);

#endif
