/* SPDX-License-Identifier: MIT */
/*
 * rebuild.h - makes the table that a predecessor had, from ledger and bank
 *
 * In this order: rebuild_begin(), bank_rebuild() whose kept() is rebuild_keep(),
 * rebuild_end(), and rebuild_finish() when requests are served. What is lost is logged
 * with its reason, and its name ends (DMABUFFS_ENDED_LOST).
 *
 * By one thread that alone uses the table, but for rebuild_finish().
 */
#ifndef DMABUFFS_REBUILD_H
#define DMABUFFS_REBUILD_H

#include "names/notifier.h"
#include "names/table_private.h"

/* All arrays are by slot in the ledger, and end at the mark of their kind. */
struct rebuild {
	struct table *table; /* borrowed */
	/* Closes a backing id of the kernel. */
	void (*close_backing)(void *data, int id);
	void *data;
	struct caller **callers; /* referenced until rebuild_end() */
	struct root **roots;     /* the table's */
	struct export **exports; /* without a reference; until rebuild_end() */
	uint32_t n_callers, n_roots, n_exports;
	uint32_t *opens;        /* of each export */
	struct caller *unknown; /* of exports without a caller; a reference, or NULL */
	struct export *
		*unnotified; /* referenced: the kernel does not know of their end */
	size_t n_unnotified, room;
	unsigned n_kept, n_lost; /* names */
};

/*
 * Makes callers, root descriptions and exports of the committed records of table->ledger,
 * which was taken over, and says which buffers are wanted. 0 or -ENOMEM.
 */
int rebuild_begin(struct rebuild *rebuild);

/* A wanted descriptor, which is the callee's. */
void rebuild_keep(struct rebuild *rebuild, const struct bank_item *item, int fd);

/*
 * Charges and names what has its buffer, ends what has not, and what a predecessor had
 * begun to end. 0 or -ENOMEM.
 */
int rebuild_end(struct rebuild *rebuild);

/* Notifies the kernel of what ended, and frees all; a zeroed one, too. */
void rebuild_finish(struct rebuild *rebuild, struct notifier *notifier);

#endif
