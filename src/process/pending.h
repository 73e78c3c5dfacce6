/* SPDX-License-Identifier: MIT */
/*
 * pending.h - requests without a reply, where the kernel does not send them again
 *
 * Linux before 6.9 has no FUSE_NOTIFY_RESEND. There each thread reads requests into
 * memory of the ledger, and one that goes on in another thread is copied to a record of
 * it, so that a successor finds all that its predecessor had read. Those that the kernel
 * still waits for, which it says of each number, are executed again.
 *
 * A request that a record has no room for, as a long write(2) through a name, gets EIO.
 *
 * Others can have the memory and write to it. So what is executed is a copy, of which the
 * lengths are checked: libfuse relies on the kernel for that.
 *
 * Thread safe once the loop runs.
 */
#ifndef DMABUFFS_PENDING_H
#define DMABUFFS_PENDING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/ledger.h"

/* A record to be executed, as it was found. */
struct pending_again {
	uint64_t unique;
	uint32_t slot;
};

struct pending {
	/* Fixed. */
	struct ledger *ledger; /* borrowed; NULL: the kernel sends requests again */
	int device;            /* borrowed */

	pthread_mutex_t lock;        /* a leaf; protects the rest */
	uint32_t high;               /* no record from here on is in use */
	uint32_t cursor;             /* where a free one is looked for */
	struct pending_again *again; /* owned; in the kernel's order */
	uint32_t n_again, next_again;
};

void pending_init(struct pending *pending, struct ledger *ledger, int device);
void pending_finish(struct pending *pending);

static inline bool pending_is_used(const struct pending *pending)
{
	return pending->ledger;
}

/*
 * Finds what a predecessor left, once that has no thread in a system call on the device
 * any more, and before the loop runs. 0 or -ENOMEM; whatever interrupts it, it can be
 * repeated.
 */
int pending_collect(struct pending *pending);

/* Where the thread with this number reads, LEDGER_RECEIVE_SIZE bytes; not swapped. */
void *pending_receiver(struct pending *pending, uint32_t nth);

/*
 * Copies @size bytes that were read to @buffer, LEDGER_RECEIVE_SIZE bytes with another
 * one. False: they are no sound request, which was refused.
 */
bool pending_copy(struct pending *pending, const void *receiver, size_t size,
		  void *buffer);

/* Copies the next one to be executed again to such a buffer. Its size; 0: none. */
size_t pending_take(struct pending *pending, void *buffer);

/* Keeps a request that was read, and not taken, if the kernel waits for its reply. */
void pending_keep(struct pending *pending, const void *request);

#endif
