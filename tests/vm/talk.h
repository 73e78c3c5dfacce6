/* SPDX-License-Identifier: MIT */
/* Two processes taking turns: a pair of pipes, and nothing else between them. */
#ifndef DMABUFFS_TESTS_VM_TALK_H
#define DMABUFFS_TESTS_VM_TALK_H

#include <stddef.h>

struct talk {
	int in;
	int out;
};

/* Makes both ends, each for one process. Answers 0 or -errno. */
int talk_create(struct talk *ret_one, struct talk *ret_other);
void talk_finish(struct talk *t);

/* Whole messages. -ECONNRESET: the other process has ended. */
int talk_send(struct talk *t, const void *data, size_t size);
int talk_receive(struct talk *t, void *data, size_t size);

/* A turn: one byte that says nothing but "go on". */
int talk_go(struct talk *t);
int talk_wait(struct talk *t);

#endif
