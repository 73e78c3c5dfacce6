/* SPDX-License-Identifier: MIT */
#include "devices/device_file.h"

#include <fuse_lowlevel.h>

#include "names/ended.h"
#include "locked.h"
#include "util.h"

/* RES_* and ACCEL_RES_* are in the same order. */
_Static_assert(RES_PINNED - RES_CONTEXTS == ACCEL_RES_PINNED - ACCEL_RES_CONTEXTS,
	       "resources of the core and of the mount");
_Static_assert(RES_COUNT - RES_CONTEXTS == (int)ACCEL_RES_COUNT,
	       "all resources of the core");

static enum resource device_file_resource_of(enum accel_resource resource)
{
	return (enum resource)(RES_CONTEXTS + (int)resource);
}

static int device_file_charge(void *data, enum accel_resource resource, uint64_t n)
{
	struct device_file *file = data;

	return limits_charge_process(file->devices->limits, &file->payer,
				     device_file_resource_of(resource), n);
}

static void device_file_uncharge(void *data, enum accel_resource resource, uint64_t n)
{
	struct device_file *file = data;

	limits_uncharge(file->devices->limits, file->payer.uid,
			device_file_resource_of(resource), n);
}

static void device_file_unref(void *data)
{
	struct device_file *file = data;

	if (--file->refs)
		return;
	pthread_mutex_destroy(&file->lock);
	free(file);
}

static struct fuse_pollhandle *device_file_swap_poll(struct device_file *file,
						     struct fuse_pollhandle *poll)
{
	SCOPED_LOCK(&file->lock);
	struct fuse_pollhandle *old = file->poll;

	file->poll = poll;
	return old;
}

/* The kernel only wakes the pollers: it sends no request and locks no directory. */
static void device_file_notify(void *data)
{
	struct fuse_pollhandle *poll = device_file_swap_poll(data, NULL);

	if (!poll)
		return;
	fuse_lowlevel_notify_poll(poll);
	fuse_pollhandle_destroy(poll);
}

static int device_file_add(struct device_file *file)
{
	struct devices *devices = file->devices;
	int r;

	file->id = ledger_next_id(devices->notifier->table->ledger);
	pthread_mutex_lock(&devices->lock);
	r = htab_insert(&devices->by_id, &file->by_id, file->id);
	if (r == 0)
		list_add_head(&devices->files, &file->of_devices);
	pthread_mutex_unlock(&devices->lock);
	return r;
}

/* Of one that is not found any more. */
static void device_file_end(struct device_file *file)
{
	struct devices *devices = file->devices;

	accel_context_destroy(file->context);
	tickets_drop(devices->tickets, &file->tickets);
	if (file->root_id)
		ended_close_root(devices->notifier, file->root_id,
				 "its context was closed");
	/* All that it held is given back. */
	flushed_remove(&devices->flushed, &file->flush);
	device_file_set_poll(file, NULL);
	device_file_unref(file);
}

int device_file_open(struct devices *devices, struct accel_device *device,
		     const struct payer *payer, struct device_file **ret_file)
{
	struct device_file *file = calloc(1, sizeof(*file));
	uid_t person = limits_process_person(devices->limits, payer);
	const struct accel_owner owner = {
		.size = sizeof(owner),
		.charge = device_file_charge,
		.uncharge = device_file_uncharge,
		.notify = device_file_notify,
		.release = device_file_unref,
		.data = file,
		.user = person,
	};
	int r;

	if (!file)
		return -ENOMEM;
	file->devices = devices;
	file->payer = *payer;
	file->flush.person = person;
	ticket_list_init(&file->tickets, payer->uid);
	file->refs = 2;
	pthread_mutex_init(&file->lock, NULL);
	r = accel_context_create(device, &owner, &file->context);
	if (r < 0) {
		pthread_mutex_destroy(&file->lock);
		free(file);
		return r;
	}
	/* Its owners are known while it holds the context; the process may end. */
	file->payer.pid = 0;
	r = device_file_add(file);
	if (r < 0)
		device_file_end(file);
	else
		*ret_file = file;
	return r;
}

struct device_file *device_file_find(struct devices *devices, uint64_t id)
{
	SCOPED_LOCK(&devices->lock);

	return htab_item(htab_first(&devices->by_id, id), struct device_file, by_id);
}

void device_file_close(struct device_file *file)
{
	struct devices *devices = file->devices;

	pthread_mutex_lock(&devices->lock);
	list_remove(&file->of_devices);
	htab_remove(&devices->by_id, &file->by_id);
	pthread_mutex_unlock(&devices->lock);
	device_file_end(file);
}

void device_file_flush(struct device_file *file)
{
	flushed_add(&file->devices->flushed, &file->flush);
}

void device_file_use(struct device_file *file)
{
	flushed_remove(&file->devices->flushed, &file->flush);
}

void device_file_set_poll(struct device_file *file, struct fuse_pollhandle *poll)
{
	poll = device_file_swap_poll(file, poll);
	if (poll)
		fuse_pollhandle_destroy(poll);
}

int device_file_identity(struct device_file *file, struct identity *ret_identity)
{
	SCOPED_LOCK(&file->lock);

	if (!file->has_identity)
		return -ENOENT;
	*ret_identity = file->identity;
	return 0;
}

void device_file_set_identity(struct device_file *file, const struct identity *identity)
{
	SCOPED_LOCK(&file->lock);

	file->identity = *identity;
	file->has_identity = true;
}

int device_file_get_root(struct device_file *file, uint64_t *ret_root_id)
{
	SCOPED_LOCK(&file->lock);
	int r = 0;

	if (!file->root_id)
		r = table_open_context_root(file->devices->notifier->table, &file->payer,
					    &file->root_id);
	*ret_root_id = file->root_id;
	return r;
}
