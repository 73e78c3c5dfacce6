/* SPDX-License-Identifier: MIT */
/*
 * asid.h - an address space of the device: a page table, or a process's own memory
 *
 * Which of both it is, is fixed at creation (seed mail 002). asid.c makes and ends them,
 * asid_map.c and asid_unmap.c keep the page table.
 */
#ifndef ACCEL_ASID_H
#define ACCEL_ASID_H

#include <accel.h>
#include <pthread.h>

#include "object.h"
#include "payer.h"
#include "range_tree.h"
#include "sva.h"

struct accel_asid {
	struct accel_base base;
	/* Fixed. */
	struct accel_device *device;
	struct accel_payer *payer; /* a reference: charged for it and its mappings */
	struct accel_set *set;     /* a reference, or NULL */
	uint32_t number;           /* the hardware's */
	uint32_t flags;            /* ACCEL_ASID_VISIBLE, _SVA */
	struct accel_sva sva;      /* with ACCEL_ASID_SVA */

	/* Who made it and still has that id, or NULL; compared only, never followed. */
	struct accel_context *_Atomic home;
	pthread_mutex_t
		importing; /* one import at a time; comes before all other locks */

	/*
	 * Engines hold it shared while they access what they have looked up, for a
	 * bounded time; so once a change has it, no access is under way.
	 */
	pthread_rwlock_t lock;
	struct range_tree mappings; /* struct accel_mapping; protected by lock */
	uint64_t mapped;            /* bytes; protected by lock */
};

struct accel_mapping {
	struct range range;
	struct accel_buffer *buffer; /* a reference */
	uint64_t offset;
	uint32_t access;            /* ACCEL_MAP_READ, _WRITE */
	struct accel_mapping *next; /* while it is in no tree */
};

static inline struct accel_asid *accel_asid_of(struct accel_base *base)
{
	return (struct accel_asid *)base;
}

/* A piece of mapped memory. */
struct accel_window {
	void *memory;
	uint64_t length;
	struct accel_buffer *buffer; /* valid while the lock is held */
};

/*
 * What lies at @address, at most @length bytes of it, for @access. With asid->lock held.
 * -EFAULT: nothing is mapped; -EACCES: not for this access. Not for SVA.
 */
int accel_asid_resolve(struct accel_asid *asid, uint64_t address, uint64_t length,
		       uint32_t access, struct accel_window *ret_window);

/* Removes everything, for the end of the ASID. */
void accel_asid_clear(struct accel_asid *asid);

#endif
