/* SPDX-License-Identifier: MIT */
/*
 * The importing side of a conversation: a process of another user that has the mount
 * point, a pipe, and no descriptor of the exporter's.
 */
#ifndef DMABUFFS_TESTS_VM_IMPORTER_H
#define DMABUFFS_TESTS_VM_IMPORTER_H

#include "client.h"
#include "talk.h"

/*
 * Receives a struct client_uuid, then checks everything about that name; kind goes into
 * the printed lines. Halfway it gives the exporter a turn, to write PAGE_LATER. When it
 * ends, PAGE_FROM_MAPPING and PAGE_FROM_WRITE are written. Answers an exit status.
 */
int importer_run(const char *mount_point, const char *kind, enum dmabuffs_kind expected,
		 struct talk *exporter);

#endif
