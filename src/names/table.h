/* SPDX-License-Identifier: MIT */
/*
 * table.h - all exports and open root descriptions of a mount
 *
 * The indexes are keyed with a secret of this mount (SipHash) and names are compared in
 * constant time, so that the time of a look-up does not depend on which names exist. A
 * client could otherwise guess a name bit by bit: Daniel Vetter in the thread
 * "[PATCH 1/1] drm/amdkfd: Add IPC API", dri-devel, 14 July 2020.
 *
 * A successor finds the same table, as each change is stored in the ledger before it is
 * seen: see rebuild.h, and ledger.h for the order.
 *
 * Thread safe. Lock order: table.lock, then limits.lock or the notifier's. No FUSE call
 * that makes the kernel send a request is made under the lock.
 */
#ifndef DMABUFFS_TABLE_H
#define DMABUFFS_TABLE_H

#include <pthread.h>
#include <stdint.h>

#include "base/keyed_hash.h"
#include "base/limits.h"
#include "buffers/leaving.h"
#include "names/export.h"
#include "names/ids.h"
#include "names/node.h"
#include "names/past.h"
#include "store/state.h"
#include "htab.h"

/* Inode numbers below the first export's are the file system's own: see devices.h, too.
 */
enum {
	INO_ROOT = 1,
	INO_BROKER = 2,
	INO_CONTROL = 3,
	INO_IDMAP = 30,    /* the directory .idmap */
	INO_IDENTITY = 31, /* of all handles of identities.h */
	INO_FIRST_EXPORT = LEDGER_FIRST_ID,
};

struct table_index_entry {
	uint64_t id;           /* ascending */
	struct export *export; /* NULL: the name was removed */
};

/* The names in the order of their ids: the cursor of readdir. */
struct table_index {
	struct table_index_entry *entries;
	size_t n, n_removed, room;
};

struct table {
	pthread_mutex_t lock;
	struct hash_key key;      /* fixed after table_init() */
	struct limits *limits;    /* borrowed */
	struct ledger *ledger;    /* borrowed */
	struct bank *bank;        /* borrowed */
	struct leaving leaving;   /* thread safe */
	struct past past;         /* has a lock of its own */
	_Atomic uint32_t n_opens; /* records of open files */

	/* All below: protected by lock. */
	struct htab by_id;     /* every export with a reference */
	struct htab by_uuid;   /* the named ones */
	struct htab by_buffer; /* the named ones, by root description and buffer, but
				  for those made with DMABUFFS_EXPORT_ANOTHER */
	struct htab roots;
	struct table_index index; /* all named ones */
	struct htab owned;        /* the named ones of each user: owned.h */
	struct node root_node;
};

/* @state is borrowed; one that was inherited stays as it is. 0 or -errno. */
int table_init(struct table *table, struct limits *limits, const struct state *state,
	       const struct node *root_node);

/*
 * Releases the buffers of @n names more, before table_finish(), to be called until it
 * returns 0: how many are left, at most. No other thread may use the table.
 */
size_t table_release_names(struct table *table, size_t n);

/* Releases every buffer. No other thread may use the table. */
void table_finish(struct table *table);

void table_lock(struct table *table);
void table_unlock(struct table *table);

/*
 * ---- root descriptions, in root.c: open files that names are made on, of the root
 * directory, of .control (opened for writing) and of contexts ----
 */

/* Of a request that comes again, the one that it made. 0, -EDQUOT, -ENOSPC, -ENOMEM. */
int table_open_root(struct table *table, const struct payer *payer, uint64_t *ret_id);
int table_open_control(struct table *table, const struct payer *payer, uint64_t *ret_id);

/* The client has the one that its request made, unless it is closed by now. */
void table_root_replied(struct table *table, uint64_t id);

/* The same for a context: the request does not ask for it. */
int table_open_context_root(struct table *table, const struct payer *payer,
			    uint64_t *ret_id);

/*
 * Closes a root description and removes the names made on it, except persistent ones.
 * @removed is called for each of these, without the lock and with a reference held.
 */
void table_close_root(struct table *table, uint64_t id,
		      void (*removed)(struct export *export, void *data), void *data);

/* The cached identity of the last exporter on this description; referenced, or NULL. */
struct caller *table_root_caller(struct table *table, uint64_t root_id);
void table_set_root_caller(struct table *table, uint64_t root_id, struct caller *caller);

/* What was presented to this description; -ENOENT: nothing. See identities.h. */
int table_root_identity(struct table *table, uint64_t root_id,
			struct identity *ret_identity);
/* 0, -EBADF: it was closed, -ENOMEM. */
int table_set_root_identity(struct table *table, uint64_t root_id,
			    const struct identity *identity);

