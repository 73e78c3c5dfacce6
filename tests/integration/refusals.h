/* SPDX-License-Identifier: MIT */
/* refusals.h - has system calls of one kind fail, the n-th or all */
#ifndef DMABUFFS_TEST_REFUSALS_H
#define DMABUFFS_TEST_REFUSALS_H

#include <stdint.h>

struct refusal {
	long call;        /* SYS_*; clone3(2) fails always, so that clone(2) is called */
	uint32_t flag;    /* only calls with this bit in the first argument; 0: all */
	unsigned int nth; /* which one fails; 1 is the first; 0: all */
	int error;
	unsigned int n_calls; /* result */
};

/*
 * Calls fn(data) in a child process. The call is refused to the child and to the
 * processes that it starts, which have to end before fn() returns. Needs root.
 */
void refusal_run(struct refusal *refusal, void (*fn)(void *data), void *data);

#endif
