/* SPDX-License-Identifier: MIT */
/*
 * predecessor.h - the process that served before this one
 *
 * A successor takes over once its predecessor cannot take a request any more. That a
 * process was killed is not enough, for one of its threads can be about to take one in
 * read(2). That it has ended is too much, for a client can make a thread wait where not
 * even SIGKILL ends it. But a killed thread never returns to user mode: what waits in
 * another system call than read(2) takes no request, and neither does it reply to one if
 * that is not writev(2) either. Neither of them waits for a client.
 */
#ifndef DMABUFFS_PREDECESSOR_H
#define DMABUFFS_PREDECESSOR_H

#include "store/ledger.h"

/*
 * Notes in the ledger that it is this process's: when it was made (@owner 0), or after
 * @owner was waited for. Before the root of the host is left. 0; -EBUSY, logged: another
 * one has become it meanwhile; -errno.
 */
int predecessor_become(struct ledger *ledger, uint64_t owner);

/*
 * Waits until the one that is noted, *ret_owner, cannot take a request any more. 0;
 * -EBUSY, logged: it has not been killed, or has not ended its last read(2), for a time.
 */
int predecessor_wait(const struct ledger *ledger, uint64_t *ret_owner);

#endif
