/* SPDX-License-Identifier: MIT */
/*
 * publish.h - gives a buffer or an ASID its name
 *
 * An object that already has a name on the same root description keeps that name if
 * flags, mode, label and, for a buffer, the exporter's uid match; otherwise the result is
 * -EEXIST. DMABUFFS_EXPORT_ANOTHER always creates a new name. On failure *ret_uuid is
 * untouched and nothing is charged or listed.
 *
 * Thread safe. The table's lock must not be held.
 */
#ifndef DMABUFFS_PUBLISH_H
#define DMABUFFS_PUBLISH_H

#include "names/table.h"

/* Returns the name that the object already has. 0, -EEXIST; -ENOENT: it has none. */
int publish_find(struct table *table, const struct export_request *request,
		 uint8_t ret_uuid[DMABUFFS_UUID_SIZE]);

/*
 * Creates a name. If another thread has created one meanwhile, as publish_find().
 * request->caller is read here from the thread @tid. With a pidfd of that thread the
 * identity is cached on the root description, see caller_read(); with -1 it is read
 * again. Buffer and ASID move to the export; those that the request still has on return
 * (fd not -1, asid not NULL) remain the caller's.
 *
 * 0; -EEXIST; -EBADF: the root description was closed; as export_create(); -ENOMEM.
 */
int publish_new(struct table *table, struct export_request *request, pid_t tid, int pidfd,
		uint8_t ret_uuid[DMABUFFS_UUID_SIZE]);

#endif
