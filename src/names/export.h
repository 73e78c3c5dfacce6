/* SPDX-License-Identifier: MIT */
/*
 * export.h - one exported buffer: the object behind a UUID name
 *
 * Life: created whole by export_create(), put under its name by table_add(), unnamed
 * once (unlink, the end of its root description or withdrawal from that, revocation),
 * freed with the last reference. References are held by the name, by the kernel
 * (look-ups), by each open file and by whoever uses it at the moment. When it has neither
 * a name nor an open file, its buffer and charges are given back at once, whatever the
 * kernel still caches of it.
 *
 * Plain values only, no pointer into FUSE or a thread: state that a restart would keep.
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
#include "htab.h"
#include "list.h"

#define UUID_TEXT_LENGTH 36

struct export
{
	/* Fixed from creation on. */
	uint64_t id; /* inode number; never used twice */
	uint8_t uuid[DMABUFFS_UUID_SIZE];
	uint64_t root_id;        /* the root description it was made on */
	uint32_t flags;          /* DMABUFFS_EXPORT_* */
	uint32_t mode;           /* as asked for; node.mode may change */
	uid_t exporter;          /* node.uid may change */
	struct caller *caller;   /* owned reference: the exporter */
	char *label;             /* owned; NULL: none */
	struct buffer buffer;    /* its fd is valid while has_buffer */
	struct accel_asid *asid; /* owned reference, of kind ASID while has_buffer */

	/* Protected by the table's lock. */
	struct node node;
	struct htab_node by_id, by_uuid, by_buffer;
	struct list of_root;    /* of the names of one root description */
	struct list notify_job; /* protected by the notifier's lock */
	unsigned refs;
	unsigned opens;         /* open files, mappings through them included */
	uint64_t nlookup;       /* references of the kernel */
	uint64_t charged_bytes; /* to charged_uid */
	uid_t charged_uid;
	int backing_id; /* for passthrough while there are opens; 0: none */
	bool named, has_buffer, revoked;
};

/* What to create; all of it is borrowed, except that buffer and asid move on success. */
struct export_request {
	uint64_t root_id;
	uid_t uid;
	gid_t gid;
	uint32_t flags, mode;
	const char *label;
	struct caller *caller;
	struct buffer *buffer;
	struct accel_asid *asid; /* NULL: a buffer */
};

/*
 * Charges and creates an export without a name, with one reference, the caller's. On
 * success it owns buffer and ASID: request->buffer->fd is -1 then and request->asid NULL.
 * 0, -EDQUOT, -ENOSPC, -ENOMEM, -errno.
 */
int export_create(struct limits *limits, struct export_request *request,
		  struct export **ret_export);

/* Frees it; NULL is allowed. For table.c, and for one that never was in the table. */
void export_free(struct limits *limits, struct export *export);

/* Gives buffer and charges back before the object itself goes. Idempotent. */
void export_release_buffer(struct limits *limits, struct export *export);

/*
 * Brings the charge in step with the size, which a holder of an unsealed memfd can
 * change. -EDQUOT or -ENOSPC when it grew beyond a limit: it stays charged as before.
 */
int export_recharge(struct limits *limits, struct export *export);

/* Moves the charge to a new owner. 0, -EDQUOT. */
int export_transfer(struct limits *limits, struct export *export, uid_t uid);

/* DMABUFFS_INFO_*, except what depends on the mount. The table's lock is held. */
uint32_t export_info_flags(const struct export *export);

/* The name as it stands in the directory. */
void export_name(const struct export *export, char ret_name[UUID_TEXT_LENGTH + 1]);

#endif
