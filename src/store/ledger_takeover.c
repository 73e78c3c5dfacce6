/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid.h>

#include "base/log.h"
#include "store/takeover.h"
#include "crash_point.h"
#include "util.h"

/* Requests that can be under way at once are fewer; the kernel numbers them upwards. */
#define TAKEOVER_RECENT 4096U

/* ---- records ----------------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *(*check)(struct takeover *takeover, uint32_t slot);
	enum ledger_state other; /* a committed state beside LIVE */
} takeover_kinds[LEDGER_KINDS] = {
	[LEDGER_USER] = {"user", takeover_check_user, LEDGER_LIVE},
	[LEDGER_CALLER] = {"caller", takeover_check_caller, LEDGER_LIVE},
	[LEDGER_DESCRIPTION] = {"description", takeover_check_description,
				LEDGER_CLOSING},
	[LEDGER_EXPORT] = {"name", takeover_check_export, LEDGER_UNNAMED},
	[LEDGER_OPEN] = {"open file", takeover_check_open, LEDGER_LIVE},
	[LEDGER_ACCEL] = {"accelerator object", takeover_check_accel, LEDGER_LIVE},
	[LEDGER_MAPPING] = {"mapping", takeover_check_accel, LEDGER_LIVE},
};

static const char *takeover_check(struct takeover *takeover, enum ledger_kind kind,
				  uint32_t slot)
{
	const struct ledger_record *record = ledger_at(takeover->ledger, kind, slot);
	uint32_t state = ledger_state(record);
	const char *why;

	if (state != LEDGER_LIVE && state != takeover_kinds[kind].other)
		return "its state is unknown";
	if (record->generation == 0)
		return "it has no generation";
	why = takeover_kinds[kind].check(takeover, slot);
	if (!why && ledger_claim_blobs(takeover->ledger, kind, slot) < 0)
		why = "what it refers to is damaged";
	return why;
}

static void takeover_log_loss(const struct takeover *takeover, enum ledger_kind kind,
			      uint32_t slot, const char *why)
{
	const struct ledger_export *export = ledger_export(takeover->ledger, slot);
	char name[37];

	if (kind != LEDGER_EXPORT) {
		log_error("ledger: %s %u is lost: %s", takeover_kinds[kind].name, slot,
			  why);
		return;
	}
	uuid_unparse_lower(export->uuid, name);
	log_error("ledger: name %s of uid %u is lost: %s", name, export->node.uid, why);
}

/* No request is recognised by it. */
static void takeover_clear(struct takeover *takeover, enum ledger_kind kind,
			   uint32_t slot)
{
	struct ledger_record *record = ledger_at(takeover->ledger, kind, slot);

	record->unique = 0;
	if (kind == LEDGER_EXPORT)
		ledger_export(takeover->ledger, slot)->end_unique = 0;
	ledger_set_state(record, LEDGER_FREE);
}

/* Its state was not stored, so the name has not ended. Most pages are read only. */
static void takeover_undo_end(struct ledger_export *export)
{
	if (!export->end_unique && !export->end_cause && !atomic_load(&export->notified))
		return;
	export->end_unique = 0;
	export->end_cause = 0;
	atomic_store(&export->notified, 0);
}

static void takeover_call(struct takeover *takeover, uint32_t caller)
{
	if (caller && caller <= takeover->high[LEDGER_CALLER])
		takeover->called[caller - 1] = 1;
}

static void takeover_keep(struct takeover *takeover, enum ledger_kind kind, uint32_t slot)
{
	struct ledger *ledger = takeover->ledger;
	struct ledger_section *section = &ledger->header->sections[kind];
	const struct ledger_record *record = ledger_at(ledger, kind, slot);

	slots_claim(&ledger->places[kind].slots, slot);
	section->generation = MAX(section->generation, record->generation);
	if (kind == LEDGER_DESCRIPTION)
		takeover_call(takeover,
			      LEDGER_LOAD(ledger_description(ledger, slot)->caller));
	if (kind != LEDGER_EXPORT)
		return;
	takeover_call(takeover, LEDGER_LOAD(ledger_export(ledger, slot)->caller));
	if (ledger_state(record) == LEDGER_LIVE)
		takeover_undo_end(ledger_export(ledger, slot));
}

/* Of a free record, too: the request that made it, or ended it, can come again. */
static void takeover_index(struct takeover *takeover, enum ledger_kind kind,
			   uint32_t slot)
{
	struct ledger *ledger = takeover->ledger;
	const struct ledger_record *record = ledger_at(ledger, kind, slot);

	uniques_add(&ledger->uniques, record->unique, kind, slot);
	if (kind == LEDGER_EXPORT) {
		uint64_t end = ledger_export(ledger, slot)->end_unique;

		uniques_add(&ledger->uniques, end, LEDGER_WHAT_ENDED, slot);
		takeover->last_end = MAX(takeover->last_end, end);
	}
}

static void takeover_record(struct takeover *takeover, enum ledger_kind kind,
			    uint32_t slot)
{
	uint32_t state = ledger_state(ledger_at(takeover->ledger, kind, slot));
	const char *why = NULL;

	if (state == LEDGER_BUILDING) {
		takeover->losses.unfinished[kind]++;
		takeover_clear(takeover, kind, slot);
	} else if (state != LEDGER_FREE) {
		why = takeover_check(takeover, kind, slot);
	}
	if (why) {
		takeover->losses.lost[kind]++;
		takeover_log_loss(takeover, kind, slot, why);
		takeover_clear(takeover, kind, slot);
	} else if (state != LEDGER_BUILDING && state != LEDGER_FREE) {
		takeover_keep(takeover, kind, slot);
	}
	takeover_index(takeover, kind, slot);
}

