/* SPDX-License-Identifier: MIT */
#include "range_tree.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define FANOUT     32
#define MIN_FILL   8 /* of every node but the root; so 2^64 ranges are 22 levels */
#define MAX_HEIGHT 24

/*
 * The keys stand in arrays of their own, so that a search reads a few whole cache lines
 * and never a range. Entries ascend. Leaves are level 0.
 */
struct range_node {
	unsigned n;
	uint64_t last[FANOUT];  /* of all beneath the entry */
	uint64_t first[FANOUT]; /* likewise */
	void *at[FANOUT]; /* struct range in a leaf, else struct range_node, owned */
	uint64_t gap[];   /* not in a leaf: the largest between ranges beneath */
};

struct entry {
	uint64_t last, first, gap;
	void *at;
};

/* The way from the root to a leaf, by level. */
struct path {
	struct range_node *node[MAX_HEIGHT];
	unsigned pos[MAX_HEIGHT];
};

static struct range_node *range_tree_node_create(unsigned level)
{
	size_t gaps = level ? FANOUT * sizeof(uint64_t) : 0;
	struct range_node *node = malloc(sizeof(*node) + gaps);

	if (node)
		node->n = 0;
	return node;
}

static void range_tree_move(struct range_node *to, unsigned to_pos,
			    const struct range_node *from, unsigned from_pos, unsigned n,
			    unsigned level)
{
	memmove(&to->last[to_pos], &from->last[from_pos], n * sizeof(to->last[0]));
	memmove(&to->first[to_pos], &from->first[from_pos], n * sizeof(to->first[0]));
	memmove(&to->at[to_pos], &from->at[from_pos], n * sizeof(to->at[0]));
	if (level)
		memmove(&to->gap[to_pos], &from->gap[from_pos], n * sizeof(to->gap[0]));
}

static void range_tree_set_entry(struct range_node *node, unsigned level, unsigned pos,
				 const struct entry *entry)
{
	node->last[pos] = entry->last;
	node->first[pos] = entry->first;
	node->at[pos] = entry->at;
	if (level)
		node->gap[pos] = entry->gap;
}

static void range_tree_insert_entry(struct range_node *node, unsigned level, unsigned pos,
				    const struct entry *entry)
{
	range_tree_move(node, pos + 1, node, pos, node->n - pos, level);
	range_tree_set_entry(node, level, pos, entry);
	node->n++;
}

static void range_tree_remove_entry(struct range_node *node, unsigned level, unsigned pos)
{
	node->n--;
	range_tree_move(node, pos, node, pos + 1, node->n - pos, level);
}

/* The first entry that reaches @address, or n. Without branches: it reads all keys. */
static unsigned range_tree_search(const struct range_node *node, uint64_t address)
{
	unsigned pos = 0;

	for (unsigned i = 0; i < node->n; i++)
		pos += node->last[i] < address;
	return pos;
}

static uint64_t range_tree_largest_gap(const struct range_node *node, unsigned level)
{
	uint64_t gap = 0;

	for (unsigned i = 1; i < node->n; i++)
		gap = MAX(gap, node->first[i] - node->last[i - 1] - 1);
	for (unsigned i = 0; level && i < node->n; i++)
		gap = MAX(gap, node->gap[i]);
	return gap;
}

/* The entry of @node in its parent. */
static struct entry range_tree_entry_of(struct range_node *node, unsigned level)
{
	return (struct entry){
		.last = node->last[node->n - 1],
		.first = node->first[0],
		.gap = range_tree_largest_gap(node, level),
		.at = node,
	};
}

