/* SPDX-License-Identifier: MIT */
/*
 * flushed.h - contexts that may have been closed
 *
 * close(2) returns before the kernel has sent FUSE_RELEASE, so the next request of the
 * same process can be served first, and find that what the context held still counts.
 * FUSE_FLUSH is served before close(2) returns, but comes for each descriptor of a
 * context, not for the last one alone. So a context is noted by FLUSH until it is
 * released, or until a request shows that it is open. A call that finds no room waits
 * for the noted contexts of its person, and is made again.
 *
 * Thread safe; the lock inside is a leaf.
 */
#ifndef DMABUFFS_FLUSHED_H
#define DMABUFFS_FLUSHED_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "list.h"

/* Embedded in a context; zeroed but for the person. */
struct flush_note {
	uid_t person; /* fixed, see limits_person() */
	/* Protected by flushed.lock. */
	struct list item;
	uint64_t number; /* of the last FLUSH */
};

struct flushed {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* n_left of a wait, or nobody is to wait any more */
	/* All below: written with the lock held. */
	struct list notes; /* struct flush_note by item */
	struct list waits; /* struct flush_wait by item */
	uint64_t number;   /* of the last FLUSH */
	_Atomic size_t n_notes;
	bool ending;
};

void flushed_init(struct flushed *flushed);
void flushed_finish(struct flushed *flushed);

/* A descriptor of the context was closed. */
void flushed_add(struct flushed *flushed, struct flush_note *note);

/* The context is open, or it was released. Does nothing if it is not noted. */
void flushed_remove(struct flushed *flushed, struct flush_note *note);

/*
 * Whether any context is noted. A caller that sees false before it tries to take
 * something has seen the release of all that its process has closed.
 */
static inline bool flushed_any(const struct flushed *flushed)
{
	return flushed->n_notes > 0;
}

/* What a call waits for: the contexts of one person that are noted when it begins. */
struct flush_wait {
	uid_t person;
	uint64_t last; /* number of the last FLUSH before */
	struct timespec deadline;
	/* Protected by flushed.lock. */
	struct list item;
	size_t n_left, n_seen; /* seen: by the last flushed_wait() */
};
void flushed_begin_wait(struct flushed *flushed, uid_t person, unsigned ms,
			struct flush_wait *ret_wait);
void flushed_end_wait(struct flushed *flushed, struct flush_wait *wait);

/*
 * Waits until one more of them is not noted any more, or is again, which shows that it
 * was open. False: none is left. At the deadline, the rest is taken to be open by other
 * descriptors, and removed.
 */
bool flushed_wait(struct flushed *flushed, struct flush_wait *wait);

/* For the end of the service: nobody waits any more. */
void flushed_end(struct flushed *flushed);

#endif
