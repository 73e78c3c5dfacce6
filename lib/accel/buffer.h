/* SPDX-License-Identifier: MIT */
/*
 * buffer.h - memory that a device may access: its own, or an imported memfd or dma-buf
 *
 * The whole buffer is mapped into this process from its creation until it is freed. A
 * client can truncate it at any time, so its memory is accessed under guard.h only.
 *
 * buffer.c has the object, buffer_api.c and buffer_import.c the calls on a context.
 */
#ifndef ACCEL_BUFFER_H
#define ACCEL_BUFFER_H

#include <accel.h>

#include "lingering.h"
#include "object.h"
#include "payer.h"
#include "reaper.h"

#define ACCEL_PAGE UINT64_C(4096) /* of the CPU, see mmap(2) */

struct accel_device;

struct accel_buffer {
	struct accel_base base;
	/* Fixed. */
	struct accel_device *device;
	struct accel_payer *payer; /* a reference */
	int fd;                    /* owned: a description of our own, or the dma-buf's */
	int access;                /* O_RDONLY or O_RDWR */
	uint32_t flags;            /* ACCEL_BUFFER_PINNED, _IMPORTED, _DMABUF, _FILE */
	uint64_t bytes;            /* of the mapping below */
	void *memory;              /* NULL once it was unmapped, on the way out */

	_Atomic uint32_t mappings; /* in ASIDs */
	atomic_bool revoked;

	/* See ownership.h; protected by the device's lock. */
	struct list owned_item;
	uint64_t dev, ino; /* of the memfd; fixed before it is in the list */
	bool revoking;     /* a thread takes the memory back */
	bool revoke_ref;   /* the reference for that thread is not dropped yet */
	bool freed;        /* the id is gone */

	/* On the way out. */
	struct accel_lingering_entry lingering;
	struct accel_reap reap;
};

/* NULL stays NULL. */
static inline struct accel_buffer *accel_buffer_of(struct accel_base *base)
{
	return (struct accel_buffer *)base;
}

/* Whole pages. */
static inline uint64_t accel_buffer_round_up(uint64_t bytes)
{
	return (bytes + ACCEL_PAGE - 1) & ~(ACCEL_PAGE - 1);
}

/*
 * A buffer with the fields of @like (fd, access, flags, bytes), charged to @payer but
 * without memory. If there is no room, waits a moment for what is being freed. Unmake
 * undoes it, and leaves the descriptor to the caller.
 */
int accel_buffer_make(struct accel_device *device, struct accel_payer *payer,
		      const struct accel_buffer *like, struct accel_buffer **ret_buffer);
void accel_buffer_unmake(struct accel_buffer *buffer);

/* Makes its record, once it has memory; accel_buffer_unmake() drops it. 0, -errno. */
int accel_buffer_make_record(struct accel_buffer *buffer);

/* Maps it into this process; and the reverse, once it is in no ASID any more. */
int accel_buffer_map(struct accel_buffer *buffer);
void accel_buffer_unmap(struct accel_buffer *buffer);

/* The size now: 0 once revoked. */
uint64_t accel_buffer_size(const struct accel_buffer *buffer);

/* Takes device memory back. -EBUSY: pinned. May wait for the memfd's inode. */
int accel_buffer_truncate(struct accel_buffer *buffer);

/*
 * Bracket CPU accesses to a dma-buf; no-ops for other memory. They may wait for a
 * driver.
 */
void accel_buffer_begin(struct accel_buffer *buffer, bool write);
void accel_buffer_end(struct accel_buffer *buffer, bool write);

/*
 * As a predecessor left it, without an id yet. The record and @fd are taken over on
 * success.
 */
int accel_buffer_restore(struct accel_payer *payer, struct accel_record *record, int fd,
			 struct accel_base **ret_buffer);

#endif
