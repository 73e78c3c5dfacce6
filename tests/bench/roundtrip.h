/* SPDX-License-Identifier: MIT */
/* roundtrip.h - the baseline of all that needs a FUSE request */
#ifndef DMABUFFS_BENCH_ROUNDTRIP_H
#define DMABUFFS_BENCH_ROUNDTRIP_H

#include "contest.h"
#include "server.h"

/* Operations in a block: enough to get into step, few enough to share the weather. */
#define BLOCK 32

/* A contestant: fstat(2) of the open root of a null server, never cached. */
struct contestant roundtrip_contestant(struct server *null_server);

#endif
