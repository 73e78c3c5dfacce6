/* SPDX-License-Identifier: MIT */
/* null-fuse.h - a FUSE server that does nothing but answer */
#ifndef DMABUFFS_BENCH_NULL_FUSE_H
#define DMABUFFS_BENCH_NULL_FUSE_H

/*
 * Mounts an empty directory at @mountpoint, writes a byte to @ready_fd and serves until
 * it is unmounted or gets SIGTERM. Its attributes are never cached, so each fstat(2) of
 * the open root is one round trip through the kernel and libfuse, and nothing else.
 */
int null_fuse_serve(const char *mountpoint, int ready_fd);

#endif
