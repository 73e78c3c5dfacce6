/* SPDX-License-Identifier: MIT */
/*
 * notifier.h - telling the kernel that names have ended
 *
 * The kernel caches names and attributes without limit; what ends a name other than its
 * own unlink(2) is told to it from a thread of its own. FUSE threads must not do it: the
 * notification takes the directory's lock, whose holder may be waiting for a FUSE thread.
 *
 * Correctness does not wait for it: an open of a cached name that has ended reaches us
 * and is refused.
 */
#ifndef DMABUFFS_NOTIFIER_H
#define DMABUFFS_NOTIFIER_H

#include <pthread.h>
#include <stdbool.h>

#include "names/table.h"

struct fuse_session;

struct notifier {
	struct fuse_session *session; /* borrowed */
	struct table *table;          /* borrowed */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct export *first, **last; /* protected by lock: queued, referenced */
	bool stop;                    /* protected by lock */
	bool joined;                  /* of who stops it */
};

/* Starts the thread. 0 or -errno. */
int notifier_start(struct notifier *notifier, struct fuse_session *session,
		   struct table *table);

/*
 * Idempotent. Ends the thread after what is queued, while FUSE requests are still served:
 * the kernel may make it wait for them. False: it did not end in time, a client keeps the
 * directory locked (by reading it into memory whose pages never come).
 */
bool notifier_stop(struct notifier *notifier);

/*
 * Queues an export whose name has just ended, once in its life; takes a reference. Does
 * nothing when stopped.
 */
void notifier_name_ended(struct notifier *notifier, struct export *export);

#endif