/* Was it presented by this request, which comes again? */
bool table_was_identified(struct table *table, uint64_t root_id);

/* ---- exports; those returned carry a reference for table_put() ---- */

/*
 * Gives the export its name. -EEXIST: this buffer has a name on this root description,
 * and *ret_other is that export; never for an export with DMABUFFS_EXPORT_ANOTHER.
 * -EBADF: the root description was closed. -ENOMEM.
 */
int table_add(struct table *table, struct export *export, struct export **ret_other);

/*
 * Find by inode number, name, or buffer on a root description; NULL: none. An export with
 * DMABUFFS_EXPORT_ANOTHER is not found by its buffer.
 */
struct export *table_get(struct table *table, uint64_t id);
struct export *table_get_named(struct table *table,
			       const uint8_t uuid[DMABUFFS_UUID_SIZE]);
struct export *table_get_exported(struct table *table, uint64_t root_id,
				  const struct buffer *buffer);

/*
 * For chown(2): changes export->node.uid, in two steps under one hold of the lock. The
 * first takes the memory: 0 or -ENOMEM, and no second step. The second cannot fail; it
 * changes the owner if @done, otherwise all is as before the first.
 */
int table_prepare_give_locked(struct table *table, struct export *export, uid_t uid);
void table_finish_give_locked(struct table *table, struct export *export, uid_t uid,
			      bool done);

/* Removes the name; false if it was removed before. */
bool table_unname(struct table *table, struct export *export,
		  enum dmabuffs_ended_cause cause);

/* Did this request, which comes again, remove this name? */
bool table_was_unnamed(struct table *table, const uint8_t uuid[DMABUFFS_UUID_SIZE]);

/*
 * Removes the name if it was made on this root description and is not persistent.
 * -ENOENT: no such name. -EPERM: of another description, or persistent.
 */
int table_withdraw(struct table *table, uint64_t root_id,
		   const uint8_t uuid[DMABUFFS_UUID_SIZE], struct export **ret_export);

/* One more reference to @export, of which the caller has one; one fewer. */
void table_ref(struct table *table, struct export *export);
void table_put(struct table *table, struct export *export); /* NULL is allowed */

/*
 * Counts an open file; false: the name was removed. table_close() counts one fewer, and
 * returns 0. But if it is the last one and there is a backing id, that has to go first,
 * while the buffer is open: returns the id and counts nothing; call it again.
 */
bool table_open(struct table *table, struct export *export);
bool table_open_locked(struct table *table, struct export *export);
int table_close(struct table *table, struct export *export);

/*
 * For a system call that may wait, which is made without the lock: the buffer stays until
 * table_drop_buffer(). False: it has none, or neither a name nor an open file. Unlike an
 * open file it is not counted as an importer.
 */
bool table_hold_buffer_locked(struct table *table, struct export *export);
void table_drop_buffer(struct table *table, struct export *export);

/*
 * Are half of the files open that can be? Those opened from then on are charged for
 * (RES_OPENS), so that no user gets all. Not all are, as it takes time to find out who
 * pays.
 */
bool table_is_crowded(const struct table *table);

/*
 * Stores that a counted file is open with these flags of open(2), and what the kernel is
 * to say of it: *ret_handle. @payer is NULL unless table_is_crowded(). 0; -ENFILE: over a
 * limit, or who pays is unknown; -ENOMEM.
 */
int table_store_open(struct table *table, const struct export *export,
		     const struct payer *payer, int flags, uint64_t *ret_handle);

/* The handle that this request, which comes again, got. False: it got none. */
bool table_was_opened(struct table *table, struct export *export, uint64_t *ret_handle);

/* The client has the file that its request opened, unless it is closed by now. */
void table_open_replied(struct table *table, uint64_t handle);

/* For a successor: charges for those that are stored. 0, -ENOMEM. */
int table_charge_opens(struct table *table);

/*
 * It is closed: the export, with a reference, for table_close(); NULL: it was closed
 * before.
 */
struct export *table_forget_open(struct table *table, uint64_t handle);

/*
 * Sets the kernel's backing id of an export, which its record has had closed before, for
 * a successor, too; and forgets one that was closed, once table_close() returned it.
 */
void table_store_backing_locked(struct table *table, struct export *export, int id);
void table_forget_backing(struct table *table, const struct export *export, int closed);

/*
 * The next name after the cursor *@id that @uid may list (uid 0: any), and its id in
 * *@id; NULL: there is none. One call examines a limited number of names: if it returns
 * NULL with *ret_more set, call it again.
 */
struct export *table_next(struct table *table, uid_t uid, uint64_t *id, bool *ret_more);

/* The same without a reference. */
struct export *table_next_locked(struct table *table, uid_t uid, uint64_t *id,
				 bool *ret_more);

#endif
