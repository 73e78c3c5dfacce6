/* SPDX-License-Identifier: MIT */
#include "asid.h"

#include <stdlib.h>

#include "context.h"
#include "device.h"
#include "info.h"
#include "locked.h"
#include "set.h"
#include "util.h"

#define SVA_FILES 2 /* mem and maps */

/* ---- what it takes ----------------------------------------------------------------- */

static int asid_enter_set(struct accel_asid *asid, struct accel_set *set)
{
	int r = set ? accel_set_reserve(set) : 0;

	if (r == 0 && set) {
		accel_base_ref(&set->base);
		asid->set = set;
	}
	return r;
}

static void asid_exit_set(struct accel_asid *asid)
{
	if (!asid->set)
		return;
	accel_set_unreserve(asid->set);
	accel_base_unref(&asid->set->base);
}

/* The ASID itself, and the descriptors of a bound one. */
static int asid_charge(struct accel_payer *payer, bool sva)
{
	int r = accel_payer_charge(payer, ACCEL_RES_ASIDS, 1);

	if (r == 0 && sva) {
		r = accel_payer_charge(payer, ACCEL_RES_FILES, SVA_FILES);
		if (r < 0)
			accel_payer_uncharge(payer, ACCEL_RES_ASIDS, 1);
	}
	return r;
}

static void asid_uncharge(struct accel_payer *payer, bool sva)
{
	if (sva)
		accel_payer_uncharge(payer, ACCEL_RES_FILES, SVA_FILES);
	accel_payer_uncharge(payer, ACCEL_RES_ASIDS, 1);
}

static int asid_make_record(struct accel_asid *asid, const struct accel_sva *sva)
{
	struct accel_record *record;
	int r = accel_record_make(asid->device, ACCEL_RECORD_ASID, &record);

	if (r < 0 || !record)
		return r;
	record->asid.hardware = asid->number;
	record->asid.flags = asid->flags;
	record->asid.epoch = accel_record_new_epoch(asid->device);
	if (asid->set)
		record->asid.set = accel_record_number(asid->set->base.record);
	if (sva)
		r = accel_record_put_files(asid->device, record,
					   (const int[]){sva->mem, sva->maps}, SVA_FILES);
	if (r < 0)
		accel_record_drop(asid->device, record);
	else
		asid->base.record = record;
	return r;
}

static int asid_take_number(struct accel_asid *asid)
{
	if (asid->number)
		return accel_device_claim_asid(asid->device, asid->number);
	return accel_device_take_asid(asid->device, &asid->number);
}

static int asid_take_resources(struct accel_asid *asid, struct accel_set *set, bool sva)
{
	int r = asid_enter_set(asid, set);

	if (r < 0)
		return r;
	r = asid_charge(asid->payer, sva);
	if (r < 0) {
		asid_exit_set(asid);
		return r;
	}
	r = asid_take_number(asid);
	if (r < 0) {
		asid_uncharge(asid->payer, sva);
		asid_exit_set(asid);
	}
	return r;
}

/* Last, when it is not accessible any more: the number can be reused from here. */
static void asid_free(struct accel_base *base)
{
	struct accel_asid *asid = accel_asid_of(base);

	accel_asid_clear(asid);
	if (asid->flags & ACCEL_ASID_SVA)
		accel_sva_finish(&asid->sva);
	/* Before its number is another ASID's. */
	accel_record_drop(asid->device, asid->base.record);
	accel_device_give_asid(asid->device, asid->number);
	asid_uncharge(asid->payer, asid->flags & ACCEL_ASID_SVA);
	asid_exit_set(asid);
	accel_payer_unref(asid->payer);
	pthread_rwlock_destroy(&asid->lock);
	pthread_mutex_destroy(&asid->importing);
	free(asid);
}

/* Its @id in the context is gone. The context's lock may be held. */
static void asid_leave(struct accel_base *base, struct accel_context *context,
		       uint32_t id)
{
	struct accel_asid *asid = accel_asid_of(base);

	if (asid->home != context) {
		accel_payer_uncharge(context->payer, ACCEL_RES_ASIDS, 1);
		return;
	}
	/* The next context can have the same address, and did not create this ASID. */
	asid->home = NULL;
	if (asid->set)
		accel_set_leave(asid->set, id);
}

