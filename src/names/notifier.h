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
 * Idempotent. Stops the thread after it has processed the queue. FUSE requests must still
 * be served, because the kernel can make it wait for them. False: it did not stop in
 * time, because a client keeps the directory locked (by a getdents(2) into memory whose
 * pages never arrive).
 */
bool notifier_stop(struct notifier *notifier);

/*
 * Queues an export whose name was just removed; takes a reference. Once per export. Does
 * nothing after notifier_stop().
 */
void notifier_queue(struct notifier *notifier, struct export *export);

#endif
