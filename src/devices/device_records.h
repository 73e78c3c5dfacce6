/* SPDX-License-Identifier: MIT */
/*
 * device_records.h - contexts and their objects, in the ledger and the bank
 *
 * libaccel stores what its objects are (records.h) in records of LEDGER_ACCEL and
 * LEDGER_MAPPING; this is where it gets them. Beside those, each open file of a device
 * has a record: a context without one was closed, or its open(2) got no reply.
 */
#ifndef DMABUFFS_DEVICE_RECORDS_H
#define DMABUFFS_DEVICE_RECORDS_H

#include <assert.h>
#include <stdint.h>

#include "store/state.h"

struct accel_record;
struct accel_registry;
struct device_file;
struct devices;

#define DEVICE_RECORD_FILE 100U /* beside enum accel_record_kind */

/* In place of a struct accel_record. */
struct device_record {
	uint32_t kind;    /* DEVICE_RECORD_FILE */
	uint32_t number;  /* its own */
	uint32_t context; /* number of the record of its context */
	uint32_t has_identity;
	uint64_t handle; /* of the file */
	uint32_t process_uid, process_gid, owner_uid, owner_gid;
	uint64_t poll; /* the kernel's handle of its last poll(2); 0: none */
};

static_assert(sizeof(struct device_record) == sizeof(((struct ledger_accel *)0)->object),
	      "");

/* From now on, the registry's objects have records. Before the first context. */
void device_records_keep(struct devices *devices);

/* The record of an open file, which was made last; and the end of it. 0 or -ENOSPC. */
int device_records_add(struct devices *devices, struct device_file *file);
void device_records_remove(struct devices *devices, struct device_file *file);

/* Stores file->identity. */
void device_records_identify(struct devices *devices, const struct device_file *file);

/* Stores the kernel's handle of the request's poll(2), which a successor notifies. */
void device_records_poll(struct devices *devices, const struct device_file *file);

/* How many descriptors the bank has of a record. */
unsigned device_records_n_files(const struct accel_record *record);

static inline struct accel_record *
device_records_object(const struct ledger *ledger, enum ledger_kind kind, uint32_t slot)
{
	struct ledger_accel *accel = ledger_at(ledger, kind, slot);

	return (struct accel_record *)accel->object;
}

#endif
