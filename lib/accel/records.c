/* SPDX-License-Identifier: MIT */
#include "records.h"

#include <errno.h>
#include <stdatomic.h>

#include "device.h"
#include "services.h"

int accel_record_make(struct accel_device *device, enum accel_record_kind kind,
		      struct accel_record **ret_record)
{
	const struct accel_keeper *keeper = &device->services->keeper;
	struct accel_record *record = NULL;

	if (keeper->make) {
		record = keeper->make(keeper->data, kind);
		if (!record)
			return -ENOSPC;
		record->kind = kind;
	}
	*ret_record = record;
	return 0;
}

int accel_record_put_files(struct accel_device *device, struct accel_record *record,
			   const int *fds, unsigned n)
{
	const struct accel_keeper *keeper = &device->services->keeper;

	return record ? keeper->put_files(keeper->data, record, fds, n) : 0;
}

void accel_record_commit(struct accel_device *device, struct accel_record *record)
{
	const struct accel_keeper *keeper = &device->services->keeper;

	if (record)
		keeper->commit(keeper->data, record);
}

void accel_record_drop(struct accel_device *device, struct accel_record *record)
{
	const struct accel_keeper *keeper = &device->services->keeper;

	if (record)
		keeper->drop(keeper->data, record);
}

uint32_t accel_record_new_epoch(struct accel_device *device)
{
	return atomic_fetch_add(&device->services->epochs, 1) + 1;
}
