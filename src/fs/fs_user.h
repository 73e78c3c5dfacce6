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

/* 0 or -errno. */
int user_payer(fuse_req_t req, struct payer *ret_payer);

/* For messages: the payer's uid, -1: unknown. */
uid_t user_uid(fuse_req_t req);

/* The owner, for the file system. 0 or -errno. */
int user_owner(struct command_call *call, struct ids *ret_owner);

#endif
