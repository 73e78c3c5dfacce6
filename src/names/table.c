/* SPDX-License-Identifier: MIT */
#include "names/table.h"

#include <string.h>

#include "base/request.h"
#include "names/owned.h"
#include "names/table_index.h"
#include "names/table_private.h"
#include "crash_point.h"
#include "locked.h"
#include "util.h"

uint64_t table_hash_id(const struct table *table, uint64_t id)
{
	return keyed_hash(&table->key, &id, sizeof(id));
}

static uint64_t table_hash_buffer(const struct table *table, uint64_t root_id,
				  const struct buffer *buffer)
{
	const uint64_t key[] = {root_id, buffer->dev, buffer->ino};

	return keyed_hash(&table->key, key, sizeof(key));
}

/* What a successor needs of a table that is new. */
static void table_init_ledger(struct table *table)
{
	struct ledger_header *header = table->ledger->header;

	memcpy(header->table_key, &table->key, sizeof(header->table_key));
	node_bind(&table->root_node, table->ledger, &header->nodes[LEDGER_NODE_ROOT]);
}

int table_init(struct table *table, struct limits *limits, const struct state *state,
	       const struct node *root_node)
{
	if (sodium_init() < 0)
		return -EIO;
	*table = (struct table){
		.limits = limits,
		.ledger = state->ledger,
		.bank = state->bank,
		.root_node = *root_node,
	};
	hash_key_init(&table->key);
	if (state->inherited)
		memcpy(&table->key, table->ledger->header->table_key, LEDGER_KEY_SIZE);
	else
		table_init_ledger(table);
	pthread_mutex_init(&table->lock, NULL);
	leaving_init(&table->leaving, state, limits);
	past_init(&table->past, table->ledger, state->inherited);
	return 0;
}

static void table_free_export(struct htab_node *node, void *data)
{
	export_free(data, container_of(node, struct export, by_id));
}

size_t table_release_names(struct table *table, size_t n)
{
	struct table_index *index = &table->index;

	for (; n > 0 && index->n > 0; n--) {
		struct export *export = index->entries[--index->n].export;

		if (export)
			export_release_buffer(table, export);
	}
	return index->n;
}

void table_finish(struct table *table)
{
	htab_drain(&table->roots, root_free, NULL);
	htab_drain(&table->by_id, table_free_export, table);
	htab_finish(&table->roots);
	htab_finish(&table->by_buffer);
	htab_finish(&table->by_uuid);
	htab_finish(&table->by_id);
	table_index_finish(&table->index);
	owned_finish(&table->owned);
	node_finish(&table->root_node);
	past_finish(&table->past);
	pthread_mutex_destroy(&table->lock);
}

void table_lock(struct table *table)
{
	pthread_mutex_lock(&table->lock);
}

void table_unlock(struct table *table)
{
	pthread_mutex_unlock(&table->lock);
}

/* ---- references -------------------------------------------------------------------- */

void table_put_locked(struct table *table, struct export *export)
{
	ASSERT_LOCKED(&table->lock);
	if (--export->refs > 0)
		return;
	htab_remove(&table->by_id, &export->by_id);
	export_free(table, export);
}

void table_release_if_unused_locked(struct table *table, struct export *export)
{
	ASSERT_LOCKED(&table->lock);
	if (!export->named && !export->opens && !export->holds)
		export_release_buffer(table, export);
}

/*
 * A buffer can have any number of exports made with DMABUFFS_EXPORT_ANOTHER. All would
 * have one hash, so by_buffer leaves them out.
 */
static bool table_is_found_by_buffer(const struct export *export)
{
	return !(export->flags & DMABUFFS_EXPORT_ANOTHER);
}

/* A successor notifies the kernel if this process is killed before it does. */
static void table_store_end(struct table *table, const struct export *export,
			    enum dmabuffs_ended_cause cause, uint64_t unique)
{
	struct ledger_export *record = export_record(table, export);

	record->end_unique = unique;
	record->end_cause = cause;
	record->notified = 0;
	CRASH_POINT("name-ending");
	ledger_set_state(record, LEDGER_UNNAMED);
	CRASH_POINT("name-ended");
}

