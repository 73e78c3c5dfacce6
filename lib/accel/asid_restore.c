/* SPDX-License-Identifier: MIT */
/* asid_restore.c - the address spaces and mappings of a predecessor */
#include <errno.h>
#include <fcntl.h>

#include "context.h"
#include "device.h"
#include "mapping.h"
#include "services.h"
#include "set.h"

#define SVA_FILES 2

uint32_t accel_asid_record(const struct accel_asid *asid)
{
	return accel_record_number(asid->base.record);
}

/* Epochs go on behind all that a record has. */
static void asid_restore_epoch(struct accel_device *device, uint32_t epoch)
{
	if (epoch > device->services->epochs)
		device->services->epochs = epoch;
}

static int asid_restore_join(struct accel_asid *asid, struct accel_context *context,
			     struct accel_record *record)
{
	asid->home = record->id ? context : NULL;
	if (!asid->set || !asid->home)
		return 0;
	return accel_set_restore_member(asid->set, record);
}

int accel_asid_restore(struct accel_payer *payer, struct accel_context *context,
		       struct accel_set *set, struct accel_record *record, const int *fds,
		       unsigned n, struct accel_base **ret_asid)
{
	bool bound = record->asid.flags & ACCEL_ASID_SVA;
	struct accel_sva sva;
	struct accel_asid *asid;
	int r;

	if (record->asid.flags & ~(ACCEL_ASID_VISIBLE | ACCEL_ASID_SVA) ||
	    !record->asid.hardware)
		return -EINVAL;
	if (n != (bound ? SVA_FILES : 0))
		return -EBADFD;
	r = bound ? accel_sva_restore(&sva, fds[0], fds[1]) : 0;
	if (r == 0)
		r = accel_asid_make(payer->device, payer, set, bound ? &sva : NULL,
				    record->asid.hardware, record->asid.flags, &asid);
	if (r < 0)
		return r;
	r = asid_restore_join(asid, context, record);
	if (r < 0) {
		asid->sva = (struct accel_sva){-1, -1}; /* they stay the caller's */
		accel_base_unref(&asid->base);
		return r;
	}
	asid->base.record = record;
	asid_restore_epoch(payer->device, record->asid.epoch);
	*ret_asid = &asid->base;
	return 0;
}

int accel_asid_restore_import(struct accel_context *context, struct accel_asid *asid,
			      struct accel_record *record)
{
	uint32_t unused;
	int r;

	if (!record->id || asid->home == context)
		return -EINVAL;
	if (asid->device != context->device)
		return -EXDEV;
	r = accel_payer_charge(context->payer, ACCEL_RES_ASIDS, 1);
	if (r < 0)
		return r;
	accel_asid_ref(asid);
	r = accel_context_add_import(context, &asid->base, record, record->id, &unused);
	if (r < 0) {
		accel_asid_unref(asid);
		accel_payer_uncharge(context->payer, ACCEL_RES_ASIDS, 1);
	}
	return r;
}

/* ---- mappings ---------------------------------------------------------------------- */

static int asid_restore_check_mapping(const struct accel_asid *asid,
				      const struct accel_buffer *buffer,
				      const struct accel_record *record)
{
	uint64_t first = record->mapping.first, last = record->mapping.last;
	uint64_t offset = record->mapping.offset, length = last - first + 1;
	uint32_t access = record->mapping.access;

	if (asid->flags & ACCEL_ASID_SVA || last < first || !length ||
	    !asid_is_aligned(asid, first | length | offset) || !access ||
	    access & ~(uint32_t)ACCESS_FLAGS)
		return -EINVAL;
	if (access & ACCEL_MAP_WRITE && buffer->access == O_RDONLY)
		return -EINVAL;
	if (offset > buffer->bytes || length > buffer->bytes - offset)
		return -EINVAL;
	return buffer->device == asid->device ? 0 : -EXDEV;
}

int accel_asid_restore_mapping(struct accel_asid *asid, struct accel_buffer *buffer,
			       struct accel_record *record)
{
	struct accel_mapping *mapping;
	int r = asid_restore_check_mapping(asid, buffer, record);

	if (r < 0)
		return r;
	mapping = mapping_create_restored(buffer, record);
	if (!mapping)
		return -ENOMEM;
	r = accel_asid_insert_restored(asid, mapping);
	if (r < 0) {
		mapping->record = NULL; /* it stays the caller's */
		mapping_destroy(mapping);
	}
	return r;
}
