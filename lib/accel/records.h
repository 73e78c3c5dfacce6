/* SPDX-License-Identifier: MIT */
/*
 * records.h - the objects of a registry in memory that outlives the process
 *
 * A keeper provides records of a fixed size, and keeps the descriptors of an object. Each
 * object has a record that follows it: fields of a committed record change one word at a
 * time. After a kill the keeper's next process hands the committed records to a new
 * registry (restore.h).
 *
 * A record is committed when its object has an id, or a mapping its place; until then,
 * and once it was dropped, it does not exist for a successor. Records refer to each other
 * by number. An object is dropped after those that refer to it. But the mappings of an
 * address space that was cleared or destroyed are dropped later by another thread: the
 * epoch in the record of their address space is another one by then.
 *
 * An engine stores what it has fetched and completed. Commands that were fetched, but not
 * completed, have an unknown outcome after a kill.
 */
#ifndef ACCEL_RECORDS_H
#define ACCEL_RECORDS_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACCEL_RECORD_FILES 2 /* descriptors of a record at most */

struct accel_device;
struct accel_registry;

/* In the order in which a successor needs them. */
enum accel_record_kind {
	ACCEL_RECORD_CONTEXT = 1, /* also its payer, which can outlive it */
	ACCEL_RECORD_BUFFER,      /* one file */
	ACCEL_RECORD_SET,
	ACCEL_RECORD_ASID,    /* two files if it is bound */
	ACCEL_RECORD_IMPORT,  /* an id of an ASID in another context */
	ACCEL_RECORD_MAPPING, /* many */
	ACCEL_RECORD_QUEUE,   /* one file */
	ACCEL_RECORD_ATTACHMENT,
	ACCEL_RECORD_FENCE,
	ACCEL_RECORD_KINDS
};

struct accel_record {
	uint32_t kind;   /* enum accel_record_kind */
	uint32_t number; /* its own, not 0 */
	/* Of the context that is charged; mapping: of the ASID; attachment: of the queue.
	 */
	uint32_t owner;
	/* In the context, 0: it has none any more. Mapping: number of the buffer;
	 * attachment: id of the ASID. */
	uint32_t id;
	union {
		struct {
			uint64_t cookie;   /* of struct accel_owner */
			uint64_t sequence; /* of the next event */
			uint32_t device;   /* its position in the registry */
			uint32_t next_id;
			uint32_t closed; /* 1: it is being destroyed */
			uint32_t reserved;
		} context;
		struct {
			uint64_t bytes;
			uint32_t flags;
			uint32_t access; /* O_RDONLY or O_RDWR */
			uint64_t reserved[2];
		} buffer;
		struct {
			uint32_t quota;
			uint32_t reserved[7];
		} set;
		struct {
			uint32_t hardware; /* its number there */
			uint32_t flags;
			uint32_t set;   /* number, or 0 */
			uint32_t epoch; /* of its mappings */
			uint64_t guest;
			uint32_t bound; /* 1: to guest */
			uint32_t reserved;
		} asid;
		struct {
			uint32_t asid; /* number */
			uint32_t reserved[7];
		} import;
		struct {
			uint64_t first, last;
			uint64_t offset;
			uint32_t access;
			uint32_t epoch;
		} mapping;
		struct {
			uint64_t head, completed;
			uint64_t tail; /* of a mediated one */
			uint32_t set;  /* number, or 0 */
			uint8_t flags;
			uint8_t state;  /* enum accel_queue_state */
			uint8_t order;  /* 2^order entries */
			uint8_t faults; /* how often it faulted */
		} queue;
		struct {
			uint64_t reserved[4];
		} attachment;
		struct {
			uint64_t value, failed;
			uint64_t promised;  /* by commands that may be lost */
			uint32_t signaller; /* number, or 0 */
			uint32_t orphaned;  /* 1: that was destroyed */
		} fence;
	};
};

static_assert(sizeof(struct accel_record) == 48, "");
static_assert(offsetof(struct accel_record, context) == 16, "");
static_assert(offsetof(struct accel_record, queue.flags) == 44, "");

/*
 * Called from any thread, with locks of the core held: they neither wait nor call back.
 */
struct accel_keeper {
	/*
	 * A new record, all zero but for its number, which no other has but mappings;
	 * NULL: there is no room.
	 */
	struct accel_record *(*make)(void *data, enum accel_record_kind kind);
	/*
	 * Keeps duplicates of the descriptors of a record that is not committed. 0 or
	 * -errno.
	 */
	int (*put_files)(void *data, struct accel_record *record, const int *fds,
			 unsigned n);
	void (*commit)(void *data, struct accel_record *record);
	/* Ends it and its files, committed or not. */
	void (*drop)(void *data, struct accel_record *record);
	void *data;
};

/* Before the first context. @keeper is copied, and works until the registry is gone. */
void accel_registry_keep(struct accel_registry *registry,
			 const struct accel_keeper *keeper);

/* ---- for the core: without a keeper all records are NULL, and all of this is a no-op --
 */

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
