/* SPDX-License-Identifier: MIT */
#include "range_tree.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "range_node.h"
#include "util.h"

#define MAX_HEIGHT 24

/* The way from the root to a leaf, by level. */
struct path {
	struct range_node *node[MAX_HEIGHT];
	unsigned pos[MAX_HEIGHT];
};

/* Updates the entries of the parents after a change at @level, as far as needed. */
static void range_tree_update_parents(const struct range_tree *tree,
				      const struct path *path, unsigned level)
{
	for (; level + 1 < tree->height; level++) {
		struct range_entry entry = range_node_entry(path->node[level], level);
		struct range_node *parent = path->node[level + 1];
		unsigned pos = path->pos[level + 1];

		if (parent->last[pos] == entry.last &&
		    parent->first[pos] == entry.first && parent->gap[pos] == entry.gap)
			return;
		range_node_set(parent, level + 1, pos, &entry);
	}
}

/*
 * Whether a range can be added or removed at the leaf's position without an update of the
 * parents: so within a gap that is not the leaf's largest. Valid while the range is not
 * in the leaf.
 */
static bool range_tree_is_local(const struct range_tree *tree, const struct path *path)
{
	const struct range_node *leaf = path->node[0];
	unsigned pos = path->pos[0];

	if (tree->height < 2 || !pos || pos >= leaf->n)
		return false;
	return leaf->first[pos] - leaf->last[pos - 1] - 1 <
	       path->node[1]->gap[path->pos[1]];
}

static void range_tree_descend(const struct range_tree *tree, uint64_t address,
			       struct path *ret_path)
{
	struct range_node *node = tree->root;

	for (unsigned level = tree->height; level-- > 0;) {
		unsigned pos = range_node_search(node, address);

		/* An address behind all ranges belongs to the end of the last leaf. */
		if (level && pos == node->n)
			pos--;
		ret_path->node[level] = node;
		ret_path->pos[level] = pos;
		if (level) {
			node = node->at[pos];
			if (level == 1)
				range_node_prefetch(node);
		}
	}
}

/* ---- insertion --------------------------------------------------------------------- */

/* Allocates a node for each level that the insertion splits. */
static int range_tree_reserve(const struct range_tree *tree, const struct path *path,
			      struct range_node **ret_spare)
{
	unsigned level = 0;

	for (;; level++) {
		bool new_root = level == tree->height;

		if (!new_root && path->node[level]->n < RANGE_FANOUT)
			return 0;
		ret_spare[level] = range_node_create(level);
		if (!ret_spare[level])
			break;
		if (new_root)
			return 0;
	}
	while (level-- > 0)
		free(ret_spare[level]);
	return -ENOMEM;
}

/* Splits a full node and adds @entry; returns the entry of the right half. */
static struct range_entry range_tree_split(struct range_node *node,
					   struct range_node *right, unsigned level,
					   unsigned pos, const struct range_entry *entry)
{
	/* Ascending insertions, the common case, leave full nodes behind. */
	unsigned keep =
		pos == RANGE_FANOUT ? RANGE_FANOUT - RANGE_MIN_FILL : RANGE_FANOUT / 2;

	range_node_move(right, 0, node, keep, RANGE_FANOUT - keep, level);
	right->n = RANGE_FANOUT - keep;
	node->n = keep;
	if (pos > keep)
		range_node_insert(right, level, pos - keep, entry);
	else
		range_node_insert(node, level, pos, entry);
	return range_node_entry(right, level);
}

static void range_tree_grow(struct range_tree *tree, struct range_node *root,
			    const struct range_entry *right)
{
	unsigned level = tree->height;

	if (tree->root) {
		struct range_entry left = range_node_entry(tree->root, level - 1);

		range_node_insert(root, level, 0, &left);
	}
	range_node_insert(root, level, root->n, right);
	tree->root = root;
	tree->height++;
}

static void range_tree_add_entry(struct range_tree *tree, struct path *path,
				 struct range_node **spare, struct range_entry entry)
{
	for (unsigned level = 0; level < tree->height; level++) {
		struct range_node *node = path->node[level];

		if (node->n < RANGE_FANOUT) {
			bool local = level == 0 && range_tree_is_local(tree, path);

			range_node_insert(node, level, path->pos[level], &entry);
			if (!local)
				range_tree_update_parents(tree, path, level);
			return;
		}
		entry = range_tree_split(node, spare[level], level, path->pos[level],
					 &entry);
		if (level + 1 < tree->height) {
			struct range_entry left = range_node_entry(node, level);

			range_node_set(path->node[level + 1], level + 1,
				       path->pos[level + 1]++, &left);
		}
	}
	range_tree_grow(tree, spare[tree->height], &entry);
}

int range_tree_insert(struct range_tree *tree, struct range *range)
{
	struct range_node *spare[MAX_HEIGHT + 1];
	struct range_entry entry = {
		.last = range->last, .first = range->first, .at = range};
	struct path path;
	int r;

	range_tree_descend(tree, range->first, &path);
	if (tree->root) {
		const struct range_node *leaf = path.node[0];
		unsigned pos = path.pos[0];

		if (pos < leaf->n && leaf->first[pos] <= range->last)
			return -EEXIST;
	}
	r = range_tree_reserve(tree, &path, spare);
	if (r < 0)
		return r;
	range_tree_add_entry(tree, &path, spare, entry);
	tree->n++;
	return 0;
}

