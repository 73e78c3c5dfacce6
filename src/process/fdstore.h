/* SPDX-License-Identifier: MIT */
/*
 * fdstore.h - systemd keeps the descriptors of a holder
 *
 * See FileDescriptorStoreMax= in systemd.service(5). If the holder dies, systemd starts
 * the unit again and passes them to it (held.h). They stay until they are dropped: also
 * while the unit does not run.
 */
#ifndef DMABUFFS_FDSTORE_H
#define DMABUFFS_FDSTORE_H

#include "process/held.h"

/*
 * Each under its name, the FUSE device last: without that one the others are of no use.
 * systemd has them before what is reported to it later. 0 or -errno, logged.
 */
int fdstore_put(const struct held *held);

/* Replaces held->service alone. 0 or -errno, logged. */
int fdstore_put_service(const struct held *held);

/* Removes what has the names of @held's descriptors from systemd's store. */
void fdstore_drop(const struct held *held);

#endif
