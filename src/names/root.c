/* SPDX-License-Identifier: MIT */
#include "base/request.h"
#include "names/caller.h"
#include "names/table_private.h"
#include "crash_point.h"
#include "locked.h"
#include "util.h"

void root_free(struct htab_node *node, void *data)
{
	struct root *root = container_of(node, struct root, by_id);

	caller_unref(root->caller);
	free(root->identity);
	free(root);
}

struct root *table_find_root_locked(struct table *table, uint64_t id)
{
	struct root *root;

	ASSERT_LOCKED(&table->lock);
	htab_for_each_hash(root, &table->roots, table_hash_id(table, id), by_id)
		if (root->id == id)
			break;
	return root;
}

struct ledger_description *table_root_record(const struct table *table,
					     const struct root *root)
{
	return ledger_description(table->ledger, root->slot);
}

static int root_record_new(struct table *table, struct root *root,
			   const struct payer *payer, enum ledger_description_kind kind)
{
	uint64_t unique = kind == LEDGER_CONTEXT ? 0 : request_unique();
	struct ledger_description *record;

	root->slot = ledger_alloc(table->ledger, LEDGER_DESCRIPTION, unique);
	if (root->slot == LEDGER_NONE)
		return -ENOSPC;
	record = table_root_record(table, root);
	record->id = root->id = ledger_next_id(table->ledger);
	record->kind = kind;
	record->uid = payer->uid;
	record->pid = (uint32_t)payer->pid;
	return 0;
}

static int root_add(struct table *table, struct root *root, const struct payer *payer,
		    enum ledger_description_kind kind)
{
	int r = root_record_new(table, root, payer, kind);

	if (r < 0)
		return r;
	root->uid = payer->uid;
	list_init(&root->exports);
	table_lock(table);
	r = htab_insert(&table->roots, &root->by_id, table_hash_id(table, root->id));
	if (r == 0)
		ledger_set_state(table_root_record(table, root), LEDGER_LIVE);
	table_unlock(table);
	if (r < 0)
		ledger_free(table->ledger, LEDGER_DESCRIPTION, root->slot);
	CRASH_POINT("root-opened");
	return r;
}

static int root_open(struct table *table, const struct payer *payer,
		     enum ledger_description_kind kind, uint64_t *ret_id)
{
	struct root *root;
	int r = limits_charge_process(table->limits, payer, RES_ROOTS, 1);

	if (r < 0)
		return r;
	root = calloc(1, sizeof(*root));
	r = root ? root_add(table, root, payer, kind) : -ENOMEM;
	if (r < 0) {
		free(root);
		limits_uncharge(table->limits, payer->uid, RES_ROOTS, 1);
		return r;
	}
	*ret_id = root->id;
	return 0;
}

static bool root_was_opened(const struct table *table, uint64_t *ret_id)
{
	const struct ledger_description *record;
	uint32_t slot;

	if (!request_is_resent())
		return false;
	slot = ledger_find_made(table->ledger, LEDGER_DESCRIPTION, request_unique());
	if (slot == LEDGER_NONE)
		return false;
	record = ledger_description(table->ledger, slot);
	*ret_id = record->id;
	return record->record.unique == request_unique();
}

static int root_open_once(struct table *table, const struct payer *payer,
			  enum ledger_description_kind kind, uint64_t *ret_id)
{
	uint64_t id;

	if (!root_was_opened(table, &id))
		return root_open(table, payer, kind, ret_id);
	*ret_id = id;
	return 0;
}

int table_open_root(struct table *table, const struct payer *payer, uint64_t *ret_id)
{
	return root_open_once(table, payer, LEDGER_ROOT, ret_id);
}

int table_open_control(struct table *table, const struct payer *payer, uint64_t *ret_id)
{
	return root_open_once(table, payer, LEDGER_CONTROL, ret_id);
}

void table_root_replied(struct table *table, uint64_t id)
{
	SCOPED_LOCK(&table->lock);
	const struct root *root = table_find_root_locked(table, id);

	if (root)
		ledger_replied(table->ledger, LEDGER_DESCRIPTION, root->slot,
			       request_unique());
}

