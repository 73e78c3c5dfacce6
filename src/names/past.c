/* SPDX-License-Identifier: MIT */
#include "names/past.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "locked.h"

#define PAST_ENTRIES 32768 /* untouched pages take no memory */

int past_init(struct past *past)
{
	*past = (struct past){.entries = calloc(PAST_ENTRIES, sizeof(*past->entries))};
	if (!past->entries)
		return -ENOMEM;
	hash_key_init(&past->key);
	pthread_mutex_init(&past->lock, NULL);
	return 0;
}

void past_finish(struct past *past)
{
	if (!past->entries)
		return;
	free(past->entries);
	past->entries = NULL;
	pthread_mutex_destroy(&past->lock);
}

static struct past_entry *past_place_locked(struct past *past,
					    const uint8_t uuid[DMABUFFS_UUID_SIZE])
{
	ASSERT_LOCKED(&past->lock);
	return &past->entries[keyed_hash(&past->key, uuid, DMABUFFS_UUID_SIZE) %
			      PAST_ENTRIES];
}

void past_add(struct past *past, const uint8_t uuid[DMABUFFS_UUID_SIZE],
	      enum dmabuffs_ended_cause cause)
{
	struct past_entry *entry;

	pthread_mutex_lock(&past->lock);
	entry = past_place_locked(past, uuid);
	memcpy(entry->uuid, uuid, sizeof(entry->uuid));
	entry->cause = cause;
	pthread_mutex_unlock(&past->lock);
}

int past_find(struct past *past, const uint8_t uuid[DMABUFFS_UUID_SIZE])
{
	const struct past_entry *entry;
	int cause = -ENOENT;

	pthread_mutex_lock(&past->lock);
	entry = past_place_locked(past, uuid);
	if (sodium_memcmp(entry->uuid, uuid, sizeof(entry->uuid)) == 0 && entry->cause)
		cause = (int)entry->cause;
	pthread_mutex_unlock(&past->lock);
	return cause;
}