/* Updates the entries of the parents after a change at @level, as far as needed. */
static void range_tree_update_parents(const struct range_tree *tree,
				      const struct path *path, unsigned level)
{
	for (; level + 1 < tree->height; level++) {
		struct entry entry = range_tree_entry_of(path->node[level], level);
		struct range_node *parent = path->node[level + 1];
		unsigned pos = path->pos[level + 1];

		if (parent->last[pos] == entry.last &&
		    parent->first[pos] == entry.first && parent->gap[pos] == entry.gap)
			return;
		range_tree_set_entry(parent, level + 1, pos, &entry);
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

/*
 * Leaves are mostly not in the cache. All lines are prefetched at once, so that the loads
 * overlap.
 */
static void range_tree_prefetch(const struct range_node *node)
{
	for (size_t i = 0; i < sizeof(*node); i += 64)
		__builtin_prefetch((const char *)node + i);
}

static void range_tree_descend(const struct range_tree *tree, uint64_t address,
			       struct path *ret_path)
{
	struct range_node *node = tree->root;

	for (unsigned level = tree->height; level-- > 0;) {
		unsigned pos = range_tree_search(node, address);

		/* An address behind all ranges belongs to the end of the last leaf. */
		if (level && pos == node->n)
			pos--;
		ret_path->node[level] = node;
		ret_path->pos[level] = pos;
		if (level) {
			node = node->at[pos];
			if (level == 1)
				range_tree_prefetch(node);
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

		if (!new_root && path->node[level]->n < FANOUT)
			return 0;
		ret_spare[level] = range_tree_node_create(level);
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
static struct entry range_tree_split(struct range_node *node, struct range_node *right,
				     unsigned level, unsigned pos,
				     const struct entry *entry)
{
	/* Ascending insertions, the common case, leave full nodes behind. */
	unsigned keep = pos == FANOUT ? FANOUT - MIN_FILL : FANOUT / 2;

	range_tree_move(right, 0, node, keep, FANOUT - keep, level);
	right->n = FANOUT - keep;
	node->n = keep;
	if (pos > keep)
		range_tree_insert_entry(right, level, pos - keep, entry);
	else
		range_tree_insert_entry(node, level, pos, entry);
	return range_tree_entry_of(right, level);
}

static void range_tree_grow(struct range_tree *tree, struct range_node *root,
			    const struct entry *right)
{
	unsigned level = tree->height;

	if (tree->root) {
		struct entry left = range_tree_entry_of(tree->root, level - 1);

		range_tree_insert_entry(root, level, 0, &left);
	}
	range_tree_insert_entry(root, level, root->n, right);
	tree->root = root;
	tree->height++;
}

static void range_tree_add_entry(struct range_tree *tree, struct path *path,
				 struct range_node **spare, struct entry entry)
{
	for (unsigned level = 0; level < tree->height; level++) {
		struct range_node *node = path->node[level];

		if (node->n < FANOUT) {
			bool local = level == 0 && range_tree_is_local(tree, path);

			range_tree_insert_entry(node, level, path->pos[level], &entry);
			if (!local)
				range_tree_update_parents(tree, path, level);
			return;
		}
		entry = range_tree_split(node, spare[level], level, path->pos[level],
					 &entry);
		if (level + 1 < tree->height) {
			struct entry left = range_tree_entry_of(node, level);

			range_tree_set_entry(path->node[level + 1], level + 1,
					     path->pos[level + 1]++, &left);
		}
	}
	range_tree_grow(tree, spare[tree->height], &entry);
}

int range_tree_insert(struct range_tree *tree, struct range *range)
{
	struct range_node *spare[MAX_HEIGHT + 1];
	struct entry entry = {.last = range->last, .first = range->first, .at = range};
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
	unsigned n = left->n + right->n, keep = n <= FANOUT ? n : n / 2;
	struct entry entry;

	if (keep > left->n) {
		unsigned taken = keep - left->n;

		range_tree_move(left, left->n, right, 0, taken, level);
		range_tree_move(right, 0, right, taken, right->n - taken, level);
	} else {
		unsigned given = left->n - keep;

		range_tree_move(right, given, right, 0, right->n, level);
		range_tree_move(right, 0, left, keep, given, level);
	}
	left->n = keep;
	right->n = n - keep;
	entry = range_tree_entry_of(left, level);
	range_tree_set_entry(parent, level + 1, pos, &entry);
	if (right->n) {
		entry = range_tree_entry_of(right, level);
		range_tree_set_entry(parent, level + 1, pos + 1, &entry);
	} else {
		range_tree_remove_entry(parent, level + 1, pos + 1);
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
	range_tree_remove_entry(path.node[0], 0, path.pos[0]);
	tree->n--;
	if (path.node[0]->n >= MIN_FILL && range_tree_is_local(tree, &path))
		return;
	for (; level + 1 < tree->height && path.node[level]->n < MIN_FILL; level++) {
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
		unsigned pos = range_tree_search(node, address);

		if (pos == node->n)
			return NULL;
		if (!level)
			return node->at[pos];
		node = node->at[pos];
		if (level == 1)
			range_tree_prefetch(node);
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
	for (unsigned i = range_tree_search(node, state->cursor); i < node->n; i++) {
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
