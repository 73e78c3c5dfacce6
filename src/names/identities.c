/* SPDX-License-Identifier: MIT */
#include "names/identities.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/request.h"
#include "crash_point.h"
#include "locked.h"
#include "util.h"

struct identity_handle {
	struct identity identity; /* fixed */
	uint64_t id;              /* fixed */
	uint32_t slot;            /* fixed: of its record */
	/* Protected by identities.lock. */
	struct htab_node by_id, by_token;
	bool has_token;
	uint8_t token[DMABUFFS_TOKEN_SIZE];
};

void identities_init(struct identities *identities, struct limits *limits,
		     struct ledger *ledger)
{
	*identities = (struct identities){.limits = limits, .ledger = ledger};
	hash_key_init(&identities->key);
	pthread_mutex_init(&identities->lock, NULL);
}

static void identities_free(struct htab_node *node, void *data)
{
	free(container_of(node, struct identity_handle, by_id));
}

void identities_finish(struct identities *identities)
{
	htab_finish(&identities->by_token);
	htab_drain(&identities->by_id, identities_free, NULL);
	htab_finish(&identities->by_id);
	pthread_mutex_destroy(&identities->lock);
}

/* ---- handles ----------------------------------------------------------------------- */

static struct ledger_description *identities_record(const struct identities *identities,
						    const struct identity_handle *handle)
{
	return ledger_description(identities->ledger, handle->slot);
}

static struct identity_handle *identities_find_locked(struct identities *identities,
						      uint64_t id)
{
	ASSERT_LOCKED(&identities->lock);
	return htab_item(htab_first(&identities->by_id, id), struct identity_handle,
			 by_id);
}

static int identities_insert(struct identities *identities,
			     struct identity_handle *handle)
{
	SCOPED_LOCK(&identities->lock);

	return htab_insert(&identities->by_id, &handle->by_id, handle->id);
}

/* Its record, which the caller commits. 0 or -ENOSPC. */
static int identities_record_new(struct identities *identities,
				 struct identity_handle *handle)
{
	const struct identity *identity = &handle->identity;
	struct ledger_description *record;

	handle->slot =
		ledger_alloc(identities->ledger, LEDGER_DESCRIPTION, request_unique());
	if (handle->slot == LEDGER_NONE)
		return -ENOSPC;
	record = identities_record(identities, handle);
	record->id = handle->id = ledger_next_id(identities->ledger);
	record->kind = LEDGER_HANDLE;
	record->uid = identity->process.uid;
	record->process_uid = identity->process.uid;
	record->process_gid = identity->process.gid;
	record->owner_uid = identity->owner.uid;
	record->owner_gid = identity->owner.gid;
	record->has_identity = 1;
	return 0;
}

static int identities_add(struct identities *identities, struct identity_handle *handle)
{
	int r = identities_record_new(identities, handle);

	if (r < 0)
		return r;
	r = identities_insert(identities, handle);
	if (r < 0)
		ledger_free(identities->ledger, LEDGER_DESCRIPTION, handle->slot);
	else
		ledger_set_state(identities_record(identities, handle), LEDGER_LIVE);
	CRASH_POINT("idmap-opened");
	return r;
}

static bool identities_was_opened(const struct identities *identities,
				  uint64_t *ret_handle)
{
	struct ledger *ledger = identities->ledger;
	uint32_t slot;

	if (!request_is_resent())
		return false;
	slot = ledger_find_made(ledger, LEDGER_DESCRIPTION, request_unique());
	if (slot == LEDGER_NONE ||
	    ledger_description(ledger, slot)->record.unique != request_unique())
		return false;
	*ret_handle = ledger_description(ledger, slot)->id;
	return true;
}

int identities_open(struct identities *identities, const struct identity *identity,
		    pid_t pid, uint64_t *ret_handle)
{
	const struct payer payer = {identity->process.uid, pid};
	struct identity_handle *handle;
	int r;

	if (identities_was_opened(identities, ret_handle))
		return 0;
	r = limits_charge_process(identities->limits, &payer, RES_ROOTS, 1);
	if (r < 0)
		return r;
	handle = calloc(1, sizeof(*handle));
	if (handle) {
		handle->identity = *identity;
		r = identities_add(identities, handle);
	}
	if (!handle || r < 0) {
		free(handle);
		limits_uncharge(identities->limits, payer.uid, RES_ROOTS, 1);
		return handle ? r : -ENOMEM;
	}
	*ret_handle = handle->id;
	return 0;
}

void identities_replied(struct identities *identities, uint64_t id)
{
	SCOPED_LOCK(&identities->lock);
	const struct identity_handle *handle = identities_find_locked(identities, id);

	if (handle)
		ledger_replied(identities->ledger, LEDGER_DESCRIPTION, handle->slot,
			       request_unique());
}

/* ---- tokens ------------------------------------------------------------------------ */

