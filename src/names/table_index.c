/* SPDX-License-Identifier: MIT */
#include "names/table_index.h"

#include "sorted.h"
#include "util.h"

/* Holes in one call, which holds the lock that every look-up needs. */
#define LOOK_THROUGH 256

void table_index_finish(struct table_index *index)
{
	free(index->entries);
	*index = (struct table_index){0};
}

/* The first position whose id is not below @id. */
static size_t table_index_position(const struct table_index *index, uint64_t id)
{
	return sorted_place(index->n, i, index->entries[i].id < id);
}

int table_index_insert(struct table_index *index, struct export *export)
{
	int r = array_reserve(&index->entries, &index->room, index->n + 1,
			      sizeof(*index->entries));
	size_t at = table_index_position(index, export->id);

	if (r < 0)
		return r;
	if (at < index->n && index->entries[at].id == export->id) {
		index->entries[at].export = export;
		index->n_removed--;
	} else {
		*sorted_open(index->entries, index->n++, at) =
			(struct table_index_entry){export->id, export};
	}
	return 0;
}

static void table_index_pack(struct table_index *index)
{
	size_t n = 0;

	for (size_t i = 0; i < index->n; i++)
		if (index->entries[i].export)
			index->entries[n++] = index->entries[i];
	index->n = n;
	index->n_removed = 0;
}

void table_index_remove(struct table_index *index, uint64_t id)
{
	index->entries[table_index_position(index, id)].export = NULL;
	if (++index->n_removed > index->n / 2)
		table_index_pack(index);
}

struct export *table_index_next(const struct table_index *index, uint64_t *id,
				bool *ret_more)
{
	/* Not of *id + 1: the cursor is a client's, and can be the highest number. */
	size_t i = sorted_place(index->n, at, index->entries[at].id <= *id);
	size_t end = MIN(index->n, i + LOOK_THROUGH);

	*ret_more = false;
	for (; i < end; i++) {
		struct export *export = index->entries[i].export;

		*id = index->entries[i].id;
		if (export)
			return export;
	}
	*ret_more = end < index->n;
	return NULL;
}
