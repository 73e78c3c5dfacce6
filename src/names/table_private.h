/* SPDX-License-Identifier: MIT */
/*
 * table_private.h - what table.c and root.c share
 *
 * Functions named *_locked are called with table.lock held.
 */
#ifndef DMABUFFS_TABLE_PRIVATE_H
#define DMABUFFS_TABLE_PRIVATE_H

#include "names/table.h"

/* One open root description (a struct file): what exports are bound to. */
struct root {
	struct htab_node by_id;
	uint64_t id;           /* the FUSE file handle */
	uint32_t slot;         /* of its record in the ledger */
	uid_t uid;             /* charged for it */
	struct caller *caller; /* owned, may be NULL: the last exporter, see caller.h */
	struct identity *identity; /* owned; NULL: none was presented */
	struct list exports;       /* names that are removed with this description */
};

/* For htab_drain(). */
void root_free(struct htab_node *node, void *data);

/* NULL: it was closed. */
struct root *table_find_root_locked(struct table *table, uint64_t id);

uint64_t table_hash_id(const struct table *table, uint64_t id);
void table_put_locked(struct table *table, struct export *export);

/* Without a name, an open file and a hold, the buffer cannot be reached again. */
void table_release_if_unused_locked(struct table *table, struct export *export);

struct ledger_description *table_root_record(const struct table *table,
					     const struct root *root);

/*
 * Removes the name and drops its reference; false if it was removed before. @unique is of
 * the request that removes this name alone; 0: there is none.
 */
bool table_unname_locked(struct table *table, struct export *export,
			 enum dmabuffs_ended_cause cause, uint64_t unique);

/* Into all indexes, or into none: 0 or -ENOMEM. */
int table_insert_locked(struct table *table, struct export *export);
struct export *table_find_locked(struct table *table, uint64_t id);

#endif
