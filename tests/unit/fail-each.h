/* SPDX-License-Identifier: MIT */
/*
 * fail-each.h - each allocation and system call of an operation fails once
 *
 * The operation is run with its first call failing, then with its second, until there are
 * no more. Whether it returns an error or does without: no memory, no descriptor and no
 * charge may be left over when finish() has returned.
 */
#ifndef DMABUFFS_TESTS_FAIL_EACH_H
#define DMABUFFS_TESTS_FAIL_EACH_H

#include <stdbool.h>
#include <stdint.h>

/*
 * prepare() and finish() frame the act; only calls of the act fail. finish() waits until
 * everything that the other two left to other threads is done, so that what is left over
 * can be counted exactly.
 */
struct operation {
	void (*prepare)(void); /* NULL: nothing to prepare */
	int (*act)(void);      /* 0 or -errno */
	void (*finish)(int r); /* checks what the result means, and undoes all */
	bool can_do_without;   /* some failures are not an error */
};

void fail_each(const struct operation *operation);

/* The fixture of each program has it: the sum of all that is charged now. */
uint64_t fixture_charged(void);

#endif
