/* SPDX-License-Identifier: MIT */
/*
 * opened.h - a descriptor that a client presents as an opened name
 *
 * Possession of the open file is the proof that the kernel let the client open the name,
 * and the file's access mode bounds what the client receives for it. All checks are made
 * without a request to any file system. Thread safe.
 */
#ifndef DMABUFFS_OPENED_H
#define DMABUFFS_OPENED_H

#include <stdbool.h>

#include "broker/broker.h"
#include "names/export.h"

struct opened {
	struct table *table;   /* borrowed */
	struct export *export; /* owned reference; NULL: none */
	int access;            /* O_RDONLY, O_WRONLY or O_RDWR, as the file is open */
};

/*
 * Looks up the export behind @fd; *ret_opened is for opened_put(). -EBADFD: @fd is no
 * name of this mount, or an O_PATH descriptor. The name may have been unlinked, revoked
 * or even closed (by another descriptor of the same file) since.
 */
int opened_get(const struct broker *broker, int fd, struct opened *ret_opened);
void opened_put(struct opened *opened);

/*
 * Returns a new descriptor of the buffer, open for no more than the file is. -ESTALE: it
 * was revoked. -EBADFD: the file is closed, or the name is an ASID's. -EACCES: as
 * buffer_open().
 */
int opened_open_buffer(const struct opened *opened);

#endif
