/* SPDX-License-Identifier: MIT */
/*
 * devices_restore.h - makes the contexts that a killed process had
 *
 * In this order, in a process that has taken over the ledger: begin, bank_rebuild() whose
 * kept() calls keep for descriptors behind those of names, end. By one thread, with the
 * devices started, and before a request is read.
 */
#ifndef DMABUFFS_DEVICES_RESTORE_H
#define DMABUFFS_DEVICES_RESTORE_H

#include <accel.h>
#include <stdbool.h>

#include "devices/devices.h"
#include "store/bank.h"

struct devices_restore {
	struct devices *devices; /* borrowed */
	int (*files)[2];         /* of each slot of LEDGER_ACCEL; owned */
	uint32_t n;              /* slots */
	uint32_t *opened;        /* of the record of a context: slot + 1 of its file's */
	struct accel_restore *accel;
	unsigned n_contexts, n_lost;
};

/* Says which descriptors are wanted. 0 or -ENOMEM. */
int devices_restore_begin(struct devices_restore *restore, struct devices *devices);

/* Is it a descriptor of a device's object? Then it is the callee's. */
bool devices_restore_keep(struct devices_restore *restore, const struct bank_item *item,
			  int fd);

/*
 * Makes all objects. What is damaged is logged, and its record freed. 0 or -ENOMEM. Also
 * frees what begin made, whatever the result.
 */
int devices_restore_end(struct devices_restore *restore);

#endif
