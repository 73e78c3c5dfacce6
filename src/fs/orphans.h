/* SPDX-License-Identifier: MIT */
/*
 * orphans.h - open files that no process has
 *
 * An open(2) is stored before it is replied to. If the service is killed while it
 * replies, the kernel may send the request again, but not if the client was killed
 * meanwhile: then no process closes the file. So such files are doubtful after a
 * takeover. For a memfd with passthrough the kernel shows whether any process has it open
 * (buffer_held()), once a client that was replied to had the time to go on; if none, all
 * doubtful files of it are closed. A request that still comes is executed anew.
 *
 * For other buffers the kernel does not show it; they stay open until the mount ends.
 */
#ifndef DMABUFFS_ORPHANS_H
#define DMABUFFS_ORPHANS_H

#include "fs/service.h"

/* A takeover has found doubtful ones. */
void orphans_begin(struct service *service);

/* When a file or a description was closed: looks at all, once some time has passed. */
void orphans_check(struct service *service);

#endif
