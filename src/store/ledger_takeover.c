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
	if (caller)
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
		takeover_call(takeover, ledger_description(ledger, slot)->caller);
	if (kind != LEDGER_EXPORT)
		return;
	takeover_call(takeover, ledger_export(ledger, slot)->caller);
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
	uint32_t high = ledger->header->sections[LEDGER_EXPORT].high;

	for (uint32_t slot = 0; slot < high; slot++) {
		uint64_t end = ledger_export(ledger, slot)->end_unique;

		if (end && takeover->last_end - end < TAKEOVER_RECENT &&
		    slots_claim(slots, slot))
			slots_put(slots, slot);
	}
}

static void takeover_free_uncalled(struct takeover *takeover)
{
	struct ledger *ledger = takeover->ledger;
	uint32_t high = ledger->header->sections[LEDGER_CALLER].high;

	for (uint32_t slot = 0; slot < high; slot++)
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
	off_t first = (off_t)ledger->header->past;
	off_t end = first + (off_t)(LEDGER_PAST * sizeof(struct ledger_past));

	if (lseek(ledger->fd, first, SEEK_DATA) < end)
		takeover_check_past(ledger->past, ledger->past + LEDGER_PAST);
}

static int takeover_prepare(struct takeover *takeover)
{
	struct ledger *ledger = takeover->ledger;
	const struct ledger_section *sections = ledger->header->sections;
	size_t n = (size_t)sections[LEDGER_DESCRIPTION].high +
		   2 * (size_t)sections[LEDGER_EXPORT].high;

	for (unsigned kind = 0; kind < LEDGER_KINDS; kind++)
		if (ledger_reset_places(ledger, kind) < 0)
			return -ENOMEM;
	uniques_finish(&ledger->uniques);
	takeover->called = calloc(sections[LEDGER_CALLER].high + 1, 1);
	if (!takeover->called ||
	    uniques_reserve(&takeover->keys, n + sections[LEDGER_USER].high) < 0 ||
	    uniques_reserve(&ledger->uniques, n + sections[LEDGER_USER].high +
						      sections[LEDGER_CALLER].high +
						      sections[LEDGER_OPEN].high +
						      sections[LEDGER_ACCEL].high +
						      sections[LEDGER_MAPPING].high) < 0)
		return -ENOMEM;
	return 0;
}

static void takeover_run(struct takeover *takeover)
{
	struct ledger *ledger = takeover->ledger;
	struct ledger_section *sections = ledger->header->sections;

	takeover_check_nodes(takeover);
	for (unsigned kind = 0; kind < LEDGER_CHUNK; kind++)
		for (uint32_t slot = 0; slot < sections[kind].high; slot++)
			takeover_record(takeover, kind, slot);
	takeover_free_uncalled(takeover);
	takeover_rest(takeover);
	takeover_past(ledger);
	for (unsigned kind = 0; kind < LEDGER_KINDS; kind++)
		sections[kind].high = ledger->places[kind].slots.high;
}

int ledger_take_over(struct ledger *ledger, struct ledger_losses *ret_losses)
{
	struct takeover takeover = {.ledger = ledger};
	int r = takeover_prepare(&takeover);

	if (r == 0) {
		CRASH_POINT("takeover-ledger-begun");
		ledger->epoch = atomic_fetch_add(&ledger->header->epoch, 1) + 1;
		CRASH_POINT("takeover-ledger-epoch");
		takeover_run(&takeover);
		CRASH_POINT("takeover-ledger-checked");
		*ret_losses = takeover.losses;
	}
	uniques_finish(&takeover.keys);
	free(takeover.called);
	return r;
}
