/* SPDX-License-Identifier: MIT */
/*
 * state.h - what outlives the process: the ledger and the bank, always together
 *
 * There is always one of each, also where nobody holds their descriptors for a successor:
 * then they end with the process.
 */
#ifndef DMABUFFS_STATE_H
#define DMABUFFS_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/bank.h"
#include "store/ledger.h"

#define STATE_FDS_MAX  (1U + BANK_QUEUES_MAX)
#define STATE_WHY_SIZE 160

static_assert(STATE_WHY_SIZE >= LEDGER_WHY_SIZE && STATE_WHY_SIZE >= BANK_WHY_SIZE, "");

struct state {
	struct ledger *ledger; /* owned */
	struct bank *bank;     /* owned */
	bool inherited;        /* a predecessor made them */
};

/* The slot in the bank of an accelerator's object: behind those of names. */
static inline uint32_t state_accel_slot(const struct ledger *ledger, uint32_t slot)
{
	return ledger->places[LEDGER_EXPORT].capacity + slot;
}

/*
 * Makes both, for at most @n_exports names. @ops is borrowed, for the bank. 0 or -errno,
 * as of ledger_create() and bank_create().
 */
int state_create(uint64_t n_exports, const struct bank_ops *ops, void *data,
		 struct state *ret_state);

/*
 * Opens what a predecessor left, @n descriptors in the order of state_fd(), and changes
 * nothing: it can still run. They are taken over on success. On failure @ret_why says
 * what is wrong: as of ledger_open() and bank_open(); -EPROTO: not so many descriptors.
 */
int state_open(const int *fds, unsigned n, const struct bank_ops *ops, void *data,
	       char ret_why[STATE_WHY_SIZE], struct state *ret_state);

/* The descriptors that a holder keeps: the ledger's and the bank's. They never change. */
unsigned state_n_fds(const struct state *state);
int state_fd(const struct state *state, unsigned nth);

/* Closes the descriptors; with a holder the content lives on. All zero is allowed. */
void state_close(struct state *state);

#endif
