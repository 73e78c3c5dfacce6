/* SPDX-License-Identifier: MIT */
/*
 * accel-records.h - the objects of a registry in memory that outlives the process
 *
 * For an embedder that keeps what clients have made over its own end; it is not
 * installed. A keeper provides records of a fixed size, and keeps the descriptors of an
 * object. Each object has a record that follows it: fields of a committed record change
 * one word at a time. After a kill the keeper's next process hands the committed records
 * to a new registry.
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

#include <accel.h>

#define ACCEL_RECORD_FILES 2 /* descriptors of a record at most */

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
	__extension__ union {
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

/* ---- a registry made again from the records that a predecessor left ---------------- */

/*
 * After the devices were created as they were, and before anything else is called: begin,
 * each committed record in the order of its kind, end. Every field is checked; nothing is
 * expected of a record but that no other process changes it. Charges are taken again.
 * Unread events are lost, which the next event says.
 *
 * Queues begin to execute at the end. One with commands of unknown outcome is FAULTED
 * instead, with ACCEL_FAULT_OWNER, until it is reset; fences that they were to raise
 * fail. What was submitted through a ring, and not fetched, is executed.
 *
 * By one thread.
 */
struct accel_restore;

/* 0 or -ENOMEM. */
int accel_restore_begin(struct accel_registry *registry,
			struct accel_restore **ret_restore);

/*
 * A context, or if it was being destroyed what it still pays for: then *ret_context is
 * NULL. @owner and the record are taken over on success. -EINVAL: the record is damaged;
 * or as accel_context_create().
 */
int accel_restore_context(struct accel_restore *restore, struct accel_record *record,
			  const struct accel_owner *owner,
			  struct accel_context **ret_context);

/*
 * Any other record, with its @n files. Both are taken over on success. -ESTALE: what it
 * belongs to has ended, so nothing is lost; -EINVAL, -ENOENT, -EEXIST: the record is
 * damaged; -EBADFD: it has other files; -EDQUOT, -ENOSPC, -ENOMEM, -errno.
 */
int accel_restore_object(struct accel_restore *restore, struct accel_record *record,
			 const int *fds, unsigned n);

/* The ASID of that number, with a reference; NULL: there is none. */
struct accel_asid *accel_restore_asid(struct accel_restore *restore, uint32_t number);

void accel_restore_end(struct accel_restore *restore); /* NULL is allowed */

/* The number of its record, for accel_restore_asid(); 0: it has none. */
uint32_t accel_asid_record(const struct accel_asid *asid);

uint32_t accel_context_record(const struct accel_context *context);

/* What a successor is to know of a context that may have been closed, not 0. */
void accel_context_set_cookie(struct accel_context *context, uint64_t cookie);

#endif
