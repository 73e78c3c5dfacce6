/* SPDX-License-Identifier: MIT */
/*
 * fs_user.h - the user behind a request, under its two aspects
 *
 * The payer is who is charged for what processes hold: open descriptions, contexts,
 * threads, what is to be closed. The owner is whose names are made, listed and revoked.
 * No other code takes a uid from a request.
 */
#ifndef DMABUFFS_FS_USER_H
#define DMABUFFS_FS_USER_H

#include <fuse_lowlevel.h>

#include "base/limits.h"
#include "names/ids.h"

struct command_call;

/*
 * The fsuid and fsgid of the caller, as this service sees them, whatever the mount maps
 * them to. 0; -EOVERFLOW: with the option idmap, if it has no number in our PID
 * namespace.
 */
int user_process(fuse_req_t req, struct ids *ret_ids);

/* 0 or -EOVERFLOW. */
int user_payer(fuse_req_t req, struct payer *ret_payer);

/* For messages: the payer's uid, -1: unknown. */
uid_t user_uid(fuse_req_t req);

/*
 * The caller's ids in the file system. 0; -EOVERFLOW: with the option idmap, if no token
 * of this caller was presented to the description or context.
 */
int user_owner(struct command_call *call, struct ids *ret_owner);

#endif
