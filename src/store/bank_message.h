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

static_assert(sizeof(struct bank_item) == 12, "");
static_assert(offsetof(struct bank_message, items) == 16, "");

/*
 * Sends it with its descriptors, which are in the queue then, without a wait. 0; -EAGAIN:
 * the queue is full; -ETOOMANYREFS: too many descriptors are in flight; -errno.
 */
int bank_message_send(int socket, const struct bank_message *message, const int *fds);

/* The next bank_message_peek() gets the first message. 0 or -errno. */
int bank_message_rewind(int socket);

/*
 * Gets the message after the one of the last call, and leaves it in the queue. Its
 * descriptors are duplicated, which the caller closes: *ret_n of them. 0; -ENOMSG: there
 * is none; -EMFILE: no room for the descriptors, and none was duplicated; -errno.
 * -EBADMSG: it is damaged, but has *ret_n descriptors; the next call is a rewind.
 */
int bank_message_peek(int socket, struct bank_message *ret_message,
		      int ret_fds[BANK_MESSAGE_MAX], unsigned *ret_n);

/* Removes the first message. 0; -ENOMSG, -errno. */
int bank_message_drop(int socket);

/* Closes descriptors of which none is the last of its file, so that none can block. */
void bank_close_all(const int *fds, unsigned n);

#endif
