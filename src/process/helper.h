/* SPDX-License-Identifier: MIT */
/*
 * helper.h - the processes that have the rights over those of clients
 *
 * The service starts one before it gives its own rights up. That one has no thread, reads
 * nothing but the numbers of sockets, and starts a process for each socket that the
 * service sends it (base/helper.h, helper_serve.h). So a process that a client keeps busy
 * delays no other, and one that is killed is replaced. If the first is killed, the
 * holder kills the service, and its successor has another one. With the option
 * nosupervisor it goes on, and libdmabuffs sends descriptors to the broker. All of them
 * end when the service does, but for those that a client blocks in the kernel: no signal
 * ends these, and they end when that client lets go of the inode's lock, or its file
 * server ends. They have nothing but what it gave them.
 *
 * Their root has nothing but /proc, and their namespaces nothing else; they have the
 * capabilities in privileges.c and the system calls in filter_helper.c.
 */
#ifndef DMABUFFS_HELPER_PROCESS_H
#define DMABUFFS_HELPER_PROCESS_H

#include <stdbool.h>

#include "base/helper.h"

/* One that prepares itself. */
struct helper_starting {
	int control; /* owned */
	helper_busy *busy;
};

/*
 * Starts it, after take_setup() and before confine(): it prepares itself while the
 * service does the same. 0 or -errno, logged.
 */
int helper_start(struct helper_starting *ret_starting);

/*
 * Waits for it, and has base/helper.h use it, while there is no thread. @takes: see
 * helper_use(). 0 or -errno, logged.
 */
int helper_await(const struct helper_starting *starting, bool takes);

#endif