static const struct accel_base_ops asid_ops = {
	.type = ACCEL_TYPE_ASID,
	.leave = asid_leave,
	.free = asid_free,
};

/* ---- creation and end -------------------------------------------------------------- */

/* A writer comes before engines that take the lock again and again. */
static void asid_init_lock(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr,
				      PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(lock, &attr);
	pthread_rwlockattr_destroy(&attr);
}

/* Takes the reference over on success; another thread may destroy it from then on. */
static int asid_publish(struct accel_asid *asid, struct accel_context *context,
			uint32_t *ret_id)
{
	uint32_t id = 0;
	int r = 0;

	if (asid->set) {
		id = accel_context_new_id(context);
		r = id ? accel_set_join(asid->set, id, asid->base.record) : -ENOSPC;
		if (r < 0)
			return r;
	}
	r = accel_context_add(context, &asid->base, id, ret_id);
	if (r < 0 && asid->set)
		accel_set_leave(asid->set, id);
	return r;
}

int accel_asid_make(struct accel_device *device, struct accel_payer *payer,
		    struct accel_set *set, const struct accel_sva *sva, uint32_t number,
		    uint32_t flags, struct accel_asid **ret_asid)
{
	struct accel_asid *asid = calloc(1, sizeof(*asid));
	int r;

	if (!asid)
		return -ENOMEM;
	accel_base_init(&asid->base, &asid_ops);
	asid->device = device;
	asid->payer = payer;
	asid->number = number;
	asid->flags = flags;
	r = asid_take_resources(asid, set, sva);
	if (r < 0) {
		free(asid);
		return r;
	}
	accel_payer_ref(payer);
	if (sva) {
		asid->flags |= ACCEL_ASID_SVA;
		asid->sva = *sva;
	}
	asid_init_lock(&asid->lock);
	pthread_mutex_init(&asid->importing, NULL);
	*ret_asid = asid;
	return 0;
}

/* @sva: NULL, or taken over on success. */
static int asid_create_and_publish(struct accel_context *context,
				   struct accel_asid_create *arg,
				   const struct accel_sva *sva)
{
	_cleanup_unref_ struct accel_set *set = NULL;
	struct accel_asid *asid;
	int r = arg->set ? accel_set_get(context, arg->set, &set) : 0;

	if (r == 0)
		r = accel_asid_make(context->device, context->payer, set, sva, 0,
				    arg->flags, &asid);
	if (r < 0)
		return r;
	asid->home = context;
	r = asid_make_record(asid, sva);
	if (r == 0)
		r = asid_publish(asid, context, &arg->id);
	if (r < 0) {
		asid->sva = (struct accel_sva){-1, -1}; /* they stay the caller's */
		accel_base_unref(&asid->base);
	}
	return r;
}

int accel_asid_create(struct accel_context *context, struct accel_asid_create *arg)
{
	int r = accel_check_flags(arg->flags, ACCEL_ASID_VISIBLE);

	return r < 0 ? r : asid_create_and_publish(context, arg, NULL);
}

int accel_asid_create_sva(struct accel_context *context, struct accel_asid_create *arg,
			  int mem, int maps)
{
	int r = accel_check_flags(arg->flags, ACCEL_ASID_VISIBLE);
	struct accel_sva sva;

	if (r < 0)
		return r;
	if (!(context->device->properties.flags & ACCEL_DEVICE_SVA))
		return -EOPNOTSUPP;
	r = accel_sva_init(&sva, mem, maps);
	return r < 0 ? r : asid_create_and_publish(context, arg, &sva);
}

int accel_asid_destroy(struct accel_context *context, struct accel_object *arg)
{
	_cleanup_unref_ struct accel_base *base = NULL;
	struct accel_handle *handle;
	int r = accel_check_object(arg);

	if (r < 0)
		return r;
	pthread_mutex_lock(&context->lock);
	handle = accel_context_find_locked(context, ACCEL_TYPE_ASID, arg->id);
	if (!handle) {
		r = -ENOENT;
	} else if (handle->attached) {
		r = -EBUSY;
	} else {
		base = accel_context_remove_locked(context, handle);
		asid_leave(base, context, arg->id);
	}
	pthread_mutex_unlock(&context->lock);
	return r;
}

