/* SPDX-License-Identifier: MIT */
#include "devices/device_records.h"

#include <accel-records.h>
#include <errno.h>

#include "base/request.h"
#include "devices/device_file.h"
#include "crash_point.h"

static_assert(sizeof(struct accel_record) == sizeof(((struct ledger_accel *)0)->object),
	      "");

static enum ledger_kind device_records_kind(uint32_t kind)
{
	return kind == ACCEL_RECORD_MAPPING ? LEDGER_MAPPING : LEDGER_ACCEL;
}

static struct ledger_accel *device_records_of(struct accel_record *record)
{
	return (void *)((uint8_t *)record - offsetof(struct ledger_accel, object));
}

/* By its place: what it says of itself can be damaged. */
static uint32_t device_records_slot(const struct ledger *ledger,
				    const struct ledger_accel *accel,
				    enum ledger_kind kind)
{
	const struct ledger_places *places = &ledger->places[kind];

	return (uint32_t)((size_t)((const uint8_t *)accel - places->records) /
			  places->record_size);
}

/* Which of the two sections it is in. */
static enum ledger_kind device_records_section(const struct ledger *ledger,
					       const struct ledger_accel *accel)
{
	const struct ledger_places *mappings = &ledger->places[LEDGER_MAPPING];

	return (const uint8_t *)accel >= mappings->records ? LEDGER_MAPPING
							   : LEDGER_ACCEL;
}

unsigned device_records_n_files(const struct accel_record *record)
{
	switch (LEDGER_LOAD(record->kind)) {
	case ACCEL_RECORD_BUFFER:
	case ACCEL_RECORD_QUEUE:
		return 1;
	case ACCEL_RECORD_ASID:
		return record->asid.flags & ACCEL_ASID_SVA ? ACCEL_RECORD_FILES : 0;
	default:
		return 0;
	}
}

/* Memory of a dropped object is freed when its queue was turned. */
static void device_records_turn(struct devices *devices)
{
	leaving_turn(&devices->notifier->table->leaving);
}

/* ---- for libaccel ----------------------------------------------------------------- */

static struct accel_record *device_records_make(void *data, enum accel_record_kind kind)
{
	struct devices *devices = data;
	enum ledger_kind in = device_records_kind((uint32_t)kind);
	uint32_t slot = ledger_alloc(devices->state->ledger, in, request_unique());
	struct accel_record *record;

	if (slot == LEDGER_NONE)
		return NULL;
	record = device_records_object(devices->state->ledger, in, slot);
	record->number = slot + 1;
	return record;
}

static int device_records_put_files(void *data, struct accel_record *record,
				    const int *fds, unsigned n)
{
	struct devices *devices = data;
	const struct state *state = devices->state;
	const struct ledger_accel *accel = device_records_of(record);
	uint32_t slot = state_accel_slot(
		state->ledger, device_records_slot(state->ledger, accel, LEDGER_ACCEL));
	uint32_t generation = accel->record.generation;
	int r = bank_put(state->bank, slot, generation, fds, n);

	if (r == -ENOBUFS && bank_turn(state->bank, true) == 0)
		r = bank_put(state->bank, slot, generation, fds, n);
	if (r > 0)
		device_records_turn(devices);
	return r < 0 ? r : 0;
}

static void device_records_commit(void *data, struct accel_record *record)
{
	ledger_set_state(device_records_of(record), LEDGER_LIVE);
	CRASH_POINT("accel-committed");
}

/* The record first: one without its files would be a loss. */
static void device_records_end(struct devices *devices, struct ledger_accel *accel)
{
	if (ledger_state(accel) == LEDGER_BUILDING)
		accel->record.unique = 0;
	ledger_set_state(accel, LEDGER_FREE);
	CRASH_POINT("accel-dropped");
}

static void device_records_drop(void *data, struct accel_record *record)
{
	struct devices *devices = data;
	const struct state *state = devices->state;
	struct ledger_accel *accel = device_records_of(record);
	enum ledger_kind in = device_records_section(state->ledger, accel);
	uint32_t slot = device_records_slot(state->ledger, accel, in);

	device_records_end(devices, accel);
	if (in == LEDGER_ACCEL && device_records_n_files(record)) {
		(void)bank_drop(state->bank, state_accel_slot(state->ledger, slot),
				accel->record.generation);
		device_records_turn(devices);
	}
	ledger_free(state->ledger, in, slot);
	leaving_freed(&devices->notifier->table->leaving);
}

void device_records_keep(struct devices *devices)
{
	const struct accel_keeper keeper = {
		.make = device_records_make,
		.put_files = device_records_put_files,
		.commit = device_records_commit,
		.drop = device_records_drop,
		.data = devices,
	};

	accel_registry_keep(devices->registry, &keeper);
}

/* ---- open files ------------------------------------------------------------------- */

static struct device_record *device_records_file(const struct devices *devices,
						 const struct device_file *file)
{
	struct ledger *ledger = devices->state->ledger;

	return (struct device_record *)ledger_accel(ledger, file->slot)->object;
}

int device_records_add(struct devices *devices, struct device_file *file)
{
	struct ledger *ledger = devices->state->ledger;
	struct device_record *record;

	file->slot = ledger_alloc(ledger, LEDGER_ACCEL, request_unique());
	if (file->slot == LEDGER_NONE)
		return -ENOSPC;
	record = device_records_file(devices, file);
	record->kind = DEVICE_RECORD_FILE;
	record->number = file->slot + 1;
	record->context = accel_context_record(file->context);
	record->handle = file->handle;
	ledger_set_state(ledger_accel(ledger, file->slot), LEDGER_LIVE);
	CRASH_POINT("accel-opened");
	return 0;
}

void device_records_remove(struct devices *devices, struct device_file *file)
{
	ledger_free(devices->state->ledger, LEDGER_ACCEL, file->slot);
	CRASH_POINT("accel-closed");
}

/* One that is stored in part only is stored again with the request. */
void device_records_identify(struct devices *devices, const struct device_file *file)
{
	struct device_record *record = device_records_file(devices, file);

	record->process_uid = file->identity.process.uid;
	record->process_gid = file->identity.process.gid;
	record->owner_uid = file->identity.owner.uid;
	record->owner_gid = file->identity.owner.gid;
	__atomic_store_n(&record->has_identity, 1, __ATOMIC_RELEASE);
}

void device_records_poll(struct devices *devices, const struct device_file *file)
{
	__atomic_store_n(&device_records_file(devices, file)->poll, request_poll(),
			 __ATOMIC_RELAXED);
}
