/* SPDX-License-Identifier: MIT */
/*
 * device_file.h - one open file of a device: a context, and the user charged for it
 *
 * Its handle is the FUSE file handle, which the kernel passes with every request on the
 * open file, so a client cannot forge it. It is no address: a file that was opened before
 * the service was killed may be none of this process. RELEASE closes it. Its memory is
 * freed when nothing is charged to it: a shared ASID can outlive the open file.
 */
#ifndef DMABUFFS_DEVICE_FILE_H
#define DMABUFFS_DEVICE_FILE_H

#include <accel.h>
#include <pthread.h>

#include "broker/tickets.h"
#include "devices/devices.h"
#include "devices/flushed.h"
#include "names/ids.h"

struct device_file {
	struct devices *devices;
	struct payer payer; /* opened it; without pid once the context is open */
	struct accel_context *context;
	uint64_t handle; /* fixed: an id of the ledger */
	uint32_t slot;   /* fixed: of its record, LEDGER_ACCEL */
	/* Protected by devices.lock. */
	struct list of_devices;
	struct htab_node by_handle;
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

/*
 * The open file with this handle, which stays open while a request on it is served.
 * NULL: it was lost when the service was killed; requests get -EOWNERDEAD.
 */
struct device_file *device_file_find(struct devices *devices, uint64_t handle);

/* The one that this request has opened in a predecessor; NULL: none. */
struct device_file *device_file_find_made(struct devices *devices, uint64_t unique);

/*
 * Opens what a predecessor had opened. @record is taken over on success. @opened: NULL if
 * it was being closed, and is kept for what is charged to it. As accel_restore_context().
 */
struct accel_record;
struct accel_restore;
struct device_record;
int device_file_restore(struct devices *devices, struct accel_restore *restore,
			struct accel_record *record, const struct device_record *opened);

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
