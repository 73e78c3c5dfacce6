/* SPDX-License-Identifier: MIT */
/*
 * past.h - why the names of late ended
 *
 * A table of a fixed size: a name that hashes to the place of an older one replaces it.
 * The hash is keyed, and names are compared in constant time, as in table.h. Thread safe;
 * the lock inside is a leaf.
 */
#ifndef DMABUFFS_PAST_H
#define DMABUFFS_PAST_H

#include <pthread.h>
#include <stdint.h>

#include <dmabuffs-ioctl.h>

#include "base/keyed_hash.h"

struct past_entry {
	uint8_t uuid[DMABUFFS_UUID_SIZE];
	uint32_t cause; /* enum dmabuffs_ended_cause; 0: unused */
};

struct past {
	struct hash_key key; /* fixed after past_init() */
	pthread_mutex_t lock;
	struct past_entry *entries; /* protected by lock */
};

/* 0 or -ENOMEM. */
int past_init(struct past *past);
void past_finish(struct past *past);

void past_add(struct past *past, const uint8_t uuid[DMABUFFS_UUID_SIZE],
	      enum dmabuffs_ended_cause cause);

/* The cause; -ENOENT: no such name ended here, or it was replaced. */
int past_find(struct past *past, const uint8_t uuid[DMABUFFS_UUID_SIZE]);

#endif
