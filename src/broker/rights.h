/* SPDX-License-Identifier: MIT */
/* rights.h - whether a socket takes descriptors from its peer */
#ifndef DMABUFFS_RIGHTS_H
#define DMABUFFS_RIGHTS_H

#include <stdbool.h>

/*
 * Lets the peer of the socket @fd send descriptors, or has its sendmsg(2) fail with
 * EPERM; of a listening one, the peers that connect from now on. What was sent before
 * stays. False: the kernel cannot (before Linux 6.16), so that all may.
 */
bool rights_permit(int fd, bool permitted);

#endif