bool table_unname_locked(struct table *table, struct export *export,
			 enum dmabuffs_ended_cause cause, uint64_t unique)
{
	ASSERT_LOCKED(&table->lock);
	if (!export->named)
		return false;
	export->named = false;
	table_store_end(table, export, cause, unique);
	htab_remove(&table->by_uuid, &export->by_uuid);
	if (table_is_found_by_buffer(export))
		htab_remove(&table->by_buffer, &export->by_buffer);
	table_index_remove(&table->index, export->id);
	owned_remove(&table->owned, export->node.uid, export);
	if (list_is_linked(&export->of_root))
		list_remove(&export->of_root);
	node_touch(&table->root_node);
	table_release_if_unused_locked(table, export);
	table_put_locked(table, export);
	return true;
}

/* ---- exports ----------------------------------------------------------------------- */

static struct export *table_find_exported_locked(struct table *table, uint64_t root_id,
						 const struct buffer *buffer)
{
	struct export *export;

	ASSERT_LOCKED(&table->lock);
	htab_for_each_hash(export, &table->by_buffer,
			   table_hash_buffer(table, root_id, buffer), by_buffer)
		if (export->root_id == root_id && export->buffer.dev == buffer->dev &&
		    export->buffer.ino == buffer->ino)
			break;
	return export;
}

int table_insert_locked(struct table *table, struct export *export)
{
	ASSERT_LOCKED(&table->lock);
	if (htab_insert(&table->by_id, &export->by_id, table_hash_id(table, export->id)) <
	    0)
		return -ENOMEM;
	if (table_index_insert(&table->index, export) < 0)
		goto remove_id;
	if (owned_add(&table->owned, export->node.uid, export) < 0)
		goto remove_index;
	if (htab_insert(&table->by_uuid, &export->by_uuid,
			keyed_hash(&table->key, export->uuid, sizeof(export->uuid))) < 0)
		goto remove_owned;
	if (table_is_found_by_buffer(export) &&
	    htab_insert(&table->by_buffer, &export->by_buffer,
			table_hash_buffer(table, export->root_id, &export->buffer)) < 0)
		goto remove_uuid;
	return 0;

remove_uuid:
	htab_remove(&table->by_uuid, &export->by_uuid);
remove_owned:
	owned_remove(&table->owned, export->node.uid, export);
remove_index:
	table_index_remove(&table->index, export->id);
remove_id:
	htab_remove(&table->by_id, &export->by_id);
	return -ENOMEM;
}

/* Everything else of the record was stored when the export was created. */
static void table_store_name(struct table *table, const struct export *export,
			     const struct root *root)
{
	struct ledger_export *record = export_record(table, export);

	record->id = export->id;
	record->root = ledger_handle(table->ledger, LEDGER_DESCRIPTION, root->slot);
	CRASH_POINT("export-stored");
	ledger_set_state(record, LEDGER_LIVE);
	CRASH_POINT("export-named");
}

int table_add(struct table *table, struct export *export, struct export **ret_other)
{
	SCOPED_LOCK(&table->lock);
	struct root *root = table_find_root_locked(table, export->root_id);
	struct export *other = NULL;
	int r;

	if (!root)
		return -EBADF;
	if (table_is_found_by_buffer(export))
		other = table_find_exported_locked(table, export->root_id,
						   &export->buffer);
	if (other) {
		other->refs++;
		*ret_other = other;
		return -EEXIST;
	}
	export->id = ledger_next_id(table->ledger);
	r = table_insert_locked(table, export);
	if (r < 0)
		return r;
	table_store_name(table, export, root);
	export->named = true;
	export->refs++;
	list_add_head(&root->exports, &export->of_root);
	node_touch(&table->root_node);
	return 0;
}

/* @export, which may be NULL, with one more reference. */
static struct export *table_ref_locked(struct table *table, struct export *export)
{
	ASSERT_LOCKED(&table->lock);
	if (export)
		export->refs++;
	return export;
}

struct export *table_find_locked(struct table *table, uint64_t id)
{
	struct export *export;

	ASSERT_LOCKED(&table->lock);
	htab_for_each_hash(export, &table->by_id, table_hash_id(table, id), by_id)
		if (export->id == id)
			break;
	return export;
}

