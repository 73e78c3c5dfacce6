/* SPDX-License-Identifier: MIT */
/*
 * past.h - why the names of late ended
 *
 * A table of a fixed size: a name that hashes to the place of an older one replaces it.
 * The hash is keyed, and names are compared in constant time, as in table.h. It lies in
 * the ledger. Thread safe; the lock inside is a leaf.
 */
#ifndef DMABUFFS_PAST_H
#define DMABUFFS_PAST_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <dmabuffs-ioctl.h>

#include "base/keyed_hash.h"
#include "store/ledger.h"

struct past {
	struct hash_key key; /* fixed after past_init() */
	pthread_mutex_t lock;
	struct ledger_past *entries; /* in the ledger; protected by lock */
};

/* In @ledger, where a successor finds them: then @inherited, and the key is there. */
void past_init(struct past *past, struct ledger *ledger, bool inherited);
void past_finish(struct past *past);

void past_add(struct past *past, const uint8_t uuid[DMABUFFS_UUID_SIZE],
	      enum dmabuffs_ended_cause cause);

/* The cause; -ENOENT: no such name ended here, or it was replaced. */
int past_find(struct past *past, const uint8_t uuid[DMABUFFS_UUID_SIZE]);

#endif
