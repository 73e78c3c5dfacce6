/* SPDX-License-Identifier: MIT */
/*
 * offload.h - system calls whose duration a client controls
 *
 * A process that has a memfd open can keep its inode locked, by a write(2) whose source
 * page never arrives: fchmod(2), ftruncate(2) and F_ADD_SEALS then wait without a bound,
 * and no signal interrupts the wait. close(2) of an unknown file waits for a FUSE server
 * that does not reply to FLUSH, for a socket with SO_LINGER, for a dead NFS server.
 *
 * Such calls run in a short-lived thread each, with no lock of ours held. A user may have
 * a limited number of each sort under way, RES_OFFLOADS and RES_CLOSES, and is refused
 * whatever could add one more. Thread safe.
 */
#ifndef DMABUFFS_OFFLOAD_H
#define DMABUFFS_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"

struct offload; /* a charge for one such thread */

/*
 * Charges for a call (RES_OFFLOADS), or @uid, which holds a connection, for closing a
 * batch of descriptors (RES_CLOSES): before anything is received from the client that
 * would need it. -EBUSY: too many of this user, or of all, have not returned; -ENOMEM.
 */
int offload_reserve(struct limits *limits, const struct payer *payer,
		    struct offload **ret_offload);
int offload_reserve_close(struct limits *limits, uid_t uid, struct offload **ret_offload);

/* Gives an unused charge back; NULL is allowed. */
void offload_cancel(struct offload *offload);

/* Runs @work in a thread, and then gives the charge back. -errno: cancelled, not run. */
int offload_start(struct offload *offload, void (*work)(void *arg), void *arg);

/*
 * Closes the descriptors in a thread. If none can be created, they are closed by the
 * caller: a stall is better than a leak.
 */
void offload_close(struct offload *offload, const int *fds, size_t n_fds);

/* At exit: waits up to a second for all of them; false if some have not returned. */
bool offload_wait_all(struct limits *limits);

#endif
