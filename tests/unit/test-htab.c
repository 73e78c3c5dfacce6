/* SPDX-License-Identifier: MIT */
/* test-htab.c - the hash table */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "htab.h"
#include "util.h"

#define MANY 5000

struct item {
	struct htab_node node;
	unsigned key;
	bool visited;
};

static struct htab table;
static struct item items[MANY];

static void finish(void)
{
	htab_finish(&table);
}

TestSuite(htab, .fini = finish);

static void insert(unsigned key, uint64_t hash)
{
	items[key].key = key;
	cr_assert(zero(int, htab_insert(&table, &items[key].node, hash)));
}

static struct item *find(unsigned key, uint64_t hash)
{
	struct item *item;

	htab_for_each_hash(item, &table, hash, node) {
		cr_assert(eq(u64, item->node.hash, hash));
		if (item->key == key)
			break;
	}
	return item;
}

Test(htab, empty)
{
	cr_assert(eq(ptr, htab_first(&table, 0), NULL));
	cr_assert(eq(ptr, htab_first(&table, UINT64_MAX), NULL));
	htab_drain(&table, NULL, NULL);
}

Test(htab, finds_what_was_inserted)
{
	insert(1, 100);
	insert(2, UINT64_MAX);
	insert(3, 0);
	cr_assert(eq(ptr, find(1, 100), &items[1]));
	cr_assert(eq(ptr, find(2, UINT64_MAX), &items[2]));
	cr_assert(eq(ptr, find(3, 0), &items[3]));
	cr_assert(eq(ptr, find(1, 101), NULL));
	cr_assert(eq(sz, table.n_nodes, 3));
}

/* Two hashes with equal low bits share a bucket, and must be distinguished. */
Test(htab, tells_hashes_of_one_bucket_apart)
{
	for (unsigned key = 0; key < 20; key++)
		insert(key, (uint64_t)key << 32 | 5);
	for (unsigned key = 0; key < 20; key++) {
		struct htab_node *node = htab_first(&table, (uint64_t)key << 32 | 5);

		cr_assert(eq(ptr, node, &items[key].node));
		cr_assert(eq(ptr, htab_next(node), NULL));
	}
	cr_assert(eq(ptr, htab_first(&table, (uint64_t)20 << 32 | 5), NULL));
}

Test(htab, keeps_all_of_one_hash)
{
	for (unsigned key = 0; key < 20; key++)
		insert(key, 7);
	for (unsigned key = 0; key < 20; key += 2)
		htab_remove(&table, &items[key].node);
	for (unsigned key = 0; key < 20; key++)
		cr_assert(eq(ptr, find(key, 7), key % 2 ? &items[key] : NULL));
	cr_assert(eq(sz, table.n_nodes, 10));
}

Test(htab, grows)
{
	for (unsigned key = 0; key < MANY; key++)
		insert(key, key * UINT64_C(0x9e3779b97f4a7c15));
	cr_assert(ge(sz, table.n_buckets, MANY));
	cr_assert(zero(sz, table.n_buckets & (table.n_buckets - 1)));
	for (unsigned key = 0; key < MANY; key++)
		cr_assert(eq(ptr, find(key, key * UINT64_C(0x9e3779b97f4a7c15)),
			     &items[key]));
}

Test(htab, takes_a_removed_node_again)
{
	insert(1, 1);
	htab_remove(&table, &items[1].node);
	cr_assert(eq(ptr, find(1, 1), NULL));
	insert(1, 2);
	cr_assert(eq(ptr, find(1, 2), &items[1]));
	cr_assert(eq(sz, table.n_nodes, 1));
}

static void visit(struct htab_node *node, void *data)
{
	struct item *item = container_of(node, struct item, node);

	cr_assert(not(item->visited));
	item->visited = true;
	(*(unsigned *)data)++;
	/* A node may be freed here, so it may be overwritten. */
	memset(node, 0xff, sizeof(*node));
}

Test(htab, drains)
{
	unsigned n = 0;

	for (unsigned key = 0; key < 300; key++)
		insert(key, key % 100);
	htab_drain(&table, visit, &n);
	cr_assert(eq(uint, n, 300));
	cr_assert(eq(sz, table.n_nodes, 0));
	cr_assert(eq(ptr, htab_first(&table, 1), NULL));
}

Test(htab, visits_each)
{
	struct htab_node *node;
	unsigned n = 0;

	htab_for_each(node, &table)
		n++;
	cr_assert(zero(uint, n));
	for (unsigned key = 0; key < 300; key++)
		insert(key, key % 100 * UINT64_C(0x9e3779b97f4a7c15));
	htab_for_each(node, &table) {
		struct item *item = container_of(node, struct item, node);

		cr_assert(not(item->visited));
		item->visited = true;
		n++;
	}
	cr_assert(eq(uint, n, 300));
	htab_for_each(node, &table)
		if (container_of(node, struct item, node)->key == 7)
			break;
	cr_assert(eq(ptr, node, &items[7].node));
}
