/* SPDX-License-Identifier: MIT */
/* export_record.c - an export in the ledger and in the bank, and back */
#include "names/export.h"

#include <stdatomic.h>
#include <string.h>

#include "base/log.h"
#include "base/request.h"
#include "buffers/closer.h"
#include "names/table.h"
#include "crash_point.h"
#include "util.h"

struct ledger_export *export_record(const struct table *table,
				    const struct export *export)
{
	return ledger_export(table->ledger, export->slot);
}

static void export_fill_record(const struct export *export, struct ledger_export *record)
{
	const struct buffer *buffer = &export->buffer;

	memcpy(record->uuid, export->uuid, sizeof(record->uuid));
	record->flags = export->flags;
	record->mode = export->mode;
	record->exporter = export->exporter;
	record->charged_bytes = export->charged_bytes;
	record->caller = export->caller->record;
	record->n_parts = 1;
	record->part = (struct ledger_part){
		.dev = buffer->dev,
		.ino = buffer->ino,
		.kind = buffer->kind,
		.access = (uint32_t)buffer->access,
		.seals = buffer->seals,
	};
}

int export_store(struct table *table, struct export *export)
{
	struct ledger *ledger = table->ledger;
	struct ledger_export *record;
	uint32_t slot;
	int r = caller_store(export->caller, ledger);

	if (r < 0)
		return r;
	slot = ledger_alloc(ledger, LEDGER_EXPORT, request_unique());
	if (slot == LEDGER_NONE)
		return -ENOSPC;
	record = ledger_export(ledger, slot);
	export_fill_record(export, record);
	if (export->label)
		r = ledger_put_blob(ledger, export->label, strlen(export->label),
				    &record->label);
	if (r < 0) {
		ledger_free(ledger, LEDGER_EXPORT, slot);
		return r;
	}
	export->slot = slot;
	node_bind(&export->node, ledger, &record->node);
	return 0;
}

/* ---- the bank ---------------------------------------------------------------------- */

static void export_log_unbanked(const struct export *export, int error)
{
	static atomic_bool logged;
	char name[UUID_TEXT_LENGTH + 1];

	export_name(export, name);
	if (!atomic_exchange(&logged, true))
		log_warning("%s, as names after it: would be lost if the service "
			    "is killed: %s",
			    name, strerror(-error));
}

void export_bank(struct table *table, struct export *export)
{
	uint32_t generation = export_record(table, export)->record.generation;
	int r;

	if (!buffer_has_memory(&export->buffer))
		return;
	r = bank_put(table->bank, export->slot, generation, &export->buffer.fd, 1);
	/* What ended may take the room. */
	if (r == -ENOBUFS && bank_turn(table->bank, true) == 0)
		r = bank_put(table->bank, export->slot, generation, &export->buffer.fd,
			     1);
	export->banked = r >= 0;
	if (r > 0)
		leaving_turn(&table->leaving);
	if (r < 0)
		export_log_unbanked(export, r);
	CRASH_POINT("export-banked");
}

/* ---- takeover ---------------------------------------------------------------------- */

static void export_read_record(struct export *export, const struct ledger_export *record)
{
	memcpy(export->uuid, record->uuid, sizeof(export->uuid));
	export->id = record->id;
	export->flags = record->flags;
	export->mode = record->mode;
	export->exporter = record->exporter;
	export->charged_bytes = record->charged_bytes;
	export->atime_then = (struct timespec){record->atime_then, record->atime_then_ns};
	export->mtime_then = (struct timespec){record->mtime_then, record->mtime_then_ns};
	export->backing_id = atomic_load(&record->backing_id);
	export->revoked = record->end_cause == DMABUFFS_ENDED_REVOKED;
	export->buffer = (struct buffer){
		.fd = -1,
		.kind = record->part.kind,
		.access = (int)record->part.access,
		.dev = record->part.dev,
		.ino = record->part.ino,
	};
}

/* Its room is for the bank's duplicate. */
static int export_make_closing(struct table *table, struct export *export)
{
	export->closing = closing_new(table->limits, export->charged_uid, 1);
	if (!export->closing)
		return -ENOMEM;
	export->buffer.closing = export->closing;
	export->buffer.person = closing_person(export->closing);
	return 0;
}

static int export_restore_label(struct table *table, struct export *export)
{
	char text[DMABUFFS_LABEL_SIZE];
	ssize_t size =
		ledger_read_blob(table->ledger, export_record(table, export)->label, text,
				 sizeof(text) - 1);

	if (size < 0)
		return -EBADMSG;
	if (size == 0)
		return 0;
	export->label = strndup(text, (size_t)size);
	return export->label ? 0 : -ENOMEM;
}

static int export_restore_node(struct table *table, struct export *export)
{
	struct ledger_export *record = export_record(table, export);
	int r = node_restore(&export->node, table->ledger, &record->node);
	char name[UUID_TEXT_LENGTH + 1];

	if (r == -EBADMSG) {
		export_name(export, name);
		log_error("%s: its ACL is lost: it is its owner's alone", name);
		r = 0;
	}
	/* So whoever is charged may end the name. */
	export->charged_uid = export->node.uid;
	return r;
}

static int export_restore_rest(struct table *table, struct export *export)
{
	int r = export_restore_node(table, export);

	if (r == 0)
		r = export_restore_label(table, export);
	return r < 0 ? r : export_make_closing(table, export);
}

int export_restore(struct table *table, uint32_t slot, struct caller *caller,
		   struct export **ret_export)
{
	struct export *export = calloc(1, sizeof(*export));
	int r;

	if (!export)
		return -ENOMEM;
	export->slot = slot;
	export_read_record(export, export_record(table, export));
	export->caller = caller_ref(caller);
	r = export_restore_rest(table, export);
	if (r < 0) {
		caller_unref(export->caller);
		node_finish(&export->node);
		free(export->label);
		free(export);
		return r;
	}
	*ret_export = export;
	return 0;
}

/*
 * The charge can be less than the memory: an unsealed memfd that grew is charged when it
 * is opened next, and a client decides how far it grows. It is never more.
 */
static void export_check_charge(struct table *table, struct export *export,
				uint64_t bytes)
{
	if (export->charged_bytes > bytes)
		export_record(table, export)->charged_bytes = export->charged_bytes =
			bytes;
}

int export_restore_buffer(struct table *table, struct export *export, int fd)
{
	uint64_t bytes;
	int r = buffer_restore(&export->buffer, fd, &bytes);

	if (r < 0)
		return r;
	export_check_charge(table, export, bytes);
	export->has_buffer = true;
	export->banked = true;
	return 0;
}