/* ---- removal ----------------------------------------------------------------------- */

/* Merges two neighbours, or balances them if they do not fit into one. */
static void range_tree_merge(struct range_node *parent, unsigned pos, unsigned level)
{
	struct range_node *left = parent->at[pos], *right = parent->at[pos + 1];
	unsigned n = left->n + right->n, keep = n <= RANGE_FANOUT ? n : n / 2;
	struct range_entry entry;

	if (keep > left->n) {
		unsigned taken = keep - left->n;

		range_node_move(left, left->n, right, 0, taken, level);
		range_node_move(right, 0, right, taken, right->n - taken, level);
	} else {
		unsigned given = left->n - keep;

		range_node_move(right, given, right, 0, right->n, level);
		range_node_move(right, 0, left, keep, given, level);
	}
	left->n = keep;
	right->n = n - keep;
	entry = range_node_entry(left, level);
	range_node_set(parent, level + 1, pos, &entry);
	if (right->n) {
		entry = range_node_entry(right, level);
		range_node_set(parent, level + 1, pos + 1, &entry);
	} else {
		range_node_remove(parent, level + 1, pos + 1);
		free(right);
	}
}

static void range_tree_shrink(struct range_tree *tree)
{
	struct range_node *root = tree->root;

	if (tree->height == 1 && root->n == 0)
		tree->root = NULL;
	else if (tree->height > 1 && root->n == 1)
		tree->root = root->at[0];
	else
		return;
	free(root);
	tree->height--;
}

void range_tree_remove(struct range_tree *tree, struct range *range)
{
	struct path path;
	unsigned level = 0;

	assert(tree->root);
	range_tree_descend(tree, range->first, &path);
	assert(path.pos[0] < path.node[0]->n && path.node[0]->at[path.pos[0]] == range);
	range_node_remove(path.node[0], 0, path.pos[0]);
	tree->n--;
	if (path.node[0]->n >= RANGE_MIN_FILL && range_tree_is_local(tree, &path))
		return;
	for (; level + 1 < tree->height && path.node[level]->n < RANGE_MIN_FILL;
	     level++) {
		unsigned pos = path.pos[level + 1];

		range_tree_merge(path.node[level + 1], pos ? pos - 1 : 0, level);
	}
	range_tree_update_parents(tree, &path, level);
	range_tree_shrink(tree);
}

static void range_tree_free_nodes(struct range_node *node, unsigned level)
{
	for (unsigned i = 0; level && i < node->n; i++)
		range_tree_free_nodes(node->at[i], level - 1);
	free(node);
}

void range_tree_finish(struct range_tree *tree)
{
	if (tree->root)
		range_tree_free_nodes(tree->root, tree->height - 1);
	*tree = (struct range_tree){0};
}

/* ---- search ------------------------------------------------------------------------ */

struct range *range_tree_from(const struct range_tree *tree, uint64_t address)
{
	const struct range_node *node = tree->root;

	for (unsigned level = tree->height; level-- > 0;) {
		unsigned pos = range_node_search(node, address);

		if (pos == node->n)
			return NULL;
		if (!level)
			return node->at[pos];
		node = node->at[pos];
		if (level == 1)
			range_node_prefetch(node);
	}
	return NULL;
}

struct gap_search {
	uint64_t last, length, align;
	uint64_t cursor; /* everything below was searched */
	uint64_t found;
};

/* Whether it fits between the cursor and @end, inclusive. */
static bool range_tree_fits(struct gap_search *state, uint64_t end)
{
	uint64_t mask = state->align - 1;
	uint64_t first = (state->cursor + mask) & ~mask;

	end = MIN(end, state->last);
	if (first < state->cursor || first > end || end - first < state->length - 1)
		return false;
	state->found = first;
	return true;
}

/* 1: found; 0: not beneath this node; -ENOSPC: the end was reached. */
static int range_tree_find_beneath(struct gap_search *state,
				   const struct range_node *node, unsigned level)
{
	for (unsigned i = range_node_search(node, state->cursor); i < node->n; i++) {
		int r = 0;

		if (node->first[i] > state->cursor &&
		    range_tree_fits(state, node->first[i] - 1))
			return 1;
		if (level && node->gap[i] >= state->length)
			r = range_tree_find_beneath(state, node->at[i], level - 1);
		if (r)
			return r;
		if (node->last[i] >= state->last)
			return -ENOSPC;
		state->cursor = node->last[i] + 1;
	}
	return 0;
}

int range_tree_find_gap(const struct range_tree *tree, uint64_t first, uint64_t last,
			uint64_t length, uint64_t align, uint64_t *ret_first)
{
	struct gap_search state = {
		.last = last, .length = length, .align = align, .cursor = first};
	int r = 0;

	if (first > last)
		return -ENOSPC;
	if (tree->root)
		r = range_tree_find_beneath(&state, tree->root, tree->height - 1);
	if (r < 0 || (r == 0 && !range_tree_fits(&state, last)))
		return -ENOSPC;
	*ret_first = state.found;
	return 0;
}