/* ---- what it is -------------------------------------------------------------------- */

/* Of the first version of struct accel_asid_info. */
#define INFO_MIN_SIZE 40

static void asid_fill_info(struct accel_asid *asid, const struct accel_context *context,
			   struct accel_asid_info *info)
{
	bool home = asid->home == context;

	info->flags = asid->flags | (home ? 0 : ACCEL_ASID_IMPORTED);
	info->number = asid->flags & ACCEL_ASID_VISIBLE ? asid->number : 0;
	info->set = home && asid->set ? asid->set->id : 0;
	pthread_rwlock_rdlock(&asid->lock);
	info->mappings = asid->mappings.n;
	info->mapped = asid->mapped;
	pthread_rwlock_unlock(&asid->lock);
}

/* With a reference, or NULL. *ret_attached: to how many queues of the context. */
static struct accel_asid *asid_get_attached(struct accel_context *context, uint32_t id,
					    uint32_t *ret_attached)
{
	SCOPED_LOCK(&context->lock);
	struct accel_handle *handle =
		accel_context_find_locked(context, ACCEL_TYPE_ASID, id);

	if (!handle)
		return NULL;
	*ret_attached = handle->attached;
	return accel_asid_ref(accel_asid_of(handle->base));
}

int accel_asid_get_info(struct accel_context *context, struct accel_asid_info *arg)
{
	_cleanup_unref_ struct accel_asid *asid = NULL;
	struct accel_asid_info info;
	int r = accel_info_take(arg, INFO_MIN_SIZE, &info, sizeof(info));

	if (r < 0)
		return r;
	asid = asid_get_attached(context, info.id, &info.attached);
	if (!asid)
		return -ENOENT;
	asid_fill_info(asid, context, &info);
	accel_info_give(&info, sizeof(info), arg);
	return 0;
}

/* ---- sharing ----------------------------------------------------------------------- */

int accel_asid_share(struct accel_context *context, uint32_t id,
		     struct accel_asid **ret_asid)
{
	struct accel_base *base;

	/* Mappings of a former owner must not stay accessible. */
	if (context->device->params.exclusive)
		return -EOPNOTSUPP;
	base = accel_context_get(context, ACCEL_TYPE_ASID, id);
	if (!base)
		return -ENOENT;
	*ret_asid = accel_asid_of(base);
	return 0;
}

struct accel_asid *accel_asid_ref(struct accel_asid *asid)
{
	accel_base_ref(&asid->base);
	return asid;
}

void accel_asid_unref(struct accel_asid *asid)
{
	if (asid)
		accel_base_unref(&asid->base);
}

static bool asid_has(struct accel_context *context, const struct accel_asid *asid)
{
	SCOPED_LOCK(&context->lock);
	struct htab_node *node;

	htab_for_each(node, &context->handles)
		if (container_of(node, struct accel_handle, node)->base == &asid->base)
			return true;
	return false;
}

/* The id is charged to the importer, the ASID and its mappings to the creator. */
static int asid_add_shared(struct accel_context *context, struct accel_asid *asid,
			   uint32_t *ret_id)
{
	struct accel_record *record = NULL;
	int r = accel_payer_charge(context->payer, ACCEL_RES_ASIDS, 1);

	if (r < 0)
		return r;
	accel_base_ref(&asid->base);
	r = accel_record_make(context->device, ACCEL_RECORD_IMPORT, &record);
	if (record)
		record->import.asid = asid->base.record->number;
	if (r == 0)
		r = accel_context_add_import(context, &asid->base, record, 0, ret_id);
	if (r < 0) {
		accel_record_drop(context->device, record);
		accel_base_unref(&asid->base);
		accel_payer_uncharge(context->payer, ACCEL_RES_ASIDS, 1);
	}
	return r;
}

int accel_asid_import(struct accel_context *context, struct accel_asid *asid,
		      uint32_t *ret_id)
{
	/* No other thread may add it between the check and the addition. */
	SCOPED_LOCK(&asid->importing);

	if (asid->device != context->device)
		return -EXDEV;
	return asid_has(context, asid) ? -EEXIST : asid_add_shared(context, asid, ret_id);
}
