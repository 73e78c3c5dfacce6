/* SPDX-License-Identifier: MIT */
/*
 * owned.h - the names of each user, for the lists that users ask for
 *
 * Without it, a user without names would search those of all others with the lock held
 * that every look-up needs. The table's lock protects it.
 */
#ifndef DMABUFFS_OWNED_H
#define DMABUFFS_OWNED_H

#include "names/table.h"

/* Of a zeroed struct htab; a user is in it while there are names of this user. */
void owned_finish(struct htab *owned);

/* 0 or -ENOMEM. */
int owned_add(struct htab *owned, uid_t uid, struct export *export);
void owned_remove(struct htab *owned, uid_t uid, struct export *export);

/* NULL: the user has no name. */
const struct table_index *owned_find(const struct htab *owned, uid_t uid);

#endif
