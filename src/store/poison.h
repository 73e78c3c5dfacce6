/* SPDX-License-Identifier: MIT */
/*
 * poison.h - requests that kill the service
 *
 * A request that was read and not replied to when the service was killed is sent again to
 * its successor, which it may kill, too. So those that come again are counted, in the
 * ledger, while they are executed. One that was under way at three kills is refused.
 *
 * Others that are executed at the same time must not be taken for it: one that was begun
 * again before is executed alone of its kind. Thread safe.
 */
#ifndef DMABUFFS_POISON_H
#define DMABUFFS_POISON_H

#include <stdbool.h>

#include "store/ledger.h"

/* Kills, the first included, after which a request is refused. */
#define POISON_KILLS 3U

/*
 * Before a request is executed that came again; @unique is without its mark. May wait for
 * another one. False: refuse it, and do not call the others.
 */
bool poison_begin(struct ledger *ledger, uint64_t unique);

/* The thread that began it has returned; later, or at once: it was replied to. */
void poison_returned(struct ledger *ledger, uint64_t unique);
void poison_end(struct ledger *ledger, uint64_t unique);

#endif
