/* SPDX-License-Identifier: MIT */
/*
 * orphans.h - open files that nobody has
 *
 * An open(2) is stored before it is replied to. If the service is killed between, the
 * kernel sends the request again, but not if the client was killed meanwhile: then nobody
 * closes the file. So files whose reply is not stored are doubtful after a takeover. Of a
 * memfd with passthrough the kernel says whether anybody has it open (buffer_held()); if
 * not, all that are doubtful are nobody's. A request that comes yet is executed anew.
 *
 * Of other buffers the kernel does not say it; they stay open until the mount ends.
 */
#ifndef DMABUFFS_ORPHANS_H
#define DMABUFFS_ORPHANS_H

#include "fs/service.h"

/* Of an export that the caller has a reference to, when one of its files was closed. */
void orphans_check(struct service *service, struct export *export);

/* Of all, after a takeover, while requests are served. */
void orphans_check_all(struct service *service);

#endif
