/* SPDX-License-Identifier: MIT */
/*
 * notifier.h - invalidates removed names in the kernel
 *
 * The kernel caches attributes without limit, and the inode of a name that was looked up.
 * A thread of its own invalidates both when a name is removed.
 *
 * It sends no notification that takes the directory's lock (FUSE_NOTIFY_INVAL_ENTRY,
 * FUSE_NOTIFY_DELETE), because look-ups need that lock, too: the thread would queue for
 * it behind a client that holds it for any time, and all look-ups would queue behind the
 * thread. Nor could it be killed while it waits, so that the mount of a killed service
 * would stay.
 *
 * So a cached name stays until it is used: the service answers with ESTALE, the kernel
 * looks the name up again, and its caller gets ENOENT.
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
	_Atomic bool ending; /* the mount goes, with everything that is cached of it */
	bool prunes;         /* the kernel knows FUSE_NOTIFY_PRUNE; the thread's own */
};

/* Starts the thread. 0 or -errno. */
int notifier_start(struct notifier *notifier, struct fuse_session *session,
		   struct table *table);

/*
 * The mount ends, and what the kernel caches of it: names that are queued, or will be,
 * are not invalidated any more.
 */
void notifier_drop(struct notifier *notifier);

/*
 * Idempotent. Stops the thread after it has processed the queue. False: it did not stop
 * in time.
 */
bool notifier_stop(struct notifier *notifier);

/*
 * Queues an export whose name was just removed; takes a reference. Once per export. Does
 * nothing after notifier_stop().
 */
void notifier_queue(struct notifier *notifier, struct export *export);

#endif
