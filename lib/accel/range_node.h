/* SPDX-License-Identifier: MIT */
/*
 * range_node.h - a node of a tree of ranges (range_tree.h)
 *
 * Functions that take a @level need that of the node.
 */
#ifndef ACCEL_RANGE_NODE_H
#define ACCEL_RANGE_NODE_H

#include <stddef.h>
#include <stdint.h>

#define RANGE_FANOUT   32
#define RANGE_MIN_FILL 8 /* of every node but the root; so 2^64 ranges are 22 levels */

/*
 * The keys stand in arrays of their own, so that a search reads a few whole cache lines
 * and never a range. Entries ascend. Leaves are level 0.
 */
struct range_node {
	unsigned n;
	uint64_t last[RANGE_FANOUT];  /* of all beneath the entry */
	uint64_t first[RANGE_FANOUT]; /* likewise */
	void *at[RANGE_FANOUT];       /* struct range in a leaf, else a node, owned */
	uint64_t gap[]; /* not in a leaf: the largest between ranges beneath */
};

struct range_entry {
	uint64_t last, first, gap;
	void *at;
};

/* An empty node, or NULL: no memory. */
struct range_node *range_node_create(unsigned level);

/* Copies @n entries of one node to another, or within one. */
void range_node_move(struct range_node *to, unsigned to_pos,
		     const struct range_node *from, unsigned from_pos, unsigned n,
		     unsigned level);

void range_node_set(struct range_node *node, unsigned level, unsigned pos,
		    const struct range_entry *entry);
void range_node_insert(struct range_node *node, unsigned level, unsigned pos,
		       const struct range_entry *entry);
void range_node_remove(struct range_node *node, unsigned level, unsigned pos);

/* The entry of @node in its parent. */
struct range_entry range_node_entry(struct range_node *node, unsigned level);

/* The first entry that reaches @address, or n. Without branches: it reads all keys. */
static inline unsigned range_node_search(const struct range_node *node, uint64_t address)
{
	unsigned pos = 0;

	for (unsigned i = 0; i < node->n; i++)
		pos += node->last[i] < address;
	return pos;
}

/*
 * Leaves are mostly not in the cache. All lines are prefetched at once, so that the loads
 * overlap.
 */
static inline void range_node_prefetch(const struct range_node *node)
{
	for (size_t i = 0; i < sizeof(*node); i += 64)
		__builtin_prefetch((const char *)node + i);
}

#endif
