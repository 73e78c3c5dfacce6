/* SPDX-License-Identifier: MIT */
/* roundtrip.h - the baseline of operations that send a FUSE request */
#ifndef DMABUFFS_BENCH_ROUNDTRIP_H
#define DMABUFFS_BENCH_ROUNDTRIP_H

#include "contest.h"
#include "../support/server.h"

/* operations per block: amortizes the start, and keeps both under equal conditions */
#define BLOCK 32

/* A contestant: uncached fstat(2) of the open root of a null server. */
struct contestant roundtrip_contestant(struct server *null_server);

#endif
