/* SPDX-License-Identifier: MIT */
/*
 * bank.h - where the buffers are while no process has them open
 *
 * A descriptor lies as a message in the queue of a socket pair whose ends the holder of
 * the service keeps. When bank_put() returns it is safe from a kill; no process is woken
 * for it. It takes no place in a descriptor table.
 *
 * A queue gives back its first message only, so what is not wanted any more is removed by
 * turning the queue: the first messages are duplicated, those of their descriptors that
 * are wanted are sent again in one message, and then the first messages are removed. A
 * kill in between leaves some descriptors twice, never none. Queues are short because an
 * export's slot selects one of several. Two share a socket pair: fds[i] is where queue i
 * is read, and its peer fds[i ^ 1] is where it is written.
 *
 * What must not lie here: sockets, whose cycles the kernel would have to find, and
 * descriptors of drivers that do work on each close(2) of a duplicate.
 *
 * The kernel counts descriptors in flight for the real uid of the sender. Without
 * CAP_SYS_RESOURCE and CAP_SYS_ADMIN in the first user namespace no process of that uid
 * can send any while there are more than its RLIMIT_NOFILE (ETOOMANYREFS). So the service
 * has a real uid of its own (privileges_take_uid()): with uid 0 it would stop, for
 * example, containers whose root has neither capability.
 *
 * Thread safe, but for bank_want() and bank_rebuild(), which a takeover calls first. The
 * callbacks are called without a lock of the bank.
 */
#ifndef DMABUFFS_BANK_H
#define DMABUFFS_BANK_H

#include <stdbool.h>
#include <stdint.h>

#include "store/bank_message.h"

#define BANK_QUEUES_MAX 64U
#define BANK_PARTS_MAX  4096U /* descriptors of an export */
#define BANK_NO_SLOT    UINT32_MAX
#define BANK_WHY_SIZE   160

struct bank;

struct bank_ops {
	/*
	 * A descriptor left the queues; @fd is the callee's now. It can be the last of
	 * its file, so a close(2) can take as long as a client wants: see closer.h. The
	 * slot is BANK_NO_SLOT if it was in a damaged message.
	 */
	void (*dropped)(const struct bank_item *item, int fd, void *data);
	/* During a rebuild: a wanted descriptor, once each; @fd is the callee's now. */
	void (*kept)(const struct bank_item *item, int fd, void *data);
};

struct bank_report {
	uint32_t kept;     /* descriptors */
	uint32_t unwanted; /* of names that ended */
	uint32_t doubled;  /* a kill interrupted a turn */
	uint32_t damaged;  /* messages */
};

/*
 * An empty bank for slots below @n_slots, with @n_queues, an even number. @ops is
 * borrowed. 0; -EINVAL, -ENOMEM, -errno.
 */
int bank_create(uint32_t n_slots, unsigned n_queues, const struct bank_ops *ops,
		void *data, struct bank **ret_bank);

/*
 * The bank whose @n_queues descriptors, in the order of bank_fd(), a predecessor left.
 * They are taken over on success. On failure @ret_why says what is wrong. -EINVAL,
 * -EBADFD: no such sockets; -EPROTO: they do not belong together; -ENOMEM, -errno.
 */
int bank_open(const int *fds, unsigned n_queues, uint32_t n_slots,
	      const struct bank_ops *ops, void *data, char ret_why[BANK_WHY_SIZE],
	      struct bank **ret_bank);

/* Closes the descriptors; the queues live on with their holder. NULL is allowed. */
void bank_close(struct bank *bank);

/* The @nth of n_queues descriptors to keep. */
int bank_fd(const struct bank *bank, unsigned nth);

/*
 * Puts the @n descriptors of an export, which stay the caller's too. A slot has one
 * export at a time. 0, or 1: bank_turn() is due. -ENOBUFS: the queue is full, try again
 * after a bank_turn(); -ETOOMANYREFS: so many descriptors in flight are not permitted;
 * -errno. On failure none is wanted.
 */
int bank_put(struct bank *bank, uint32_t slot, uint32_t generation, const int *fds,
	     unsigned n);

/* The export's descriptors are not wanted any more. True: bank_turn() is due. */
bool bank_drop(struct bank *bank, uint32_t slot, uint32_t generation);

/*
 * Removes what is not wanted: from the queues that are due, or with @all from each that
 * has any. Needs BANK_MESSAGE_MAX free descriptors. Memory of a dropped buffer is freed
 * only after its queue was turned, and "due" permits a fifth of a queue; so where much
 * memory, or an unknown amount, is to be freed, turn @all soon. It takes about 0.3 us for
 * each descriptor in a queue. 0; -EMFILE, -ENOBUFS, -ETOOMANYREFS, -errno: some is left.
 */
int bank_turn(struct bank *bank, bool all);

/* Descriptors that are in the queues, and not wanted. */
uint64_t bank_unwanted(struct bank *bank);

/* ---- takeover ---------------------------------------------------------------------- */

/* The ledger has an export with so many descriptors. 0 or -EINVAL. */
int bank_want(struct bank *bank, uint32_t slot, uint32_t generation, unsigned n);

/*
 * Walks through all queues once. Every wanted descriptor stays there and is handed to
 * @kept once; all others are dropped. 0; -errno: not all was seen; it can be repeated,
 * and then hands out all of them again.
 */
int bank_rebuild(struct bank *bank, struct bank_report *ret_report);

/* After a rebuild: how many descriptors of this export are missing. */
unsigned bank_missing(struct bank *bank, uint32_t slot);

#endif
