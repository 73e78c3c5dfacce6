/* SPDX-License-Identifier: MIT */
/*
 * devices.h - the accelerator devices of a mount: the directory .accel and its files
 *
 * Thread safe; the lock inside protects the list of open contexts and is a leaf. The
 * nodes are protected by the table's lock, as all nodes are.
 */
#ifndef DMABUFFS_DEVICES_H
#define DMABUFFS_DEVICES_H

#include <accel.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/options.h"
#include "broker/tickets.h"
#include "devices/flushed.h"
#include "names/node.h"
#include "names/notifier.h"
#include "store/state.h"
#include "htab.h"
#include "list.h"

/* Inode numbers below the first export's: see table.h. */
enum { INO_ACCEL = 4, INO_FIRST_DEVICE = 5 };

struct devices {
	/* Borrowed; set before devices_start(). */
	struct limits *limits;
	struct tickets *tickets;
	struct notifier *notifier;
	const struct state *state;

	struct accel_registry *registry; /* owned; NULL: this mount has no devices */
	size_t n;                        /* fixed */
	struct accel_device *list[DEVICES_MAX];

	bool restoring;         /* nothing is refused; by one thread, before others */
	struct flushed flushed; /* contexts that may be closed by now */
	struct node directory;
	struct node nodes[DEVICES_MAX];
	pthread_mutex_t lock;
	struct list files; /* open contexts, struct device_file; protected by lock */
	struct htab files_by_handle; /* likewise */
};

/* Creates the configured devices; before threads are started. 0 or -errno. */
int devices_start(struct devices *devices, const struct options *options);

/* Closes all contexts that are open; after the last request was served. */
void devices_close(struct devices *devices);

/*
 * Destroys the devices; nothing may refer to their objects. False: an engine thread does
 * not stop.
 */
bool devices_stop(struct devices *devices);

/* Whether @fd is device memory whose seals must not be frozen, see accel.h. */
bool devices_keep_seals(const struct devices *devices, int fd);

/* The device with this inode number; NULL: there is none. */
struct accel_device *devices_by_ino(const struct devices *devices, uint64_t ino);

/* The inode number of the device @name; 0: there is none. */
uint64_t devices_find(const struct devices *devices, const char *name);

/* Owner, mode and times of .accel or a device; NULL: no such inode. */
struct node *devices_node(struct devices *devices, uint64_t ino);

#endif
