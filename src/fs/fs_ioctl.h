/* SPDX-License-Identifier: MIT */
/* fs_ioctl.h - one ioctl request, from its arrival to its reply */
#ifndef DMABUFFS_FS_IOCTL_H
#define DMABUFFS_FS_IOCTL_H

#include <dmabuffs-accel-ioctl.h>

#include "broker/take.h"
#include "broker/taken.h"
#include "devices/device_file.h"
#include "fs/fs.h"
#include "names/ids.h"

struct command_call {
	fuse_req_t req;
	struct service *service;
	const struct fuse_ctx *ctx; /* valid until the reply */
	uint64_t ino;
	uint64_t root_id;         /* of a command on the root directory or .control */
	struct device_file *file; /* of a command on a context; else NULL */
	uint64_t handle;          /* of a command on an identity */
	uint64_t unique;          /* for request_set(), of another thread */
	void (*work)(void *call); /* of command_offload() */
	int pidfd;                /* owned: of the calling thread, see command_pidfd() */
	struct taken rest;        /* owned: closed when the call ends */
	size_t reply_size;        /* bytes of arg that are returned on success */
	struct {                  /* of device_room_call() */
		int (*take)(struct command_call *call);
		void (*end)(struct command_call *call, int result);
	} room;
	/* What one handler owns until the reply. */
	union {
		struct {
			struct ids owner;     /* of the new name */
			struct buffer buffer; /* while its fd is not -1 */
		} making;                     /* fs_export() */
		struct export
			*export; /* fs_revoke(): counted open, so its buffer stays */
		struct {
			struct taken mem, maps;
		} sva; /* device_bind_sva() */
		struct {
			struct taken taken;
			int fd;          /* of the buffer, or a negative errno */
		} buffer;                /* device_import_buffer() */
		struct accel_asid *asid; /* device_import_asid(): a reference */
	} kept;
	/* Allocated up to the size of the command's own struct; use no other member. */
	union {
		struct dmabuffs_export export;
		struct dmabuffs_revoke revoke;
		struct dmabuffs_info info;
		struct dmabuffs_withdraw withdraw;
		struct dmabuffs_list list;
		struct dmabuffs_entries entries;
		struct dmabuffs_ended ended;
		struct dmabuffs_limits limits;
		struct dmabuffs_upgrade upgrade;
		struct dmabuffs_token token;
		struct accel_device_info device_info;
		struct accel_object object;
		struct accel_buffer_alloc buffer_alloc;
		struct accel_buffer_info buffer_info;
		struct accel_asid_create asid_create;
		struct accel_asid_info asid_info;
		struct accel_asid_map asid_map;
		struct accel_asid_unmap asid_unmap;
		struct accel_asid_copy asid_copy;
		struct accel_set_create set_create;
		struct accel_set_info set_info;
		struct accel_set_entry set_entry;
		struct accel_queue_create queue_create;
		struct accel_queue_attach queue_attach;
		struct accel_queue_submit queue_submit;
		struct accel_queue_info queue_info;
		struct accel_fence fence;
		struct dmabuffs_accel_import import;
		struct dmabuffs_accel_open open;
		struct dmabuffs_accel_sva sva;
		struct dmabuffs_accel_export asid_export;
	} arg;
};

/* A handler returns 0 or -errno, or this if command_reply() is called by another thread.
 */
enum { COMMAND_PENDING = 1 };

/* Replies, and frees the call. */
void command_reply(struct command_call *call, int result);

/* A pidfd of the calling thread, owned by the call; negative: it cannot be named. */
int command_pidfd(struct command_call *call);

/*
 * Takes the descriptor behind @ticket, or @fd of the caller if @ticket is NULL; then of a
 * kind in @kinds (enum take_kind).
 */
int command_take(struct command_call *call, int fd, const uint8_t *ticket, unsigned kinds,
		 struct taken *ret_taken);

/*
 * Runs @work(@call) in a thread charged to @payer, see offload.h. COMMAND_PENDING, and
 * then
 * @work replies; or -errno.
 */
int command_offload(struct command_call *call, const struct payer *payer,
		    void (*work)(void *call));

/*
 * device_room.c: calls @take(@call), which takes something of a context's limits and can
 * be called again if it fails; again in a thread, if it finds no room while contexts of
 * the same person are being closed. @end(@call, result) cleans up before the reply; NULL
 * is allowed. The result, or COMMAND_PENDING.
 */
int device_room_call(struct command_call *call, int (*take)(struct command_call *call),
		     void (*end)(struct command_call *call, int result));

/* The same for a caller that is in a thread of its own, and whose @take has failed. */
int device_room_retry(struct flushed *flushed, uid_t person, int (*take)(void *arg),
		      void *arg);

/*
 * device_again.c: of a call on a context that the kernel sends again, which may have been
 * executed. Begin: its result, or DEVICE_AGAIN: execute it. End: the result that the
 * client gets, of what it was when it was executed again.
 */
enum { DEVICE_AGAIN = 2 };
int device_again_begin(struct command_call *call, unsigned number);
int device_again_end(unsigned number, int result);

/* Whether a call failed with @result since others hold what it needs. */
bool device_room_is_short(int result);

/*
 * Takes the descriptor that a struct dmabuffs_accel_import names; the caller refuses or
 * keeps it. In device_take.c.
 */
int device_take_import(struct command_call *call, unsigned kinds,
		       struct taken *ret_taken);

/* fs_info.c: what DMABUFFS_IOC_INFO says of an export. */
void fs_info_fill_locked(struct service *service, const struct export *export,
			 struct dmabuffs_info *info);

/* The handlers, in fs_export.c, fs_ended.c, fs_entries.c, fs_idmap.c, fs_info.c,
 * fs_limits.c, fs_list.c, fs_revoke.c and device_*.c. */
int fs_export(struct command_call *call);
int fs_info(struct command_call *call);
int fs_revoke(struct command_call *call);
int fs_withdraw(struct command_call *call);
int fs_list(struct command_call *call);
int fs_entries(struct command_call *call);
int fs_ended(struct command_call *call);
int fs_limits(struct command_call *call);
int fs_upgrade(struct command_call *call);
int fs_token(struct command_call *call);
int fs_identify(struct command_call *call);
int device_query(struct command_call *call);
int device_submit(struct command_call *call);
int device_open_for_fetch(struct command_call *call);
int device_revoke_buffer(struct command_call *call);
int device_import_buffer(struct command_call *call);
int device_bind_sva(struct command_call *call);
int device_export_asid(struct command_call *call);
int device_import_asid(struct command_call *call);

#endif
