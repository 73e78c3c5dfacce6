/* SPDX-License-Identifier: MIT */
/* Two processes that take turns, connected only by a pair of pipes. */
#ifndef DMABUFFS_TESTS_VM_TALK_H
#define DMABUFFS_TESTS_VM_TALK_H

#include <stddef.h>

struct talk {
	int in;
	int out;
};

/* Creates both ends, one per process. Returns 0 or -errno. */
int talk_create(struct talk *ret_one, struct talk *ret_other);
void talk_finish(struct talk *t);

/* Whole messages. -ECONNRESET: the other process has exited. */
int talk_send(struct talk *t, const void *data, size_t size);
int talk_receive(struct talk *t, void *data, size_t size);

/* Passes the turn: one byte without a meaning of its own. */
int talk_go(struct talk *t);
int talk_wait(struct talk *t);

#endif
