/* SPDX-License-Identifier: MIT */
/* standard_fds.h - what a program does about standard descriptors that are closed */
#ifndef DMABUFFS_STANDARD_FDS_H
#define DMABUFFS_STANDARD_FDS_H

/*
 * If a standard descriptor is closed, the next open(2) gets its number, and what is meant
 * for the log or the output goes into a pipe or a buffer. Opens one there that fails when
 * it is used. For the begin of main(). 0 or -errno.
 */
int standard_fds_fill(void);

#endif
