/* SPDX-License-Identifier: MIT */
/* fs_ioctl.h - one ioctl request, while it is worked on */
#ifndef DMABUFFS_FS_IOCTL_H
#define DMABUFFS_FS_IOCTL_H

#include "fs.h"

struct command_call {
	fuse_req_t req;
	struct service *service;
	const struct fuse_ctx *ctx; /* valid until the reply */
	uint64_t ino;
	uint64_t root_id;  /* of a command on the root directory */
	size_t reply_size; /* bytes of arg that go back on success */
	union {
		struct dmabuffs_export export;
		struct dmabuffs_revoke revoke;
		struct dmabuffs_info info;
	} arg;
};

/* A handler returns 0 or -errno, or this: somebody else replies, with command_reply(). */
enum { COMMAND_PENDING = 1 };

/* Answers and frees the call. */
void command_reply(struct command_call *call, int result);

/* fs_export.c, fs_revoke.c */
int fs_export(struct command_call *call);
int fs_revoke(struct command_call *call);

#endif
