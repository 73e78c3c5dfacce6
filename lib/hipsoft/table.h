/* SPDX-License-Identifier: MIT */
/*
 * table.h - all device memory, in the order of addresses
 *
 * A change takes two locks: the mutex, under which what is found stays, and for the
 * moment of the change itself the other one, which is all that a look-up takes. So nobody
 * who looks something up waits while memory is mapped for peers.
 *
 * An allocation that is in no table belongs to the thread that makes or ends it.
 */
#ifndef HIPSOFT_TABLE_H
#define HIPSOFT_TABLE_H

#include "allocation.h"

/**
 * struct area - an allocation, and what it takes to map it once more
 * @allocation: its range, @device and @imported are fixed; the rest is changed with
 *		table_write_begin()
 * @offset: where it begins in the buffer
 * @access: ACCEL_MAP_READ, _WRITE: what the buffer may be mapped for
 */
struct area {
	struct allocation allocation;
	uint64_t offset;
	uint32_t access;
};

/* For changes; everything below needs it. Comes after a device's lock. */
void table_lock(void);
void table_unlock(void);

/* 0 or -ENOMEM. Nothing else is in its range. */
int table_add(struct area *area);
void table_remove(struct area *area);

/* The one that begins at @base, or NULL. */
struct area *table_at(uint64_t base);

/* Every one, until @visit fails. @visit adds and removes nothing. */
int table_each(int (*visit)(struct area *area, void *data), void *data);

/* Around a change of an allocation that is in the table; short. */
void table_write_begin(void);
void table_write_end(void);

#endif
