/* SPDX-License-Identifier: MIT */
/*
 * table_index.h - names in the order of their ids, for lists
 *
 * Ids only grow, so a new name comes at the end of the array, which is sorted by id; only
 * chown(2) puts one elsewhere. A name that is removed leaves a hole; the array is packed
 * when more than half of it is holes. The table's lock protects it.
 */
#ifndef DMABUFFS_TABLE_INDEX_H
#define DMABUFFS_TABLE_INDEX_H

#include "names/table.h"

void table_index_finish(struct table_index *index);

/* 0 or -ENOMEM. */
int table_index_insert(struct table_index *index, struct export *export);
void table_index_remove(struct table_index *index, uint64_t id);

/* As table_next(), of all names in it. */
struct export *table_index_next(const struct table_index *index, uint64_t *id,
				bool *ret_more);

#endif
