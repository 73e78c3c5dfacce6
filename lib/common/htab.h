/* SPDX-License-Identifier: MIT */
/*
 * htab.h - intrusive hash table with chaining
 *
 * The caller embeds a struct htab_node, computes the hash and compares the keys:
 *
 *	htab_for_each_hash(item, table, hash, node)
 *		if (item->key == key)
 *			break;
 *	return item;
 *
 * Not thread safe; the owner's lock protects it.
 */
#ifndef DMABUFFS_HTAB_H
#define DMABUFFS_HTAB_H

#include <stddef.h>
#include <stdint.h>

#include "util.h"

struct htab_node {
	struct htab_node *next;
	uint64_t hash;
};

struct htab {
	struct htab_node **buckets;
	size_t n_buckets; /* a power of two, or 0 before the first insertion */
	size_t n_nodes;
};

/* Frees the buckets; the caller owns the nodes. A zeroed table is a valid empty one. */
void htab_finish(struct htab *table);

/* 0, or -ENOMEM and then nothing changed. */
int htab_insert(struct htab *table, struct htab_node *node, uint64_t hash);

/* The node must be in the table. */
void htab_remove(struct htab *table, struct htab_node *node);

/* The first and the next node with exactly this hash, or NULL. */
struct htab_node *htab_first(const struct htab *table, uint64_t hash);
struct htab_node *htab_next(const struct htab_node *node);

/* The struct @type around @node; NULL if that is NULL. */
#define htab_item(node, type, member)                                                    \
	({                                                                               \
		struct htab_node *node_ = (node);                                        \
		node_ ? container_of(node_, type, member) : NULL;                        \
	})

/* Loops over the items with exactly this hash; @item is NULL after the last one. */
#define htab_for_each_hash(item, table, hash, member)                                    \
	for ((item) = htab_item(htab_first(table, hash), __typeof__(*(item)), member);   \
	     (item); (item) = htab_item(htab_next(&(item)->member), __typeof__(*(item)), \
					member))

/* The node after @node in no particular order, the first one if NULL; NULL: no more. */
struct htab_node *htab_step(const struct htab *table, const struct htab_node *node);

/* The body may break, but neither insert nor remove. */
#define htab_for_each(node, table)                                                       \
	for ((node) = htab_step(table, NULL); (node); (node) = htab_step(table, node))

/* Visits every node; @visit may free the node. For teardown. */
void htab_drain(struct htab *table, void (*visit)(struct htab_node *node, void *data),
		void *data);

#endif
