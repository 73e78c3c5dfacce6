/* SPDX-License-Identifier: MIT */
/*
 * records.h - the records of objects, see accel-records.h
 *
 * Without a keeper all records are NULL, and all of this does nothing.
 */
#ifndef ACCEL_RECORDS_PRIVATE_H
#define ACCEL_RECORDS_PRIVATE_H

#include <accel-records.h>
#include <assert.h>

static_assert(sizeof(struct accel_record) == 48, "");
static_assert(offsetof(struct accel_record, context) == 16, "");
static_assert(offsetof(struct accel_record, queue.flags) == 44, "");

/* 0 or -ENOSPC. */
int accel_record_make(struct accel_device *device, enum accel_record_kind kind,
		      struct accel_record **ret_record);
int accel_record_put_files(struct accel_device *device, struct accel_record *record,
			   const int *fds, unsigned n);
void accel_record_commit(struct accel_device *device, struct accel_record *record);
void accel_record_drop(struct accel_device *device, struct accel_record *record);

/* A number of the registry's that no ASID's mappings have. */
uint32_t accel_record_new_epoch(struct accel_device *device);

static inline uint32_t accel_record_number(const struct accel_record *record)
{
	return record ? record->number : 0;
}

/* Stores one word of a committed record, after all that was stored before. */
#define ACCEL_RECORD_STORE(record, field, value)                                         \
	do {                                                                             \
		if (record)                                                              \
			__atomic_store_n(&(record)->field, (value), __ATOMIC_RELEASE);   \
	} while (0)

#endif
