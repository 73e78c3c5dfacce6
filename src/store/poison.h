/* SPDX-License-Identifier: MIT */
/*
 * poison.h - requests that kill the service
 *
 * A request that was read and not replied to when the service was killed is sent again to
 * its successor, which it may kill, too. So those that come again are counted, in the
 * ledger, while they are executed. One that was under way at three kills is refused.
 *
 * Others that are executed at the same time must not be taken for it: one at a time is
 * counted, and each that comes again waits for its turn; but not for long, as a client
 * may decide how long one takes, and is then executed without being counted. What a
 * thread of dmabuf_io.h does, a read or write without passthrough, is not counted. Thread
 * safe.
 */
#ifndef DMABUFFS_POISON_H
#define DMABUFFS_POISON_H

#include <stdbool.h>

#include "store/ledger.h"

/* Kills, the first included, after which a request is refused. */
#define POISON_KILLS 3U

/* All that a request waits for its turn. */
#define POISON_WAIT_MS 100

/*
 * Before a request is executed that came again; @unique is without its mark. May wait for
 * another one. False: refuse it, and do not call poison_end().
 */
bool poison_begin(struct ledger *ledger, uint64_t unique);

/* It was replied to, by any thread. */
void poison_end(struct ledger *ledger, uint64_t unique);

#endif
