/* SPDX-License-Identifier: MIT */
#include "devices/devices_restore.h"

#include <accel-records.h>
#include <errno.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "devices/device_file.h"
#include "devices/device_records.h"

#define RESTORE_LOGGED 100 /* losses; more say the same */

static const char *const devices_restore_names[ACCEL_RECORD_KINDS] = {
	[ACCEL_RECORD_CONTEXT] = "context",
	[ACCEL_RECORD_BUFFER] = "buffer",
	[ACCEL_RECORD_SET] = "set",
	[ACCEL_RECORD_ASID] = "address space",
	[ACCEL_RECORD_IMPORT] = "imported address space",
	[ACCEL_RECORD_MAPPING] = "mapping",
	[ACCEL_RECORD_QUEUE] = "queue",
	[ACCEL_RECORD_ATTACHMENT] = "attached address space",
	[ACCEL_RECORD_FENCE] = "fence",
};

static struct ledger *devices_restore_ledger(const struct devices_restore *restore)
{
	return restore->devices->state->ledger;
}

static struct accel_record *devices_restore_object(const struct devices_restore *restore,
						   uint32_t slot)
{
	return device_records_object(devices_restore_ledger(restore), LEDGER_ACCEL, slot);
}

/* ---- descriptors ------------------------------------------------------------------ */

static void devices_restore_want(struct devices_restore *restore, uint32_t slot)
{
	struct ledger *ledger = devices_restore_ledger(restore);
	unsigned n = device_records_n_files(devices_restore_object(restore, slot));

	if (n)
		(void)bank_want(restore->devices->state->bank,
				state_accel_slot(ledger, slot),
				ledger_accel(ledger, slot)->record.generation, n);
}

int devices_restore_begin(struct devices_restore *restore, struct devices *devices)
{
	struct ledger *ledger;
	uint32_t slot;

	*restore = (struct devices_restore){.devices = devices};
	if (!devices->registry)
		return 0;
	ledger = devices->state->ledger;
	restore->n = ledger_high(ledger, LEDGER_ACCEL);
	restore->files = malloc((restore->n + 1) * sizeof(*restore->files));
	restore->opened = calloc(restore->n + 1, sizeof(*restore->opened));
	if (!restore->files || !restore->opened)
		return -ENOMEM;
	memset(restore->files, -1, (restore->n + 1) * sizeof(*restore->files));
	ledger_for_each(ledger, LEDGER_ACCEL, slot)
		devices_restore_want(restore, slot);
	return 0;
}

bool devices_restore_keep(struct devices_restore *restore, const struct bank_item *item,
			  int fd)
{
	uint32_t first;

	if (!restore->files)
		return false;
	first = state_accel_slot(devices_restore_ledger(restore), 0);
	if (item->slot < first)
		return false;
	if (item->slot - first < restore->n && item->part < ACCEL_RECORD_FILES &&
	    restore->files[item->slot - first][item->part] < 0)
		restore->files[item->slot - first][item->part] = fd;
	else
		close(fd); /* the bank has it, so this close is not its last */
	return true;
}

/* ---- records ---------------------------------------------------------------------- */

static void devices_restore_lose(struct devices_restore *restore, enum ledger_kind in,
				 uint32_t slot, int error)
{
	const struct accel_record *record =
		device_records_object(devices_restore_ledger(restore), in, slot);
	uint32_t kind = LEDGER_LOAD(record->kind);
	const char *name = kind < ACCEL_RECORD_KINDS ? devices_restore_names[kind] : NULL;

	if (error != -ESTALE && ++restore->n_lost <= RESTORE_LOGGED)
		log_error("%s %u of an accelerator is lost: %s", name ?: "object", slot,
			  strerror(-error));
	if (in == LEDGER_ACCEL && device_records_n_files(record))
		(void)bank_drop(restore->devices->state->bank,
				state_accel_slot(devices_restore_ledger(restore), slot),
				ledger_accel(devices_restore_ledger(restore), slot)
					->record.generation);
	ledger_free(devices_restore_ledger(restore), in, slot);
}

/* A file that refers to no context is freed with the rest. */
static void devices_restore_note_file(struct devices_restore *restore, uint32_t slot)
{
	const struct device_record *record =
		(const struct device_record *)devices_restore_object(restore, slot);
	uint32_t context = LEDGER_LOAD(record->context);

	if (record->kind != DEVICE_RECORD_FILE)
		return;
	if (context && context <= restore->n && !restore->opened[context - 1])
		restore->opened[context - 1] = slot + 1;
}

static int devices_restore_context(struct devices_restore *restore, uint32_t slot)
{
	struct accel_record *record = devices_restore_object(restore, slot);
	uint32_t file = restore->opened[slot];
	const struct device_record *opened =
		file ? (const struct device_record *)devices_restore_object(restore,
									    file - 1)
		     : NULL;
	int r;

	/* Its open(2) got no reply, or its close was under way. */
	if (!opened)
		record->context.closed = 1;
	r = device_file_restore(restore->devices, restore->accel, record,
				record->context.closed ? NULL : opened);
	restore->n_contexts += r == 0 && !record->context.closed;
	return r;
}

