/* SPDX-License-Identifier: MIT */
/*
 * bank_message.h - one message of the bank: descriptors, and what they are
 *
 * A socket's queue holds its messages, and so their descriptors, whether or not a process
 * has the files open. The kernel keeps them in order and removes the first one only.
 */
#ifndef DMABUFFS_BANK_MESSAGE_H
#define DMABUFFS_BANK_MESSAGE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BANK_MESSAGE_MAX   253U /* descriptors in a message: the kernel's SCM_MAX_FD */
#define BANK_MESSAGE_MAGIC UINT32_C(0x6b6e6162)

/* One descriptor. */
struct bank_item {
	uint32_t slot, generation; /* of the export in the ledger */
	uint32_t part;             /* its place in the export, from 0 */
};

/* Sent without the items that are not used. The nth item is about the nth descriptor. */
struct bank_message {
	uint32_t magic;
	uint32_t n_items; /* 0: a mark, which says how far a walk has to go */
	uint64_t mark;    /* of a mark: which one */
	struct bank_item items[BANK_MESSAGE_MAX];
};

/* Most messages have few descriptors: many such are handled by one system call. */
#define BANK_SMALL 4U  /* descriptors */
#define BANK_BATCH 63U /* messages; their descriptors fit in one */

struct bank_small {
	uint32_t magic, n_items;
	uint64_t mark;
	struct bank_item items[BANK_SMALL];
	int fds[BANK_SMALL]; /* not sent */
};

struct bank_batch {
	unsigned n;
	bool stopped; /* by a message that is not sound, or not small */
	struct bank_small messages[BANK_BATCH];
};

static_assert(sizeof(struct bank_item) == 12, "");
static_assert(offsetof(struct bank_small, items) == offsetof(struct bank_message, items),
	      "");
static_assert(offsetof(struct bank_message, items) == 16, "");

/*
 * Sends it with its descriptors, which are in the queue then, without a wait. 0; -EAGAIN:
 * the queue is full; -ETOOMANYREFS: too many descriptors are in flight; -errno.
 */
int bank_message_send(int socket, const struct bank_message *message, const int *fds);

/*
 * Gets the first message, and leaves it in the queue. Its descriptors are duplicated,
 * which the caller closes: *ret_n of them. 0; -ENOMSG: there is none; -EMFILE: no room
 * for the descriptors, and none was duplicated; -EBADMSG: it is damaged, but has *ret_n
 * descriptors; -errno.
 */
int bank_message_peek(int socket, struct bank_message *ret_message,
		      int ret_fds[BANK_MESSAGE_MAX], unsigned *ret_n);

/*
 * The same for the messages from the first one on, up to @max or BANK_BATCH, as long as
 * they are sound and small: there may be none. 0 or -errno.
 */
int bank_message_peek_batch(int socket, unsigned max, struct bank_batch *ret_batch);

/* Once before the first of these two: a predecessor may have been killed in one. */
int bank_message_reset(int socket);

/* Removes the first @n messages. 0; -ENOMSG: there are fewer; -errno. */
int bank_message_drop(int socket, unsigned n);

/* Closes descriptors of which none is the last of its file, so that none can block. */
void bank_close_all(const int *fds, unsigned n);

#endif