static void identities_end_token_locked(struct identities *identities,
					struct identity_handle *handle)
{
	ASSERT_LOCKED(&identities->lock);
	if (handle->has_token)
		htab_remove(&identities->by_token, &handle->by_token);
	handle->has_token = false;
}

void identities_close(struct identities *identities, uint64_t id)
{
	struct identity_handle *handle;

	pthread_mutex_lock(&identities->lock);
	handle = identities_find_locked(identities, id);
	if (handle) {
		identities_end_token_locked(identities, handle);
		htab_remove(&identities->by_id, &handle->by_id);
	}
	pthread_mutex_unlock(&identities->lock);
	if (!handle)
		return;
	ledger_free(identities->ledger, LEDGER_DESCRIPTION, handle->slot);
	CRASH_POINT("idmap-closed");
	limits_uncharge(identities->limits, handle->identity.process.uid, RES_ROOTS, 1);
	free(handle);
}

/* Valid from its last store on. */
static void identities_store_token_locked(struct identities *identities,
					  const struct identity_handle *handle)
{
	struct ledger_description *record = identities_record(identities, handle);

	ASSERT_LOCKED(&identities->lock);
	record->has_token = 0;
	atomic_signal_fence(memory_order_seq_cst);
	memcpy(record->token, handle->token, sizeof(record->token));
	atomic_signal_fence(memory_order_seq_cst);
	record->has_token = 1;
}

static int identities_insert_token_locked(struct identities *identities,
					  struct identity_handle *handle)
{
	int r;

	ASSERT_LOCKED(&identities->lock);
	r = htab_insert(
		&identities->by_token, &handle->by_token,
		keyed_hash(&identities->key, handle->token, sizeof(handle->token)));
	handle->has_token = r == 0;
	return r;
}

int identities_make_token(struct identities *identities, uint64_t id,
			  uint8_t ret_token[DMABUFFS_TOKEN_SIZE])
{
	SCOPED_LOCK(&identities->lock);
	struct identity_handle *handle = identities_find_locked(identities, id);
	int r;

	if (!handle)
		return -EBADF;
	identities_end_token_locked(identities, handle);
	randombytes_buf(handle->token, sizeof(handle->token));
	r = identities_insert_token_locked(identities, handle);
	if (r < 0)
		return r;
	identities_store_token_locked(identities, handle);
	memcpy(ret_token, handle->token, sizeof(handle->token));
	return 0;
}

int identities_take_token(struct identities *identities,
			  const uint8_t token[DMABUFFS_TOKEN_SIZE], struct ids process,
			  struct identity *ret_identity, uint64_t *ret_handle)
{
	SCOPED_LOCK(&identities->lock);
	struct identity_handle *handle;

	htab_for_each_hash(handle, &identities->by_token,
			   keyed_hash(&identities->key, token, DMABUFFS_TOKEN_SIZE),
			   by_token)
		if (!sodium_memcmp(handle->token, token, DMABUFFS_TOKEN_SIZE))
			break;
	if (!handle)
		return -ENOENT;
	if (!ids_are_same(handle->identity.process, process))
		return -EPERM;
	identities_end_token_locked(identities, handle);
	*ret_identity = handle->identity;
	*ret_handle = handle->id;
	return 0;
}

/* Unless there is a new one by now. */
void identities_forget_token(struct identities *identities, uint64_t id)
{
	SCOPED_LOCK(&identities->lock);
	struct identity_handle *handle = identities_find_locked(identities, id);

	if (handle && !handle->has_token)
		identities_record(identities, handle)->has_token = 0;
}

/* ---- takeover ---------------------------------------------------------------------- */

static int identities_restore_handle(struct identities *identities,
				     struct identity_handle *handle)
{
	const struct ledger_description *record = identities_record(identities, handle);
	SCOPED_LOCK(&identities->lock);
	int r;

	handle->id = record->id;
	handle->identity = (struct identity){
		.process = {record->process_uid, record->process_gid},
		.owner = {record->owner_uid, record->owner_gid},
	};
	memcpy(handle->token, record->token, sizeof(handle->token));
	r = htab_insert(&identities->by_id, &handle->by_id, handle->id);
	if (r == 0 && record->has_token)
		r = identities_insert_token_locked(identities, handle);
	return r;
}

int identities_restore(struct identities *identities, uint32_t slot)
{
	struct identity_handle *handle = calloc(1, sizeof(*handle));
	const struct ledger_description *record =
		ledger_description(identities->ledger, slot);
	const struct payer payer = {record->process_uid, 0};
	int r;

	if (!handle)
		return -ENOMEM;
	handle->slot = slot;
	r = limits_charge_process_anyway(identities->limits, &payer, RES_ROOTS, 1);
	if (r < 0) {
		free(handle);
		return r;
	}
	return identities_restore_handle(identities, handle);
}
