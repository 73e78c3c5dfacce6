/* SPDX-License-Identifier: MIT */
/*
 * table.h - all device memory, sorted by address
 *
 * Two locks protect it. The mutex of table_lock() serializes changes: an area that is
 * found under it stays. A read-write lock inside it is held for the change itself, and is
 * all that a look-up takes, so look-ups do not wait while memory is mapped for peers.
 *
 * An area that is not in the table belongs to the thread that creates or destroys it.
 */
#ifndef HIPSOFT_TABLE_H
#define HIPSOFT_TABLE_H

#include "allocation.h"

/**
 * struct area - an allocation, and the data for mapping it for another device
 * @allocation: its range, @device and @imported are constant; the other members change
 *		under table_write_begin()
 * @offset: of the allocation in the buffer
 * @access: ACCEL_MAP_READ, _WRITE: the access that the buffer allows
 */
struct area {
	struct allocation allocation;
	uint64_t offset;
	uint32_t access;
};

/* Taken after a device's lock. */
void table_lock(void);
void table_unlock(void);

/* 0 or -ENOMEM. The area's range does not overlap another one. */
int table_add_locked(struct area *area);
void table_remove_locked(struct area *area);

/* The area that begins at @base, or NULL. */
struct area *table_at_locked(uint64_t base);

/* Calls @visit for each area until it fails. @visit must not add or remove areas. */
int table_each_locked(int (*visit)(struct area *area, void *data), void *data);

/* Around a change of an area in the table, with table_lock() held; kept short. */
void table_write_begin(void);
void table_write_end(void);

#endif