/* ---- the whole --------------------------------------------------------------------- */

/* A name that ended last rests, so that its record is there if the request comes again.
 */
static void takeover_rest(struct takeover *takeover)
{
	struct ledger *ledger = takeover->ledger;
	struct slots *slots = &ledger->places[LEDGER_EXPORT].slots;

	for (uint32_t slot = 0; slot < takeover->high[LEDGER_EXPORT]; slot++) {
		uint64_t end = ledger_export(ledger, slot)->end_unique;

		if (end && takeover->last_end - end < TAKEOVER_RECENT &&
		    slots_claim(slots, slot))
			slots_put(slots, slot);
	}
}

static void takeover_free_uncalled(struct takeover *takeover)
{
	struct ledger *ledger = takeover->ledger;

	for (uint32_t slot = 0; slot < takeover->high[LEDGER_CALLER]; slot++)
		if (!takeover->called[slot] &&
		    slots_is_used(&ledger->places[LEDGER_CALLER].slots, slot))
			ledger_free(ledger, LEDGER_CALLER, slot);
}

/* Without its ACL a file is its owner's alone. */
static void takeover_check_nodes(struct takeover *takeover)
{
	struct ledger_header *header = takeover->ledger->header;

	for (size_t i = 0; i < LEDGER_NODES; i++) {
		struct ledger_node *node = &header->nodes[i];

		if (ledger_claim_blob(takeover->ledger, node->acl) == 0)
			continue;
		log_error("ledger: the ACL of file %zu is lost", i);
		node->acl = 0;
		node->mode &= S_IFMT | 0700;
	}
}

static void takeover_check_past(struct ledger_past *past, const struct ledger_past *end)
{
	for (; past < end; past++)
		if (past->cause > DMABUFFS_ENDED_LOST)
			*past = (struct ledger_past){0};
}

/* A read of a hole would allocate it. */
static void takeover_past(struct ledger *ledger)
{
	off_t first = (uint8_t *)ledger->past - (uint8_t *)ledger->header;
	off_t end = first + (off_t)(LEDGER_PAST * sizeof(struct ledger_past));

	if (lseek(ledger->fd, first, SEEK_DATA) < end)
		takeover_check_past(ledger->past, ledger->past + LEDGER_PAST);
}

/*
 * Not as the header says, where one damaged word would lose all records beyond it: what
 * was never in use is a hole, and to read it would allocate it.
 */
static uint32_t takeover_find_high(const struct ledger *ledger, enum ledger_kind kind)
{
	const struct ledger_places *places = &ledger->places[kind];
	off_t first = places->records - (uint8_t *)ledger->header;
	off_t end = first + (off_t)places->capacity * places->record_size;
	off_t data, hole = first;

	while ((data = lseek(ledger->fd, hole, SEEK_DATA)) >= 0 && data < end)
		hole = lseek(ledger->fd, data, SEEK_HOLE);
	return (uint32_t)((MIN(hole, end) - first + places->record_size - 1) /
			  places->record_size);
}

static void takeover_note_marks(struct takeover *takeover)
{
	for (unsigned kind = 0; kind < LEDGER_KINDS; kind++)
		takeover->high[kind] =
			takeover_find_high(takeover->ledger, (enum ledger_kind)kind);
}

/* Keys that only one record may have, and uniques: see takeover_check.c and _index(). */
static int takeover_reserve(struct takeover *takeover)
{
	const uint32_t *high = takeover->high;
	size_t n = (size_t)high[LEDGER_USER] + high[LEDGER_DESCRIPTION] +
		   2 * (size_t)high[LEDGER_EXPORT];
	size_t others = (size_t)high[LEDGER_CALLER] + high[LEDGER_OPEN] +
			high[LEDGER_ACCEL] + high[LEDGER_MAPPING];

	if (uniques_reserve(&takeover->keys, n) < 0)
		return -ENOMEM;
	return uniques_reserve(&takeover->ledger->uniques, n + others);
}

static int takeover_prepare(struct takeover *takeover)
{
	struct ledger *ledger = takeover->ledger;

	takeover_note_marks(takeover);
	for (unsigned kind = 0; kind < LEDGER_KINDS; kind++)
		if (ledger_reset_places(ledger, kind) < 0)
			return -ENOMEM;
	uniques_finish(&ledger->uniques);
	takeover->called = calloc((size_t)takeover->high[LEDGER_CALLER] + 1, 1);
	return takeover->called ? takeover_reserve(takeover) : -ENOMEM;
}

static void takeover_run(struct takeover *takeover)
{
	struct ledger *ledger = takeover->ledger;

	takeover_check_nodes(takeover);
	takeover_check_next_id(takeover);
	for (unsigned kind = 0; kind < LEDGER_CHUNK; kind++)
		for (uint32_t slot = 0; slot < takeover->high[kind]; slot++)
			takeover_record(takeover, kind, slot);
	takeover_free_uncalled(takeover);
	takeover_rest(takeover);
	takeover_past(ledger);
	for (unsigned kind = 0; kind < LEDGER_KINDS; kind++)
		ledger->header->sections[kind].high = ledger_high(ledger, kind);
}

int ledger_take_over(struct ledger *ledger, struct ledger_losses *ret_losses)
{
	struct takeover takeover = {.ledger = ledger};
	int r = takeover_prepare(&takeover);

	if (r == 0) {
		CRASH_POINT("takeover-ledger-begun");
		atomic_fetch_add(&ledger->header->epoch, 1);
		CRASH_POINT("takeover-ledger-epoch");
		takeover_run(&takeover);
		CRASH_POINT("takeover-ledger-checked");
		*ret_losses = takeover.losses;
	}
	uniques_finish(&takeover.keys);
	free(takeover.called);
	return r;
}
