/* SPDX-License-Identifier: MIT */
#include "devices/device_file.h"

#include <accel-records.h>
#include <fuse_lowlevel.h>

#include "devices/device_records.h"
#include "names/ended.h"
#include "locked.h"
#include "util.h"

/* In the record of a context, beside the uid that is charged. */
#define COOKIE (UINT64_C(1) << 32)

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
	struct limits *limits = file->devices->limits;
	enum resource same = device_file_resource_of(resource);

	if (file->devices->restoring)
		return limits_charge_process_anyway(limits, &file->payer, same, n);
	return limits_charge_process(limits, &file->payer, same, n);
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

static int device_file_add(struct devices *devices, struct device_file *file)
{
	SCOPED_LOCK(&devices->lock);
	int r = htab_insert(&devices->files_by_handle, &file->by_handle, file->handle);

	if (r == 0)
		list_add_head(&devices->files, &file->of_devices);
	return r;
}

static struct device_file *device_file_new(struct devices *devices,
					   const struct payer *payer)
{
	struct device_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->devices = devices;
	file->payer = *payer;
	file->flush.person = limits_process_person(devices->limits, payer);
	ticket_list_init(&file->tickets, payer->uid);
	file->refs = 2;
	pthread_mutex_init(&file->lock, NULL);
	return file;
}

static void device_file_free(struct device_file *file)
{
	pthread_mutex_destroy(&file->lock);
	free(file);
}

static struct accel_owner device_file_owner(struct device_file *file)
{
	return (struct accel_owner){
		.size = sizeof(struct accel_owner),
		.charge = device_file_charge,
		.uncharge = device_file_uncharge,
		.notify = device_file_notify,
		.release = device_file_unref,
		.data = file,
		.user = file->flush.person,
	};
}

/* With its context; a successor finds it from then on. */
static int device_file_publish(struct device_file *file)
{
	struct devices *devices = file->devices;
	int r;

	accel_context_set_cookie(file->context, COOKIE | file->payer.uid);
	/* Its owners are known while it holds the context; the process may end. */
	file->payer.pid = 0;
	file->handle = ledger_next_id(devices->state->ledger);
	r = device_records_add(devices, file);
	if (r < 0)
		return r;
	r = device_file_add(devices, file);
	if (r < 0)
		device_records_remove(devices, file);
	return r;
}

int device_file_open(struct devices *devices, struct accel_device *device,
		     const struct payer *payer, struct device_file **ret_file)
{
	struct device_file *file = device_file_new(devices, payer);
	struct accel_owner owner;
	int r;

	if (!file)
		return -ENOMEM;
	owner = device_file_owner(file);
	r = accel_context_create(device, &owner, &file->context);
	if (r < 0) {
		device_file_free(file);
		return r;
	}
	r = device_file_publish(file);
	if (r < 0) {
		accel_context_destroy(file->context);
		device_file_unref(file);
	} else {
		*ret_file = file;
	}
	return r;
}

static void device_file_restore_opened(struct device_file *file,
				       const struct device_record *opened)
{
	file->slot = opened->number - 1;
	file->handle = opened->handle;
	file->has_identity = opened->has_identity &&
			     ledger_is_owner(opened->process_uid, opened->process_gid) &&
			     ledger_is_owner(opened->owner_uid, opened->owner_gid);
	file->identity.process.uid = opened->process_uid;
	file->identity.process.gid = opened->process_gid;
	file->identity.owner.uid = opened->owner_uid;
	file->identity.owner.gid = opened->owner_gid;
}

int device_file_restore(struct devices *devices, struct accel_restore *restore,
			struct accel_record *record, const struct device_record *opened)
{
	const struct payer payer = {.uid = (uid_t)record->context.cookie};
	struct accel_owner owner;
	struct device_file *file;
	int r;

	/* Its open(2) got no further. */
	if (record->context.cookie >> 32 != COOKIE >> 32)
		return -ESTALE;
	if (opened && (!ledger_is_id(devices->state->ledger, opened->handle) ||
		       device_file_find(devices, opened->handle)))
		return -EEXIST;
	file = device_file_new(devices, &payer);
	if (!file)
		return -ENOMEM;
	owner = device_file_owner(file);
	r = accel_restore_context(restore, record, &owner, &file->context);
	if (r < 0) {
		device_file_free(file);
		return r;
	}
	if (!opened) {
		file->refs--; /* of the open file */
		return 0;
	}
	device_file_restore_opened(file, opened);
	return device_file_add(devices, file);
}

struct device_file *device_file_find(struct devices *devices, uint64_t handle)
{
	SCOPED_LOCK(&devices->lock);

	return htab_item(htab_first(&devices->files_by_handle, handle),
			 struct device_file, by_handle);
}

struct device_file *device_file_find_made(struct devices *devices, uint64_t unique)
{
	SCOPED_LOCK(&devices->lock);
	struct device_file *file, *made = NULL;

	list_for_each(file, &devices->files, of_devices)
		if (ledger_accel(devices->state->ledger, file->slot)->record.unique ==
		    unique)
			made = file;
	return made;
}

void device_file_close(struct device_file *file)
{
	struct devices *devices = file->devices;

	pthread_mutex_lock(&devices->lock);
	list_remove(&file->of_devices);
	htab_remove(&devices->files_by_handle, &file->by_handle);
	pthread_mutex_unlock(&devices->lock);
	device_records_remove(devices, file);
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
	if (poll)
		device_records_poll(file->devices, file);
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
	device_records_identify(file->devices, file);
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
