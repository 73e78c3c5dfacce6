/* SPDX-License-Identifier: MIT */
#include "names/caller.h"
#include "names/table_private.h"
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

int table_open_root(struct table *table, const struct payer *payer, uint64_t *ret_id)
{
	struct root *root;
	int r = limits_charge_process(table->limits, payer, RES_ROOTS, 1);

	if (r < 0)
		return r;
	root = calloc(1, sizeof(*root));
	table_lock(table);
	if (root) {
		root->uid = payer->uid;
		list_init(&root->exports);
		root->id = table->next_id++;
		r = htab_insert(&table->roots, &root->by_id,
				table_hash_id(table, root->id));
	}
	table_unlock(table);
	if (!root || r < 0) {
		free(root);
		limits_uncharge(table->limits, payer->uid, RES_ROOTS, 1);
		return -ENOMEM;
	}
	*ret_id = root->id;
	return 0;
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
		table_unname_locked(table, export);
	return export;
}

void table_close_root(struct table *table, uint64_t id,
		      void (*removed)(struct export *export, void *data), void *data)
{
	struct export *export;
	struct root *root;

	table_lock(table);
	root = table_find_root_locked(table, id);
	table_unlock(table);
	if (!root)
		return;
	/* After RELEASEDIR no request carries this handle, so the list does not grow. */
	while ((export = root_remove_one(table, root))) {
		if (!(export->flags & DMABUFFS_EXPORT_PERSIST))
			removed(export, data);
		table_put(table, export);
	}
	table_lock(table);
	htab_remove(&table->roots, &root->by_id);
	table_unlock(table);
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

	if (!root)
		return;
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
	return 0;
}
