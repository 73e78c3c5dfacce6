/* SPDX-License-Identifier: MIT */
/*
 * range_tree.h - disjoint ranges of 64-bit addresses, in order
 *
 * A B+ tree: a look-up among a million ranges touches four nodes, and each node knows the
 * largest gap beneath it, so that a free place is found as fast. A range costs the same
 * whatever its length. Not thread safe.
 */
#ifndef ACCEL_RANGE_TREE_H
#define ACCEL_RANGE_TREE_H

#include <stddef.h>
#include <stdint.h>

struct range_node;

/* An item of the tree; embedded and owned by the user. */
struct range {
	uint64_t first, last; /* inclusive; not changed while in the tree */
};

struct range_tree {
	struct range_node *root; /* NULL: empty */
	size_t n;
	unsigned height;
};

/* A zeroed tree is a valid empty one. Frees the nodes, not the ranges. */
void range_tree_finish(struct range_tree *tree);

/* 0; -EEXIST: it overlaps another; -ENOMEM: nothing changed. */
int range_tree_insert(struct range_tree *tree, struct range *range);

/* The range must be in the tree. Never fails. */
void range_tree_remove(struct range_tree *tree, struct range *range);

/* The first range that reaches @address or lies above it; NULL: none. */
struct range *range_tree_from(const struct range_tree *tree, uint64_t address);

/*
 * The lowest place for @length bytes (not 0) that begins at a multiple of @align (a power
 * of two) and lies within [first, last] and in no range. 0 or -ENOSPC.
 */
int range_tree_find_gap(const struct range_tree *tree, uint64_t first, uint64_t last,
			uint64_t length, uint64_t align, uint64_t *ret_first);

#endif
