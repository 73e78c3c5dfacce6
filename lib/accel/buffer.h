/* SPDX-License-Identifier: MIT */
/*
 * buffer.h - memory that a device may touch: its own, or an imported memfd or dma-buf
 *
 * It is mapped into this process whole, from creation until it is given back. A client
 * may truncate it at any time: whoever touches the memory does so under guard.h.
 */
#ifndef ACCEL_BUFFER_H
#define ACCEL_BUFFER_H

#include <accel.h>

#include "object.h"
#include "payer.h"
#include "reaper.h"

struct accel_buffer {
	struct accel_base base;
	/* Fixed. */
	struct accel_device *device;
	struct accel_payer *payer; /* a reference */
	int fd;                    /* owned: a description of our own, or the dma-buf's */
	int access;                /* O_RDONLY or O_RDWR */
	uint32_t flags;            /* ACCEL_BUFFER_PINNED, _IMPORTED, _DMABUF */
	uint64_t bytes;            /* of the mapping below */
	void *memory;              /* NULL once it is on its way out */

	_Atomic uint32_t mappings; /* in ASIDs */
	atomic_bool revoked;
	struct accel_buffer *owned_next; /* protected by the device's lock, see
					    ownership.h, lingering.h */
	bool owned;                      /* likewise */
	/* Likewise: a thread takes it back, and has or had a reference for that; its id
	 * is gone. */
	bool revoking, revoke_ref, freed;
	struct accel_reap reap;
};

/* Takes it out of this process, when it is in no ASID any more. */
void accel_buffer_unmap(struct accel_buffer *buffer);

/* Gives a lingering one back, see lingering.h. */
void accel_buffer_release(struct accel_buffer *buffer);

/* The size now: 0 once revoked. */
uint64_t accel_buffer_size(const struct accel_buffer *buffer);

/* Takes device memory back. -EBUSY: pinned. May wait for the memfd's inode. */
int accel_buffer_truncate(struct accel_buffer *buffer);

/* Brackets what the CPU does with a dma-buf; nothing for others. It may wait for a
 * driver. */
void accel_buffer_begin(struct accel_buffer *buffer, bool write);
void accel_buffer_end(struct accel_buffer *buffer, bool write);

#endif
