/* SPDX-License-Identifier: MIT */
#include "names/table_index.h"

#include "util.h"

/* A user with few names among very many must not hold the lock for long. */
#define LOOK_THROUGH 4096

void table_index_finish(struct table_index *index)
{
	free(index->exports);
	free(index->ids);
	*index = (struct table_index){0};
}

static int table_index_grow(struct table_index *index)
{
	size_t allocated = MAX(index->allocated * 2, (size_t)64);
	struct export **exports;
	uint64_t *ids;

	exports = reallocarray(index->exports, allocated, sizeof(*exports));
	if (!exports)
		return -ENOMEM;
	index->exports = exports;
	ids = reallocarray(index->ids, allocated, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	index->ids = ids;
	index->allocated = allocated;
	return 0;
}

/* The first position whose id is not below @id. */
static size_t table_index_position(const struct table_index *index, uint64_t id)
{
	size_t low = 0, high = index->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (index->ids[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int table_index_append(struct table_index *index, struct export *export)
{
	if (index->n == index->allocated && table_index_grow(index) < 0)
		return -ENOMEM;
	index->exports[index->n] = export;
	index->ids[index->n] = export->id;
	index->n++;
	return 0;
}

static void table_index_pack(struct table_index *index)
{
	size_t n = 0;

	for (size_t i = 0; i < index->n; i++) {
		if (!index->exports[i])
			continue;
		index->exports[n] = index->exports[i];
		index->ids[n] = index->ids[i];
		n++;
	}
	index->n = n;
	index->n_ended = 0;
}

void table_index_remove(struct table_index *index, uint64_t id)
{
	index->exports[table_index_position(index, id)] = NULL;
	if (++index->n_ended > index->n / 2)
		table_index_pack(index);
}

struct export *table_index_next(const struct table_index *index, uid_t uid, uint64_t *id,
				bool *ret_more)
{
	size_t i = table_index_position(index, *id + 1);
	size_t end = MIN(index->n, i + LOOK_THROUGH);

	*ret_more = false;
	for (; i < end; i++) {
		struct export *export = index->exports[i];

		*id = index->ids[i];
		if (export && (uid == 0 || export->node.uid == uid))
			return export;
	}
	*ret_more = end < index->n;
	return NULL;
}
