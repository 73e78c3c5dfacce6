/* SPDX-License-Identifier: MIT */
/* person.h - the connections to the broker of all uids of one person */
#ifndef DMABUFFS_PERSON_H
#define DMABUFFS_PERSON_H

#include <sys/types.h>

#include "htab.h"
#include "list.h"

/* Exists while it has a connection. Used by the broker's thread alone. */
struct person {
	struct htab_node node;   /* in broker.persons, by uid */
	uid_t uid;               /* limits_person() of the uids, when they connected */
	unsigned n;              /* connections, in the lists below or in neither */
	struct list connections; /* admitted: the least recently used first */
	struct list waiting;     /* accepted, not admitted: the longest waiting first */
	struct list in_waiting;  /* in broker.waiting, while any waits */
};

/* Finds or makes it, and counts one more connection; put counts one less. NULL: -ENOMEM.
 */
struct person *person_get(struct htab *persons, uid_t uid);
void person_put(struct htab *persons, struct person *person);

#endif
