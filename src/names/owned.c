/* SPDX-License-Identifier: MIT */
#include "names/owned.h"

#include "names/table_index.h"
#include "util.h"

struct owner {
	struct htab_node node; /* its hash is the uid */
	struct table_index index;
	size_t n; /* names in it */
};

static struct owner *owned_find_owner(const struct htab *owned, uid_t uid)
{
	return htab_item(htab_first(owned, uid), struct owner, node);
}

static void owned_free(struct htab_node *node, void *data)
{
	struct owner *owner = container_of(node, struct owner, node);

	(void)data;
	table_index_finish(&owner->index);
	free(owner);
}

void owned_finish(struct htab *owned)
{
	htab_drain(owned, owned_free, NULL);
	htab_finish(owned);
}

static struct owner *owned_new_owner(struct htab *owned, uid_t uid)
{
	struct owner *owner = calloc(1, sizeof(*owner));

	if (owner && htab_insert(owned, &owner->node, uid) < 0) {
		free(owner);
		return NULL;
	}
	return owner;
}

static void owned_drop_if_empty(struct htab *owned, struct owner *owner)
{
	if (owner->n > 0)
		return;
	htab_remove(owned, &owner->node);
	owned_free(&owner->node, NULL);
}

int owned_add(struct htab *owned, uid_t uid, struct export *export)
{
	struct owner *owner = owned_find_owner(owned, uid);
	int r;

	if (!owner)
		owner = owned_new_owner(owned, uid);
	if (!owner)
		return -ENOMEM;
	r = table_index_insert(&owner->index, export);
	if (r == 0)
		owner->n++;
	else
		owned_drop_if_empty(owned, owner);
	return r;
}

void owned_remove(struct htab *owned, uid_t uid, struct export *export)
{
	struct owner *owner = owned_find_owner(owned, uid);

	table_index_remove(&owner->index, export->id);
	owner->n--;
	owned_drop_if_empty(owned, owner);
}

const struct table_index *owned_find(const struct htab *owned, uid_t uid)
{
	const struct owner *owner = owned_find_owner(owned, uid);

	return owner ? &owner->index : NULL;
}
