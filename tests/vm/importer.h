/* SPDX-License-Identifier: MIT */
/*
 * The importer of a test: a process of another user that has only the mount point and a
 * pipe, and no descriptor of the exporter.
 */
#ifndef DMABUFFS_TESTS_VM_IMPORTER_H
#define DMABUFFS_TESTS_VM_IMPORTER_H

#include "client.h"
#include "talk.h"

/*
 * Receives a struct client_uuid, then checks everything about that name; kind goes into
 * the printed lines. Halfway it lets the exporter write PAGE_LATER. On return,
 * PAGE_FROM_MAPPING and PAGE_FROM_WRITE are written. Returns an exit status.
 */
int importer_run(const char *mount_point, const char *kind, enum dmabuffs_kind expected,
		 struct talk *exporter);

#endif
