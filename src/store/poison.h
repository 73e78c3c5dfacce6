/* SPDX-License-Identifier: MIT */
/*
 * poison.h - requests that kill the service
 *
 * A request that was read and not replied to when the service was killed is sent again to
 * its successor, which it may kill, too. So those that come again are counted, in the
 * ledger, while they are executed. One that was under way at three kills is refused.
 *
 * Others that are executed at the same time must not be taken for it: one at a time is
 * counted, and those that come again wait for it; but not for long, as a client may
 * decide how long it takes, and are then executed without being counted. So it is the
 * first that can be refused, and the others have their turn after it. Thread safe.
 */
#ifndef DMABUFFS_POISON_H
#define DMABUFFS_POISON_H

#include <stdbool.h>

#include "store/ledger.h"

/* Kills, the first included, after which a request is refused. */
#define POISON_KILLS 3U

/* For one that takes long. */
#define POISON_WAIT_MS 100

/*
 * Before a request is executed that came again; @unique is without its mark. May wait for
 * another one. False: refuse it, and do not call poison_end().
 */
bool poison_begin(struct ledger *ledger, uint64_t unique);

/* It was replied to, by any thread. */
void poison_end(struct ledger *ledger, uint64_t unique);

#endif