int table_open_context_root(struct table *table, const struct payer *payer,
			    uint64_t *ret_id)
{
	return root_open(table, payer, LEDGER_CONTEXT, ret_id);
}

/* Takes one export off the list, with a reference; NULL: the list is empty. */
static struct export *root_remove_one(struct table *table, struct root *root)
{
	SCOPED_LOCK(&table->lock);
	struct export *export = list_first(&root->exports, struct export, of_root);

	if (!export)
		return NULL;
	export->refs++;
	if (export->flags & DMABUFFS_EXPORT_PERSIST)
		list_remove(&export->of_root);
	else
		table_unname_locked(table, export, DMABUFFS_ENDED_CLOSED, 0);
	return export;
}

void table_close_root(struct table *table, uint64_t id,
		      void (*removed)(struct export *export, void *data), void *data)
{
	struct export *export;
	struct root *root;

	table_lock(table);
	root = table_find_root_locked(table, id);
	if (root)
		ledger_set_state(table_root_record(table, root), LEDGER_CLOSING);
	table_unlock(table);
	if (!root)
		return;
	CRASH_POINT("root-closing");
	/* After RELEASEDIR no request carries this handle, so the list does not grow. */
	while ((export = root_remove_one(table, root))) {
		if (!(export->flags & DMABUFFS_EXPORT_PERSIST))
			removed(export, data);
		table_put(table, export);
	}
	table_lock(table);
	htab_remove(&table->roots, &root->by_id);
	table_unlock(table);
	ledger_free(table->ledger, LEDGER_DESCRIPTION, root->slot);
	CRASH_POINT("root-closed");
	limits_uncharge(table->limits, root->uid, RES_ROOTS, 1);
	root_free(&root->by_id, NULL);
}

struct caller *table_root_caller(struct table *table, uint64_t root_id)
{
	SCOPED_LOCK(&table->lock);
	struct root *root = table_find_root_locked(table, root_id);

	return root && root->caller ? caller_ref(root->caller) : NULL;
}

void table_set_root_caller(struct table *table, uint64_t root_id, struct caller *caller)
{
	SCOPED_LOCK(&table->lock);
	struct root *root = table_find_root_locked(table, root_id);

	if (!root || caller_store(caller, table->ledger) < 0)
		return;
	table_root_record(table, root)->caller = caller->record;
	caller_unref(root->caller);
	root->caller = caller_ref(caller);
}

int table_root_identity(struct table *table, uint64_t root_id,
			struct identity *ret_identity)
{
	SCOPED_LOCK(&table->lock);
	struct root *root = table_find_root_locked(table, root_id);

	if (!root || !root->identity)
		return -ENOENT;
	*ret_identity = *root->identity;
	return 0;
}

/* An identity that is stored in part only is stored again with the request. */
static void root_store_identity(struct table *table, const struct root *root)
{
	struct ledger_description *record = table_root_record(table, root);
	const struct identity *identity = root->identity;

	record->process_uid = identity->process.uid;
	record->process_gid = identity->process.gid;
	record->owner_uid = identity->owner.uid;
	record->owner_gid = identity->owner.gid;
	atomic_signal_fence(memory_order_seq_cst);
	record->has_identity = 1;
	record->identified = request_unique();
}

bool table_was_identified(struct table *table, uint64_t root_id)
{
	SCOPED_LOCK(&table->lock);
	const struct root *root = table_find_root_locked(table, root_id);

	return request_is_resent() && root &&
	       table_root_record(table, root)->identified == request_unique();
}

int table_set_root_identity(struct table *table, uint64_t root_id,
			    const struct identity *identity)
{
	SCOPED_LOCK(&table->lock);
	struct root *root = table_find_root_locked(table, root_id);

	if (root && !root->identity)
		root->identity = malloc(sizeof(*root->identity));
	if (!root || !root->identity)
		return root ? -ENOMEM : -EBADF;
	*root->identity = *identity;
	root_store_identity(table, root);
	return 0;
}
