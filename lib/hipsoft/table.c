/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <search.h>

static pthread_mutex_t change_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t tree_lock = PTHREAD_RWLOCK_INITIALIZER;
static void *tree; /* of tsearch(3); changed under both, read under one */

/* Ranges that meet are equal: so a look-up finds what an address is in. */
static int compare(const void *left, const void *right)
{
	const struct allocation *a = left, *b = right;

	if (a->base + (a->reserved - 1) < b->base)
		return -1;
	return a->base > b->base + (b->reserved - 1);
}

/* Either lock is held. */
static struct area *find(uint64_t address)
{
	const struct allocation at = {.base = address, .reserved = 1};
	struct area **found = tfind(&at, &tree, compare);

	return found ? *found : NULL;
}

void table_lock(void)
{
	pthread_mutex_lock(&change_lock);
}

void table_unlock(void)
{
	pthread_mutex_unlock(&change_lock);
}

void table_write_begin(void)
{
	pthread_rwlock_wrlock(&tree_lock);
}

void table_write_end(void)
{
	pthread_rwlock_unlock(&tree_lock);
}

int table_add(struct area *area)
{
	void *added;

	table_write_begin();
	added = tsearch(area, &tree, compare);
	table_write_end();
	return added ? 0 : -ENOMEM;
}

void table_remove(struct area *area)
{
	table_write_begin();
	tdelete(area, &tree, compare);
	table_write_end();
}

struct area *table_at(uint64_t base)
{
	struct area *area = find(base);

	return area && area->allocation.base == base ? area : NULL;
}

struct walk {
	int (*visit)(struct area *area, void *data);
	void *data;
	int r;
};

static void visit_node(const void *node, VISIT order, void *data)
{
	struct area *const *area = node;
	struct walk *walk = data;

	if (walk->r == 0 && (order == postorder || order == leaf))
		walk->r = walk->visit(*area, walk->data);
}

int table_each(int (*visit)(struct area *area, void *data), void *data)
{
	struct walk walk = {visit, data, 0};

	twalk_r(tree, visit_node, &walk);
	return walk.r;
}

int allocation_find(uint64_t address, uint64_t bytes, struct allocation *ret_allocation)
{
	const struct allocation *found;
	int r = -ENOENT;

	pthread_rwlock_rdlock(&tree_lock);
	found = (const struct allocation *)find(address);
	if (found && address - found->base < found->bytes)
		r = bytes <= found->bytes - (address - found->base) ? 0 : -EINVAL;
	if (r == 0)
		*ret_allocation = *found;
	pthread_rwlock_unlock(&tree_lock);
	return r;
}