static bool devices_restore_file_is_open(const struct devices_restore *restore,
					 uint32_t slot)
{
	const struct device_record *record =
		(const struct device_record *)devices_restore_object(restore, slot);
	const struct device_file *file =
		device_file_find(restore->devices, record->handle);

	return file && file->slot == slot;
}

static int devices_restore_one(struct devices_restore *restore, uint32_t slot)
{
	struct accel_record *record = devices_restore_object(restore, slot);
	unsigned n = device_records_n_files(record);
	int r;

	if (record->number != slot + 1)
		return -EINVAL;
	if (record->kind == ACCEL_RECORD_CONTEXT)
		return devices_restore_context(restore, slot);
	for (unsigned i = 0; i < n; i++)
		if (restore->files[slot][i] < 0)
			return -EBADFD;
	r = accel_restore_object(restore->accel, record, restore->files[slot], n);
	if (r == 0)
		memset(restore->files[slot], -1, sizeof(restore->files[slot]));
	return r;
}

static void devices_restore_kind(struct devices_restore *restore, uint32_t kind)
{
	uint32_t slot;
	int r;

	ledger_for_each(devices_restore_ledger(restore), LEDGER_ACCEL, slot) {
		if (devices_restore_object(restore, slot)->kind != kind)
			continue;
		r = devices_restore_one(restore, slot);
		if (r < 0)
			devices_restore_lose(restore, LEDGER_ACCEL, slot, r);
	}
}

static void devices_restore_mappings(struct devices_restore *restore)
{
	struct ledger *ledger = devices_restore_ledger(restore);
	uint32_t slot;
	int r;

	ledger_for_each(ledger, LEDGER_MAPPING, slot) {
		struct accel_record *record =
			device_records_object(ledger, LEDGER_MAPPING, slot);

		r = record->kind == ACCEL_RECORD_MAPPING && record->number == slot + 1
			    ? accel_restore_object(restore->accel, record, NULL, 0)
			    : -EINVAL;
		if (r < 0)
			devices_restore_lose(restore, LEDGER_MAPPING, slot, r);
	}
}

/* Records of files that are not open, and of no kind. */
static void devices_restore_sweep(struct devices_restore *restore)
{
	uint32_t slot, kind;

	ledger_for_each(devices_restore_ledger(restore), LEDGER_ACCEL, slot) {
		kind = devices_restore_object(restore, slot)->kind;
		if (kind == DEVICE_RECORD_FILE &&
		    devices_restore_file_is_open(restore, slot))
			continue;
		if (kind == DEVICE_RECORD_FILE)
			devices_restore_lose(restore, LEDGER_ACCEL, slot, -ESTALE);
		else if (!kind || kind >= ACCEL_RECORD_KINDS)
			devices_restore_lose(restore, LEDGER_ACCEL, slot, -EINVAL);
	}
}

/* Those who wait for an event query again, so that they find the new ones. */
static void devices_restore_wake_pollers(struct devices_restore *restore, uint32_t slot)
{
	const struct device_record *record =
		(const struct device_record *)devices_restore_object(restore, slot);
	struct fuse_session *session = restore->devices->notifier->session;
	struct {
		struct fuse_out_header head;
		struct fuse_notify_poll_wakeup_out poll;
	} message = {
		.head = {.len = sizeof(message), .error = FUSE_NOTIFY_POLL},
		.poll = {.kh = record->poll},
	};

	if (record->kind != DEVICE_RECORD_FILE || !record->poll || !session)
		return;
	if (write(fuse_session_fd(session), &message, sizeof(message)) < 0)
		log_debug("cannot notify those who poll a context: %m");
}

static int devices_restore_all(struct devices_restore *restore)
{
	struct ledger *ledger = devices_restore_ledger(restore);
	uint32_t slot;
	int r = accel_restore_begin(restore->devices->registry, &restore->accel);

	if (r < 0)
		return r;
	restore->devices->restoring = true;
	ledger_for_each(ledger, LEDGER_ACCEL, slot)
		devices_restore_note_file(restore, slot);
	for (uint32_t kind = ACCEL_RECORD_CONTEXT; kind < ACCEL_RECORD_KINDS; kind++) {
		if (kind == ACCEL_RECORD_MAPPING)
			devices_restore_mappings(restore);
		else
			devices_restore_kind(restore, kind);
	}
	devices_restore_sweep(restore);
	accel_restore_end(restore->accel);
	restore->devices->restoring = false;
	ledger_for_each(ledger, LEDGER_ACCEL, slot)
		devices_restore_wake_pollers(restore, slot);
	return 0;
}

/* Of records that were not restored. The bank dropped them, too, so a close is short. */
static void devices_restore_close_files(struct devices_restore *restore)
{
	for (uint32_t slot = 0; restore->files && slot < restore->n; slot++)
		for (unsigned i = 0; i < ACCEL_RECORD_FILES; i++)
			if (restore->files[slot][i] >= 0)
				close(restore->files[slot][i]);
	free(restore->files);
	free(restore->opened);
	restore->files = NULL;
	restore->opened = NULL;
}

int devices_restore_end(struct devices_restore *restore)
{
	int r = restore->devices->registry ? devices_restore_all(restore) : 0;

	devices_restore_close_files(restore);
	if (restore->n_contexts || restore->n_lost)
		log_info("took over %u contexts of accelerators, lost %u objects",
			 restore->n_contexts, restore->n_lost);
	return r;
}
