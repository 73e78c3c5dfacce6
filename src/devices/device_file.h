/* SPDX-License-Identifier: MIT */
/*
 * device_file.h - one open file of a device: a context, and who pays for it
 *
 * It is the file handle that the kernel gives with every request on the open file, so it
 * cannot be forged. The kernel's RELEASE closes it; what stays charged after that (a
 * shared ASID) keeps its memory.
 */
#ifndef DMABUFFS_DEVICE_FILE_H
#define DMABUFFS_DEVICE_FILE_H

#include <accel.h>
#include <pthread.h>

#include "broker/tickets.h"
#include "devices/devices.h"

struct device_file {
	struct devices *devices;
	uid_t uid; /* who opened it, and pays */
	struct accel_context *context;
	struct list of_devices;     /* protected by devices.lock */
	struct ticket_list tickets; /* descriptors to be fetched */
	_Atomic unsigned refs;      /* the open file, and what is charged */

	pthread_mutex_t lock; /* a leaf */
	/* Protected by lock. */
	struct fuse_pollhandle *poll; /* who waits for an event; owned, or NULL */
	uint64_t root_id;             /* what names of its ASIDs live on; 0: none yet */
};

/* 0; what accel_context_create() says; -ENOMEM. */
int device_file_open(struct devices *devices, struct accel_device *device, uid_t uid,
		     struct device_file **ret_file);

/* The last close: ends the context, its names and its tickets. */
void device_file_close(struct device_file *file);

/* Remembers who is to be told of the next event; NULL is allowed. */
void device_file_set_poll(struct device_file *file, struct fuse_pollhandle *poll);

/* The description that names of its ASIDs end with. 0, -EDQUOT, -ENOSPC, -ENOMEM. */
int device_file_get_root(struct device_file *file, uint64_t *ret_root_id);

#endif
