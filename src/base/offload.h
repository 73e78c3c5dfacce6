/* SPDX-License-Identifier: MIT */
/*
 * offload.h - system calls whose duration a client controls
 *
 * A process that has a memfd open can keep its inode locked, by a write(2) whose source
 * page never arrives: fchmod(2), ftruncate(2) and F_ADD_SEALS then wait without a bound,
 * and no signal interrupts the wait. For close(2) see closer.h.
 *
 * Such calls run in a short-lived thread each, with no lock of ours held. A user may have
 * a limited number of them under way, RES_OFFLOADS, and is refused whatever could add one
 * more. Thread safe.
 */
#ifndef DMABUFFS_OFFLOAD_H
#define DMABUFFS_OFFLOAD_H

#include <stdbool.h>

#include "base/limits.h"

struct offload; /* a charge for one such thread */

/* -EBUSY: too many of this user, or of all, have not returned; -ENOMEM. */
int offload_reserve(struct limits *limits, const struct payer *payer,
		    struct offload **ret_offload);

/* Gives an unused charge back; NULL is allowed. */
void offload_cancel(struct offload *offload);

/* Runs @work in a thread, and then gives the charge back. -errno: cancelled, not run. */
int offload_start(struct offload *offload, void (*work)(void *arg), void *arg);

/* At exit: waits up to a second for all of them; false if some have not returned. */
bool offload_wait_all(struct limits *limits);

#endif
