/* SPDX-License-Identifier: MIT */
/*
 * landlock.h - files and processes that not even a descriptor leads the service to
 *
 * A client can send the descriptor of a directory, and its root is no bound to what
 * openat(2) finds from there. With Landlock only /proc is open to the service, and, to
 * bind its socket, the root of the mount; memfds, which are on no mount that can be seen,
 * stay as they are. Nor has it access to any other process, whatever its capabilities.
 */
#ifndef DMABUFFS_LANDLOCK_H
#define DMABUFFS_LANDLOCK_H

/*
 * For the calling thread and those it starts later; @mount_root is a descriptor of the
 * root directory of the mount, to bind in; -1: none. A kernel without Landlock (5.13) is
 * logged; a build with sanitizers has none. 0 or -errno, logged.
 */
int landlock_begin(int mount_root);

#endif