struct export *table_get(struct table *table, uint64_t id)
{
	SCOPED_LOCK(&table->lock);

	return table_ref_locked(table, table_find_locked(table, id));
}

static struct export *table_find_named_locked(struct table *table,
					      const uint8_t uuid[DMABUFFS_UUID_SIZE])
{
	struct export *export;

	ASSERT_LOCKED(&table->lock);
	htab_for_each_hash(export, &table->by_uuid,
			   keyed_hash(&table->key, uuid, DMABUFFS_UUID_SIZE), by_uuid)
		if (!sodium_memcmp(export->uuid, uuid, DMABUFFS_UUID_SIZE))
			break;
	return export;
}

struct export *table_get_named(struct table *table,
			       const uint8_t uuid[DMABUFFS_UUID_SIZE])
{
	SCOPED_LOCK(&table->lock);

	return table_ref_locked(table, table_find_named_locked(table, uuid));
}

struct export *table_get_exported(struct table *table, uint64_t root_id,
				  const struct buffer *buffer)
{
	SCOPED_LOCK(&table->lock);

	return table_ref_locked(table,
				table_find_exported_locked(table, root_id, buffer));
}

bool table_unname(struct table *table, struct export *export,
		  enum dmabuffs_ended_cause cause)
{
	SCOPED_LOCK(&table->lock);

	return table_unname_locked(table, export, cause, request_unique());
}

bool table_was_unnamed(struct table *table, const uint8_t uuid[DMABUFFS_UUID_SIZE])
{
	const struct ledger_export *record;
	uint32_t slot;

	if (!request_is_resent())
		return false;
	slot = ledger_find_ended(table->ledger, request_unique());
	if (slot == LEDGER_NONE)
		return false;
	record = ledger_export(table->ledger, slot);
	return record->end_unique == request_unique() &&
	       !sodium_memcmp(record->uuid, uuid, DMABUFFS_UUID_SIZE);
}

static bool table_changes_owner_locked(struct table *table, const struct export *export,
				       uid_t uid)
{
	ASSERT_LOCKED(&table->lock);
	return export->named && uid != export->node.uid;
}

int table_prepare_give_locked(struct table *table, struct export *export, uid_t uid)
{
	ASSERT_LOCKED(&table->lock);
	return table_changes_owner_locked(table, export, uid)
		       ? owned_add(&table->owned, uid, export)
		       : 0;
}

void table_finish_give_locked(struct table *table, struct export *export, uid_t uid,
			      bool done)
{
	uid_t not_owner = done ? export->node.uid : uid;

	ASSERT_LOCKED(&table->lock);
	if (table_changes_owner_locked(table, export, uid))
		owned_remove(&table->owned, not_owner, export);
	if (done)
		export->node.uid = uid;
}

int table_withdraw(struct table *table, uint64_t root_id,
		   const uint8_t uuid[DMABUFFS_UUID_SIZE], struct export **ret_export)
{
	SCOPED_LOCK(&table->lock);
	struct export *export = table_find_named_locked(table, uuid);

	if (!export)
		return -ENOENT;
	if (export->root_id != root_id || export->flags & DMABUFFS_EXPORT_PERSIST)
		return -EPERM;
	*ret_export = table_ref_locked(table, export);
	table_unname_locked(table, export, DMABUFFS_ENDED_WITHDRAWN, request_unique());
	return 0;
}

void table_ref(struct table *table, struct export *export)
{
	SCOPED_LOCK(&table->lock);

	table_ref_locked(table, export);
}

void table_put(struct table *table, struct export *export)
{
	if (!export)
		return;
	table_lock(table);
	table_put_locked(table, export);
	table_unlock(table);
}

struct export *table_next_locked(struct table *table, uid_t uid, uint64_t *id,
				 bool *ret_more)
{
	const struct table_index *index =
		uid == 0 ? &table->index : owned_find(&table->owned, uid);

	ASSERT_LOCKED(&table->lock);
	*ret_more = false;
	return index ? table_index_next(index, id, ret_more) : NULL;
}

struct export *table_next(struct table *table, uid_t uid, uint64_t *id, bool *ret_more)
{
	SCOPED_LOCK(&table->lock);

	return table_ref_locked(table, table_next_locked(table, uid, id, ret_more));
}
