/* SPDX-License-Identifier: MIT */
/*
 * bank_private.h - what the files of the bank share
 *
 * bank.c puts, drops, and says when to turn; bank_fold.c does a step of a turn; and
 * bank_open.c makes and opens the sockets.
 */
#ifndef DMABUFFS_BANK_PRIVATE_H
#define DMABUFFS_BANK_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/bank.h"
#include "store/uniques.h"

/* Which export of a slot is wanted. */
struct bank_slot {
	uint32_t generation; /* 0: none */
	uint16_t n_parts;
	uint16_t n_kept; /* parts that the queue has */
};

struct bank_queue {
	int reader, writer;      /* fixed; borrowed from bank.fds */
	int room;                /* fixed: bytes of messages, 0: enough */
	int64_t max_messages;    /* fixed */
	pthread_mutex_t turning; /* held by the thread that turns it */
	/* Protects all below, and the bank's slots of this queue; taken after turning. */
	pthread_mutex_t lock;
	int64_t n_messages, n_items; /* in the queue */
	int64_t n_wanted;            /* items that should be */
};

struct bank {
	uint32_t n_slots;
	unsigned n_queues;
	const struct bank_ops *ops;
	void *data;
	uint64_t max_in_flight; /* descriptors; 0: any */
	_Atomic int64_t in_flight;
	struct bank_slot *slots; /* owned */
	int fds[BANK_QUEUES_MAX];
	struct bank_queue queues[BANK_QUEUES_MAX];
};

/*
 * A step of a turn: the first message of a queue, or the first few if they are small, and
 * one with what is wanted of them. Few, because the kernel walks past all those before
 * the one that it looks at.
 */
struct bank_fold {
	/* Of the whole walk. */
	struct uniques *seen; /* during a rebuild: borrowed; else NULL */
	uint64_t mark;        /* how far a rebuild goes */
	bool found_mark;
	unsigned n_small; /* messages that the last step had, if all were small */
	struct bank_report report;
	/* Of one step. */
	unsigned n_messages;
	unsigned n_gone;
	int n_items;               /* in these messages */
	struct bank_message page;  /* what is sent again */
	int fds[BANK_MESSAGE_MAX]; /* its descriptors */
	struct bank_batch batch;   /* what is looked at: many small ones, or one */
	struct bank_message next;
	int next_fds[BANK_MESSAGE_MAX];
	struct bank_item gone[BANK_MESSAGE_MAX];
	int gone_fds[BANK_MESSAGE_MAX];
};

/*
 * Folds up to @max messages; how many, 0 if there is none. -errno: the queue is as
 * before. By the thread that turns the queue.
 */
int bank_fold(struct bank *bank, struct bank_queue *queue, struct bank_fold *fold,
	      int64_t max);

void bank_count_locked(struct bank *bank, struct bank_queue *queue, int messages,
		       int items);

#endif
