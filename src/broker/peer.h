/* SPDX-License-Identifier: MIT */
/* peer.h - who has connected to the broker, and pays for the connection */
#ifndef DMABUFFS_PEER_H
#define DMABUFFS_PEER_H

#include "base/limits.h"

/*
 * Pays for the connections of processes that have exited: which user namespace they were
 * in cannot be read any more, so each uid of it would be a user of its own. No user has
 * this uid.
 */
#define UID_UNKNOWN (~(uid_t)0)

/*
 * Charges RES_UNADMITTED, whatever the limits, to the peer of the socket @fd. Its owners
 * are known from then on (limits.h). 0; -errno: nothing was charged.
 */
int peer_charge(struct limits *limits, int fd, struct payer *ret_payer);

#endif
