/* SPDX-License-Identifier: MIT */
#include "names/past.h"

#include <errno.h>
#include <string.h>

#include "locked.h"

_Static_assert(sizeof(struct hash_key) == LEDGER_KEY_SIZE, "");

/* Untouched pages take no memory. */
void past_init(struct past *past, struct ledger *ledger, bool inherited)
{
	uint8_t *key = ledger->header->past_key;

	*past = (struct past){.entries = ledger->past};
	hash_key_init(&past->key);
	if (inherited)
		memcpy(&past->key, key, LEDGER_KEY_SIZE);
	else
		memcpy(key, &past->key, LEDGER_KEY_SIZE);
	pthread_mutex_init(&past->lock, NULL);
}

void past_finish(struct past *past)
{
	if (!past->entries)
		return;
	past->entries = NULL;
	pthread_mutex_destroy(&past->lock);
}

static struct ledger_past *past_place_locked(struct past *past,
					     const uint8_t uuid[DMABUFFS_UUID_SIZE])
{
	ASSERT_LOCKED(&past->lock);
	return &past->entries[keyed_hash(&past->key, uuid, DMABUFFS_UUID_SIZE) %
			      LEDGER_PAST];
}

void past_add(struct past *past, const uint8_t uuid[DMABUFFS_UUID_SIZE],
	      enum dmabuffs_ended_cause cause)
{
	struct ledger_past *entry;

	pthread_mutex_lock(&past->lock);
	entry = past_place_locked(past, uuid);
	/* Of the old name there is no cause, and of the new one there is none yet. */
	entry->cause = 0;
	atomic_signal_fence(memory_order_seq_cst);
	memcpy(entry->uuid, uuid, sizeof(entry->uuid));
	atomic_signal_fence(memory_order_seq_cst);
	entry->cause = cause;
	pthread_mutex_unlock(&past->lock);
}

int past_find(struct past *past, const uint8_t uuid[DMABUFFS_UUID_SIZE])
{
	const struct ledger_past *entry;
	int cause = -ENOENT;

	pthread_mutex_lock(&past->lock);
	entry = past_place_locked(past, uuid);
	if (sodium_memcmp(entry->uuid, uuid, sizeof(entry->uuid)) == 0 && entry->cause)
		cause = (int)entry->cause;
	pthread_mutex_unlock(&past->lock);
	return cause;
}
