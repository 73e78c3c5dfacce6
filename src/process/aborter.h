/* SPDX-License-Identifier: MIT */
/*
 * aborter.h - ends the connection of a FUSE mount from outside of its service
 *
 * The kernel ends a connection when the last descriptor of it is closed. A killed service
 * may not get there: its threads share a descriptor table, and one of them can wait, even
 * then, for a FUSE server of a client. Without an end, all requests of all clients wait
 * as long.
 */
#ifndef DMABUFFS_ABORTER_H
#define DMABUFFS_ABORTER_H

#include <stdint.h>

/*
 * A descriptor to end the connection of the mount with this device number, which needs no
 * privilege any more; or -errno. -EPERM: not in the initial user namespace.
 */
int aborter_open(uint64_t dev);

/* Does nothing if the connection has ended. */
void aborter_use(int aborter);

#endif
