/* SPDX-License-Identifier: MIT */
#include "range_node.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

struct range_node *range_node_create(unsigned level)
{
	size_t gaps = level ? RANGE_FANOUT * sizeof(uint64_t) : 0;
	struct range_node *node = malloc(sizeof(*node) + gaps);

	if (node)
		node->n = 0;
	return node;
}

void range_node_move(struct range_node *to, unsigned to_pos,
		     const struct range_node *from, unsigned from_pos, unsigned n,
		     unsigned level)
{
	memmove(&to->last[to_pos], &from->last[from_pos], n * sizeof(to->last[0]));
	memmove(&to->first[to_pos], &from->first[from_pos], n * sizeof(to->first[0]));
	memmove(&to->at[to_pos], &from->at[from_pos], n * sizeof(to->at[0]));
	if (level)
		memmove(&to->gap[to_pos], &from->gap[from_pos], n * sizeof(to->gap[0]));
}

void range_node_set(struct range_node *node, unsigned level, unsigned pos,
		    const struct range_entry *entry)
{
	node->last[pos] = entry->last;
	node->first[pos] = entry->first;
	node->at[pos] = entry->at;
	if (level)
		node->gap[pos] = entry->gap;
}

void range_node_insert(struct range_node *node, unsigned level, unsigned pos,
		       const struct range_entry *entry)
{
	range_node_move(node, pos + 1, node, pos, node->n - pos, level);
	range_node_set(node, level, pos, entry);
	node->n++;
}

void range_node_remove(struct range_node *node, unsigned level, unsigned pos)
{
	node->n--;
	range_node_move(node, pos, node, pos + 1, node->n - pos, level);
}

static uint64_t range_node_largest_gap(const struct range_node *node, unsigned level)
{
	uint64_t gap = 0;

	for (unsigned i = 1; i < node->n; i++)
		gap = MAX(gap, node->first[i] - node->last[i - 1] - 1);
	for (unsigned i = 0; level && i < node->n; i++)
		gap = MAX(gap, node->gap[i]);
	return gap;
}

struct range_entry range_node_entry(struct range_node *node, unsigned level)
{
	return (struct range_entry){
		.last = node->last[node->n - 1],
		.first = node->first[0],
		.gap = range_node_largest_gap(node, level),
		.at = node,
	};
}
