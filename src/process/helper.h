/* SPDX-License-Identifier: MIT */
/*
 * helper.h - the processes that have the rights over those of clients
 *
 * The service starts one before it gives its own rights up. That one has no thread, reads
 * nothing but the numbers of sockets, and starts a process for each socket that the
 * service sends it (base/helper.h, helper_serve.h). So a process that a client keeps busy
 * delays no other, and one that is killed is replaced. If the first is killed, those
 * that it has started go on; without them the service goes on, and libdmabuffs sends
 * descriptors to the broker. All of them end when the service does, but for those that a
 * client blocks in the kernel: no signal ends these, and they end when that client lets
 * go of the inode's lock, or its file server ends. They have nothing but what it gave
 * them.
 *
 * Their root has nothing but /proc, and their namespaces nothing else; they have the
 * capabilities in privileges.c and the system calls in filter_helper.c.
 */
#ifndef DMABUFFS_HELPER_PROCESS_H
#define DMABUFFS_HELPER_PROCESS_H

#include <stdbool.h>

/*
 * Starts it, and has base/helper.h use it, after take_setup() and before confine(), while
 * there is no thread. @takes: see helper_use(). 0 or -errno, logged.
 */
int helper_start(bool takes);

#endif
