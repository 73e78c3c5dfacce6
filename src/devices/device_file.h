/* SPDX-License-Identifier: MIT */
/*
 * device_file.h - one open file of a device: a context, and the user charged for it
 *
 * Its id is the FUSE file handle, which the kernel passes with every request on the open
 * file, so a client cannot forge it. RELEASE closes it. Its memory is freed when nothing
 * is charged to it: a shared ASID can outlive the open file. A file of a service that was
 * killed is not found by its successor: EOWNERDEAD.
 */
#ifndef DMABUFFS_DEVICE_FILE_H
#define DMABUFFS_DEVICE_FILE_H

#include <accel.h>
#include <pthread.h>

#include "broker/tickets.h"
#include "devices/devices.h"
#include "devices/flushed.h"
#include "names/ids.h"
#include "htab.h"

struct device_file {
	uint64_t id;            /* no other file or name has it, nor had it */
	struct htab_node by_id; /* in devices.by_id; protected by devices.lock */
	struct devices *devices;
	struct payer payer; /* opened it; without pid once the context is open */
	struct accel_context *context;
	struct list of_devices;     /* protected by devices.lock */
	struct flush_note flush;    /* in devices.flushed */
	struct ticket_list tickets; /* descriptors to be fetched */
	_Atomic unsigned refs;      /* of the open file, and of the context */

	pthread_mutex_t lock; /* a leaf */
	/* Protected by lock. */
	struct fuse_pollhandle *poll; /* of a client that polls; owned, or NULL */
	struct identity identity;     /* presented to it, if has_identity */
	bool has_identity;
	uint64_t root_id; /* root description of its ASIDs' names; 0: none yet */
};

/* 0; as accel_context_create(); -ENOMEM. */
int device_file_open(struct devices *devices, struct accel_device *device,
		     const struct payer *payer, struct device_file **ret_file);

/* The open file with this handle, for its requests; NULL: of a service that was killed.
 */
struct device_file *device_file_find(struct devices *devices, uint64_t id);

/* The last close: destroys the context, and removes its names and its tickets. */
void device_file_close(struct device_file *file);

/* A close of one of its descriptors, which may be the last one: see flushed.h. */
void device_file_flush(struct device_file *file);

/* A request on it has come, so it is open. */
void device_file_use(struct device_file *file);

/* Sets the handle that the next event notifies, and owns it; NULL is allowed. */
void device_file_set_poll(struct device_file *file, struct fuse_pollhandle *poll);

/* What was presented to this context; -ENOENT: nothing. See identities.h. */
int device_file_identity(struct device_file *file, struct identity *ret_identity);
void device_file_set_identity(struct device_file *file, const struct identity *identity);

/* The root description that names of its ASIDs belong to. 0, -EDQUOT, -ENOSPC, -ENOMEM.
 */
int device_file_get_root(struct device_file *file, uint64_t *ret_root_id);

#endif
