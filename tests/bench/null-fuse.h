/* SPDX-License-Identifier: MIT */
/* null-fuse.h - a FUSE server whose requests do nothing */
#ifndef DMABUFFS_BENCH_NULL_FUSE_H
#define DMABUFFS_BENCH_NULL_FUSE_H

#include "../support/server.h"

/*
 * Mounts an empty directory at @mountpoint, writes a byte to @ready_fd and serves until
 * it is unmounted or gets SIGTERM. Attributes are not cached, so each fstat(2) of the
 * open root costs exactly one round trip through the kernel and libfuse.
 */
int null_fuse_serve(const char *mountpoint, int ready_fd);

/* Starts one as a server on the new directory @dir/@name. */
int null_fuse_start(struct server *server, const char *dir,
		    const char *name) _must_check_;

#endif
