/* SPDX-License-Identifier: MIT */
/*
 * succession.h - the steps by which a successor takes a mount over
 *
 *   held_take()              the descriptors are of their kinds
 *   succession_open()        ledger and bank are of this build's format, the options same
 *   parts_init()
 *   succession_negotiate()   FUSE_INIT is replied to as before
 *   succession_await()       the predecessor was killed, and reads no request any more
 *   confine(), parts_start()
 *   succession_restore()     memory is rebuilt, requests without a reply come again
 *
 * Up to succession_await() nothing is changed but in this process, so that a service goes
 * on that would be disturbed. A kill at any step leaves what the next one can start from.
 * Each returns 0, or -errno and has logged what is wrong.
 */
#ifndef DMABUFFS_SUCCESSION_H
#define DMABUFFS_SUCCESSION_H

#include "fs/service.h"
#include "process/held.h"
#include "process/loop.h"

/* Takes the ledger and the bank over from @held. */
int succession_open(struct service *service, struct held *held);

/* Takes the device over, makes the session and initializes the loop. */
int succession_negotiate(struct service *service, struct held *held,
			 struct loop *ret_loop);

/* While this process has the root of the host. */
int succession_await(struct service *service);

int succession_restore(struct service *service, struct loop *loop);

#endif
