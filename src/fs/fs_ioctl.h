/* SPDX-License-Identifier: MIT */
/* fs_ioctl.h - one ioctl request, while it is worked on */
#ifndef DMABUFFS_FS_IOCTL_H
#define DMABUFFS_FS_IOCTL_H

#include <dmabuffs-accel-ioctl.h>

#include "devices/device_file.h"
#include "fs/fs.h"

struct command_call {
	fuse_req_t req;
	struct service *service;
	const struct fuse_ctx *ctx; /* valid until the reply */
	uint64_t ino;
	uint64_t root_id;         /* of a command on the root directory */
	struct device_file *file; /* of a command on a context */
	size_t reply_size;        /* bytes of arg that go back on success */
	/* As large as the command's struct: the others must not be looked at. */
	union {
		struct dmabuffs_export export;
		struct dmabuffs_revoke revoke;
		struct dmabuffs_info info;
		struct dmabuffs_withdraw withdraw;
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

/* A handler returns 0 or -errno, or this: somebody else replies, with command_reply(). */
enum { COMMAND_PENDING = 1 };

/* On which kind of file a command works. */
enum place { ON_ROOT, ON_NAME, ON_DEVICES, ON_CONTEXT };

/*
 * Sizes of the first version of each struct never change; the known ones grow.
 */
struct command {
	unsigned number; /* _IOC_NR() */
	enum place place;
	size_t min_size, known_size;
	int (*handler)(struct command_call *call);
};

/* device_ioctl.c: those of devices and contexts. */
const struct command *device_command(unsigned number, enum place place);

/* Answers and frees the call. */
void command_reply(struct command_call *call, int result);

/* fs_export.c, fs_revoke.c */
int fs_export(struct command_call *call);
int fs_revoke(struct command_call *call);

/* device_take.c, device_share.c: the commands that take or name something. */
int device_import_buffer(struct command_call *call);
int device_bind_sva(struct command_call *call);
int device_export_asid(struct command_call *call);
int device_import_asid(struct command_call *call);

#endif
