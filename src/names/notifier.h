/* SPDX-License-Identifier: MIT */
/*
 * notifier.h - invalidates removed names in the kernel
 *
 * The kernel caches names and attributes without limit. A name that is removed other than
 * by its own unlink(2) is invalidated from a dedicated thread. FUSE threads must not do
 * it: the notification takes the directory's lock, and the thread that holds this lock
 * may wait for a FUSE thread.
 *
 * Correctness does not depend on it: an open of a cached name that is removed reaches the
 * service and is refused.
 */
#ifndef DMABUFFS_NOTIFIER_H
#define DMABUFFS_NOTIFIER_H

#include <stdbool.h>

#include "names/table.h"
#include "worker.h"

struct fuse_session;

struct notifier {
	struct fuse_session *session; /* borrowed */
	struct table *table;          /* borrowed */
	struct worker worker;         /* its jobs are exports, referenced */
};

/* Starts the thread. 0 or -errno. */
int notifier_start(struct notifier *notifier, struct fuse_session *session,
		   struct table *table);

/*
 * Idempotent. Ends the thread after what is queued, while FUSE requests are still served:
 * the kernel may make it wait for them. False: it did not end in time, because a client
 * keeps the directory locked (by reading it into memory whose pages never come).
 */
bool notifier_stop(struct notifier *notifier);

/*
 * Queues an export whose name was just removed, once in its life; takes a reference. Does
 * nothing when stopped.
 */
void notifier_name_ended(struct notifier *notifier, struct export *export);

#endif
