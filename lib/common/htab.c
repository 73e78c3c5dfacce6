/* SPDX-License-Identifier: MIT */
#include "htab.h"

#include <errno.h>
#include <stdlib.h>

#include "util.h"

#define HTAB_MIN_BUCKETS 64

static struct htab_node **htab_bucket_of(const struct htab *table, uint64_t hash)
{
	return &table->buckets[hash & (table->n_buckets - 1)];
}

static void htab_link_node(struct htab *table, struct htab_node *node)
{
	struct htab_node **bucket = htab_bucket_of(table, node->hash);

	node->next = *bucket;
	*bucket = node;
}

/* Doubles the buckets, so that chains stay short however many nodes there are. */
static int htab_grow(struct htab *table)
{
	size_t n_buckets = MAX(table->n_buckets * 2, (size_t)HTAB_MIN_BUCKETS);
	struct htab old = *table;

	table->buckets = calloc(n_buckets, sizeof(*table->buckets));
	if (!table->buckets) {
		table->buckets = old.buckets;
		return -ENOMEM;
	}
	table->n_buckets = n_buckets;
	for (size_t i = 0; i < old.n_buckets; i++) {
		struct htab_node *node = old.buckets[i];

		while (node) {
			struct htab_node *next = node->next;

			htab_link_node(table, node);
			node = next;
		}
	}
	free(old.buckets);
	return 0;
}

void htab_finish(struct htab *table)
{
	free(table->buckets);
	*table = (struct htab){0};
}

int htab_insert(struct htab *table, struct htab_node *node, uint64_t hash)
{
	/* A table that cannot grow gets slower; an empty one has no bucket to use. */
	if (table->n_nodes >= table->n_buckets && htab_grow(table) < 0 &&
	    !table->n_buckets)
		return -ENOMEM;
	node->hash = hash;
	htab_link_node(table, node);
	table->n_nodes++;
	return 0;
}

void htab_remove(struct htab *table, struct htab_node *node)
{
	struct htab_node **link = htab_bucket_of(table, node->hash);

	while (*link != node)
		link = &(*link)->next;
	*link = node->next;
	node->next = NULL;
	table->n_nodes--;
}

static struct htab_node *htab_skip_to(struct htab_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct htab_node *htab_first(const struct htab *table, uint64_t hash)
{
	return table->n_buckets ? htab_skip_to(*htab_bucket_of(table, hash), hash) : NULL;
}

struct htab_node *htab_next(const struct htab_node *node)
{
	return htab_skip_to(node->next, node->hash);
}

struct htab_node *htab_step(const struct htab *table, const struct htab_node *node)
{
	struct htab_node *next = node ? node->next : NULL;
	size_t bucket = node ? (node->hash & (table->n_buckets - 1)) + 1 : 0;

	while (!next && bucket < table->n_buckets)
		next = table->buckets[bucket++];
	return next;
}

void htab_drain(struct htab *table, void (*visit)(struct htab_node *node, void *data),
		void *data)
{
	for (size_t i = 0; i < table->n_buckets; i++) {
		struct htab_node *node = table->buckets[i];

		table->buckets[i] = NULL;
		while (node) {
			struct htab_node *next = node->next;

			visit(node, data);
			node = next;
		}
	}
	table->n_nodes = 0;
}
