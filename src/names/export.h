/* SPDX-License-Identifier: MIT */
/*
 * export.h - one exported buffer: the object behind a UUID name
 *
 * Life: export_create() initialises all of it, table_add() gives it its name, the name is
 * removed once (unlink, close or withdrawal on its root description, revocation), and the
 * last reference frees it. The name holds a reference, the open files hold one, and so
 * does each thread that uses it. When it has neither a name nor an open file, its buffer
 * and charges are released at once; see table_hold_buffer_locked(), too. The kernel's
 * look-ups hold nothing: a client can keep an inode cached for as long as it likes, and
 * its number then leads to no export.
 *
 * What outlives the process is in its record in the ledger, from its creation to its end,
 * and its buffer in the bank: see ledger.h. A device's descriptor is not, as its driver
 * can do work on each close, nor is an ASID's; nor is a buffer that the bank has no room
 * for. Their names end when a successor takes over.
 */
#ifndef DMABUFFS_EXPORT_H
#define DMABUFFS_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <dmabuffs-ioctl.h>

#include "base/limits.h"
#include "buffers/buffer.h"
#include "names/caller.h"
#include "names/node.h"
#include "store/ledger.h"
#include "htab.h"
#include "list.h"

#define UUID_TEXT_LENGTH 36

struct table;

struct export
{
	/* Fixed after creation. */
	uint64_t id;   /* inode number; never reused */
	uint32_t slot; /* of its record in the ledger */
	uint8_t uuid[DMABUFFS_UUID_SIZE];
	uid_t exporter;          /* node.uid may change */
	uint64_t root_id;        /* the root description it was made on */
	uint32_t flags;          /* DMABUFFS_EXPORT_* */
	uint32_t mode;           /* as requested; node.mode may change */
	struct caller *caller;   /* owned reference: the exporter */
	char *label;             /* owned; NULL: none */
	struct buffer buffer;    /* its fd is valid while has_buffer */
	struct accel_asid *asid; /* owned reference, of kind ASID while has_buffer */
	struct closing *closing; /* owned, to release them with, while has_buffer */

	/* Protected by the table's lock. */
	struct node node;
	struct htab_node by_id, by_uuid, by_buffer;
	struct list of_root;    /* in root.exports; unlinked: closed, or removed */
	struct list notify_job; /* protected by the notifier's lock */
	unsigned refs;
	unsigned opens; /* open files, mappings through them included */
	/* The memfd's times when those of node were set; see export_times(). */
	struct timespec atime_then, mtime_then;
	uint64_t charged_bytes; /* to charged_uid */
	uid_t charged_uid;
	int backing_id; /* for passthrough while there are opens; 0: none */
	unsigned holds; /* threads that use its buffer without the lock */
	bool named, has_buffer, revoked;
	bool banked; /* its buffer is in the bank, too */
};

/* What to create; all of it is borrowed, except that buffer and asid move on success. */
struct export_request {
	uint64_t root_id;
	uid_t uid;
	gid_t gid;
	pid_t pid; /* of the calling thread; 0: it has no number here */
	uint32_t flags, mode;
	const char *label;
	struct caller *caller;
	struct buffer *buffer;
	struct accel_asid *asid; /* NULL: a buffer */
	struct closing
		*closing; /* for a descriptor that is left over, see buffer_keep() */
};

/*
 * Charges and creates an export without a name, with one reference, the caller's. On
 * success it owns buffer and ASID: request->buffer->fd is -1 then and request->asid NULL.
 * All but its id and root is stored, and not committed. 0, -EDQUOT, -ENOSPC, -ENOMEM,
 * -errno.
 */
int export_create(struct table *table, struct export_request *request,
		  struct export **ret_export);

/* Frees it with its record; NULL is allowed. For table.c, and if table_add() failed. */
void export_free(struct table *table, struct export *export);

/*
 * Hands buffer and charges over to the closer; the object stays. Idempotent. What was
 * freed can be had again at once; but of a user who has much that is not closed yet, it
 * stays charged until it is.
 */
void export_release_buffer(struct table *table, struct export *export);

/*
 * Updates the charge to the size, which importers of an unsealed memfd can change.
 * -EDQUOT, -ENOSPC: it grew beyond a limit, and the charge is as before.
 */
int export_recharge(struct table *table, struct export *export);

/* Moves the charge to a new owner, all or nothing. 0, -EDQUOT, -ENOMEM. */
int export_transfer(struct table *table, struct export *export, uid_t uid);

/*
 * The times of a memfd's name, given those of the memfd: its own, or those that were set
 * on the name (utimensat(2)) and the memfd was not accessed since. A change of the name
 * or of the memfd moves ctime. The table's lock is held.
 */
void export_times(const struct export *export, const struct stat *buffer,
		  struct stat *ret_stat);

/* Times were set on the node: FUSE_SET_ATTR_*. The table's lock is held. */
void export_set_times(struct table *table, struct export *export, int to_set);

/* ---- export_record.c ---- */

/* The record of an export that has one. */
struct ledger_export *export_record(const struct table *table,
				    const struct export *export);

/* Makes it, with all that is fixed, and binds the node. 0 or -ENOSPC. */
int export_store(struct table *table, struct export *export);

/* Puts the buffer into the bank, while its descriptor is in our own table. */
void export_bank(struct table *table, struct export *export);

/*
 * For a successor: the export of a committed record, charged, without a buffer, a
 * reference, or a place in an index. 0, -ENOMEM; -EBADMSG: @caller is missing.
 */
int export_restore(struct table *table, uint32_t slot, struct caller *caller,
		   struct export **ret_export);

/*
 * Its buffer, out of the bank; @fd is taken over on success. -EBADFD: it is not the
 * buffer of the record; -errno.
 */
int export_restore_buffer(struct table *table, struct export *export, int fd);

/* DMABUFFS_INFO_*, except those that depend on the mount. */
uint32_t export_info_flags_locked(struct table *table, const struct export *export);

/* Its label; "": none. */
const char *export_label(const struct export *export);

/* The name in the directory. */
void export_name(const struct export *export, char ret_name[UUID_TEXT_LENGTH + 1]);

#endif
