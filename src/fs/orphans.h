/* SPDX-License-Identifier: MIT */
/*
 * orphans.h - open files that nobody has
 *
 * An open(2) is stored before it is replied to. If the service is killed while it
 * replies, the kernel may send the request again, but not if the client was killed
 * meanwhile: then nobody closes the file. So such files are doubtful after a takeover. Of
 * a memfd with passthrough the kernel says whether anybody has it open (buffer_held()),
 * once a client that was replied to had the time to go on; if nobody, all that are
 * doubtful are nobody's. A request that comes yet is executed anew.
 *
 * Of other buffers the kernel does not say it; they stay open until the mount ends.
 */
#ifndef DMABUFFS_ORPHANS_H
#define DMABUFFS_ORPHANS_H

#include "fs/service.h"

/* A takeover has found doubtful ones. */
void orphans_begin(struct service *service);

/* When a file or a description was closed: looks at all, once some time has passed. */
void orphans_check(struct service *service);

#endif
