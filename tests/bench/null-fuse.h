/* SPDX-License-Identifier: MIT */
/* null-fuse.h - a FUSE server whose requests do nothing */
#ifndef DMABUFFS_BENCH_NULL_FUSE_H
#define DMABUFFS_BENCH_NULL_FUSE_H

/*
 * Mounts an empty directory at @mountpoint, writes a byte to @ready_fd and serves until
 * it is unmounted or gets SIGTERM. Attributes are not cached, so each fstat(2) of the
 * open root costs exactly one round trip through the kernel and libfuse.
 */
int null_fuse_serve(const char *mountpoint, int ready_fd);

#endif
