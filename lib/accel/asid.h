/* SPDX-License-Identifier: MIT */
/*
 * asid.h - an address space of the device: a page table, or the memory of a process
 *
 * The kind is fixed at creation ("iommu/ioasid: Redefine IOASID set and allocation APIs",
 * LKML, 24 March 2021). asid.c creates and destroys them, asid_map.c and asid_unmap.c
 * change the page table.
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
	uint32_t number;           /* of the hardware */
	uint32_t flags;            /* ACCEL_ASID_VISIBLE, _SVA */
	struct accel_sva sva;      /* with ACCEL_ASID_SVA */

	/* Its creator while that has the id, or NULL; only compared, never followed. */
	struct accel_context *_Atomic home;
	/* One import at a time. Taken before all other locks. */
	pthread_mutex_t importing;

	/*
	 * Engines hold it shared during an access to mapped memory, for a bounded time. A
	 * holder of the exclusive lock knows that no access is under way.
	 */
	pthread_rwlock_t lock;
	struct range_tree mappings; /* struct accel_mapping; protected by lock */
	uint64_t mapped;            /* bytes; protected by lock */
};

struct accel_mapping {
	struct range range;
	struct accel_buffer *buffer; /* a reference */
	uint64_t offset;
	uint32_t access;             /* ACCEL_MAP_READ, _WRITE */
	struct accel_record *record; /* owned, or NULL */
	struct accel_mapping *next;  /* while it is in no tree */
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
 * The memory at @address, at most @length bytes of it, for @access. Not for a bound ASID.
 * -EFAULT: nothing is mapped; -EACCES: not for this access.
 */
int accel_asid_resolve_locked(struct accel_asid *asid, uint64_t address, uint64_t length,
			      uint32_t access, struct accel_window *ret_window);

/*
 * An ASID without an id and a record. @set: NULL or its; @sva: NULL, or copied; @number:
 * of the hardware, 0 for any.
 */
int accel_asid_make(struct accel_device *device, struct accel_payer *payer,
		    struct accel_set *set, const struct accel_sva *sva, uint32_t number,
		    uint32_t flags, struct accel_asid **ret_asid);

/* Fills in the record of a mapping at its place, and commits it. */
void accel_asid_commit_mapping_locked(struct accel_asid *asid,
				      struct accel_mapping *mapping);

/* A mapping of a predecessor at its place. 0; -EINVAL, -EEXIST, -ENOMEM; of the charge.
 */
int accel_asid_insert_restored(struct accel_asid *asid, struct accel_mapping *mapping);

/*
 * As a predecessor left them. The record and the files are taken over on success. An
 * address space has no id yet. @context: NULL if it was being destroyed; @set: NULL, or
 * the record's.
 */
int accel_asid_restore(struct accel_payer *payer, struct accel_context *context,
		       struct accel_set *set, struct accel_record *record, const int *fds,
		       unsigned n, struct accel_base **ret_asid);
int accel_asid_restore_import(struct accel_context *context, struct accel_asid *asid,
			      struct accel_record *record);
int accel_asid_restore_mapping(struct accel_asid *asid, struct accel_buffer *buffer,
			       struct accel_record *record);

/* Removes all mappings, for the end of the ASID. */
void accel_asid_clear(struct accel_asid *asid);

#endif
