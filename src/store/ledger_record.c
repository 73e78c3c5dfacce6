/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>

#include "store/ledger_private.h"
#include "crash_point.h"
#include "locked.h"
#include "util.h"

#define LEDGER_PAGE 4096U
/* A hole for fewer free records in sequence is not worth a system call. */
#define LEDGER_HOLE_RECORDS 64U

/* The number of a blob in a record; a chunk has none. */
static uint32_t *ledger_blob_of(void *record, enum ledger_kind kind, unsigned nth)
{
	struct ledger_export *export = record;
	struct ledger_caller *caller = record;

	if (kind == LEDGER_CALLER)
		return nth == 0 ? &caller->security : NULL;
	if (kind != LEDGER_EXPORT)
		return NULL;
	switch (nth) {
	case 0:
		return &export->label;
	case 1:
		return &export->note;
	case 2:
		return &export->parts;
	case 3:
		return &export->node.acl;
	default:
		return NULL;
	}
}

int ledger_claim_blobs(struct ledger *ledger, enum ledger_kind kind, uint32_t slot)
{
	void *record = ledger_at(ledger, kind, slot);
	uint32_t *blob;
	unsigned n;

	for (n = 0; (blob = ledger_blob_of(record, kind, n)); n++)
		if (ledger_claim_blob(ledger, *blob) < 0)
			break;
	if (!blob)
		return 0;
	while (n-- > 0)
		ledger_unclaim_blob(ledger, *ledger_blob_of(record, kind, n));
	return -EBADMSG;
}

static void ledger_free_blobs(struct ledger *ledger, enum ledger_kind kind, uint32_t slot)
{
	void *record = ledger_at(ledger, kind, slot);
	uint32_t *blob;

	for (unsigned n = 0; (blob = ledger_blob_of(record, kind, n)); n++)
		ledger_free_blob(ledger, *blob);
}

/* ---- allocate and free ------------------------------------------------------------- */

/* The mark is stored before the record is: a successor looks no further. */
static uint32_t ledger_take_slot(struct ledger *ledger, enum ledger_kind kind,
				 uint32_t *ret_generation)
{
	struct ledger_places *places = &ledger->places[kind];
	struct ledger_section *section = &ledger->header->sections[kind];

	SCOPED_LOCK(&places->lock);
	uint32_t slot = slots_take(&places->slots);

	if (slot == SLOTS_NONE)
		return LEDGER_NONE;
	places->touched = MAX(places->touched, slot + 1);
	if (++section->generation == 0)
		section->generation = 1;
	*ret_generation = section->generation;
	section->high = places->slots.high;
	atomic_thread_fence(memory_order_release);
	return slot;
}

uint32_t ledger_take_chunk(struct ledger *ledger)
{
	uint32_t unused;

	return ledger_take_slot(ledger, LEDGER_CHUNK, &unused);
}

void ledger_put_slot(struct ledger *ledger, enum ledger_kind kind, uint32_t slot)
{
	struct ledger_places *places = &ledger->places[kind];

	SCOPED_LOCK(&places->lock);
	if (!slots_is_used(&places->slots, slot))
		return;
	slots_put(&places->slots, slot);
	ledger->header->sections[kind].high = places->slots.high;
	atomic_fetch_add_explicit(&ledger->freed, places->record_size,
				  memory_order_relaxed);
}

uint32_t ledger_alloc(struct ledger *ledger, enum ledger_kind kind, uint64_t unique)
{
	uint32_t generation, slot = ledger_take_slot(ledger, kind, &generation);
	struct ledger_record *record;

	if (slot == LEDGER_NONE)
		return LEDGER_NONE;
	record = ledger_at(ledger, kind, slot);
	/* It is FREE, so the state stays what it is. */
	memset(record, 0, ledger->places[kind].record_size);
	record->generation = generation;
	ledger_set_state(record, LEDGER_BUILDING);
	/* Not before: the unique of a free record is of a request that was executed. */
	atomic_signal_fence(memory_order_seq_cst);
	record->unique = unique;
	CRASH_POINT("ledger-allocated");
	return slot;
}

void ledger_free(struct ledger *ledger, enum ledger_kind kind, uint32_t slot)
{
	struct ledger_record *record = ledger_at(ledger, kind, slot);

	if (ledger_state(record) == LEDGER_BUILDING)
		record->unique = 0;
	ledger_set_state(record, LEDGER_FREE);
	CRASH_POINT("ledger-freed");
	ledger_free_blobs(ledger, kind, slot);
	ledger_put_slot(ledger, kind, slot);
}

void ledger_replied(struct ledger *ledger, enum ledger_kind kind, uint32_t slot,
		    uint64_t unique)
{
	struct ledger_record *record = ledger_at(ledger, kind, slot);

	if (unique)
		(void)__atomic_compare_exchange_n(&record->unique, &unique, 0, false,
						  __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* ---- find -------------------------------------------------------------------------- */

void ledger_read(const struct ledger *ledger, enum ledger_kind kind, uint32_t slot,
		 void *ret_record)
{
	memcpy(ret_record, ledger_at(ledger, kind, slot),
	       ledger->places[kind].record_size);
	/* The compiler must not read the record again instead. */
	atomic_signal_fence(memory_order_seq_cst);
}

const struct ledger_export *ledger_export_of(const struct ledger *ledger,
					     const struct ledger_open *open,
					     uint32_t *ret_slot)
{
	const struct ledger_export *export;
	struct ledger_open copy;

	memcpy(&copy, open, sizeof(copy));
	atomic_signal_fence(memory_order_seq_cst);
	if (copy.export >= ledger->places[LEDGER_EXPORT].capacity)
		return NULL;
	export = ledger_export(ledger, copy.export);
	if (export->record.generation != copy.export_generation)
		return NULL;
	*ret_slot = copy.export;
	return export;
}

uint32_t ledger_next(struct ledger *ledger, enum ledger_kind kind, uint32_t slot)
{
	struct ledger_places *places = &ledger->places[kind];

	SCOPED_LOCK(&places->lock);
	slot = slots_next_used(&places->slots, slot);
	while (slot != SLOTS_NONE &&
	       ledger_state(ledger_at(ledger, kind, slot)) < LEDGER_LIVE)
		slot = slots_next_used(&places->slots, slot + 1);
	return slot;
}

uint64_t ledger_handle(const struct ledger *ledger, enum ledger_kind kind, uint32_t slot)
{
	const struct ledger_record *record = ledger_at(ledger, kind, slot);

	return (uint64_t)record->generation << 32 | slot;
}

uint32_t ledger_find(const struct ledger *ledger, enum ledger_kind kind, uint64_t handle)
{
	uint32_t slot = (uint32_t)handle;
	const struct ledger_record *record;

	if (slot >= ledger->places[kind].capacity)
		return LEDGER_NONE;
	record = ledger_at(ledger, kind, slot);
	return ledger_state(record) >= LEDGER_LIVE && record->generation == handle >> 32
		       ? slot
		       : LEDGER_NONE;
}

uint64_t ledger_next_id(struct ledger *ledger)
{
	return atomic_fetch_add(&ledger->header->next_id, 1);
}

/* ---- give memory back -------------------------------------------------------------- */

/* The pages that hold nothing but records from @first up to @end. */
static void ledger_punch_locked(struct ledger *ledger, enum ledger_kind kind,
				uint32_t first, uint32_t end)
{
	const struct ledger_places *places = &ledger->places[kind];
	uint64_t base = (uint64_t)(places->records - (uint8_t *)ledger->header);
	uint64_t from = base + (uint64_t)first * places->record_size;
	uint64_t to = base + (uint64_t)end * places->record_size;

	from = (from + LEDGER_PAGE - 1) / LEDGER_PAGE * LEDGER_PAGE;
	to = to / LEDGER_PAGE * LEDGER_PAGE;
	if (from < to)
		(void)fallocate(ledger->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				(off_t)from, (off_t)(to - from));
}

/* The next hole from @slot on; where to go on, or LEDGER_NONE. */
static uint32_t ledger_trim_once(struct ledger *ledger, enum ledger_kind kind,
				 uint32_t slot)
{
	struct ledger_places *places = &ledger->places[kind];

	SCOPED_LOCK(&places->lock);
	uint32_t first = slots_next_free(&places->slots, slot);
	uint32_t end;

	if (first >= places->touched)
		return LEDGER_NONE;
	end = slots_next_used(&places->slots, first);
	if (end == SLOTS_NONE)
		end = places->touched;
	if (end - first >= LEDGER_HOLE_RECORDS)
		ledger_punch_locked(ledger, kind, first, end);
	if (end == places->touched)
		places->touched = first;
	return end;
}

void ledger_trim(struct ledger *ledger)
{
	atomic_store(&ledger->freed, 0);
	for (unsigned kind = 0; kind < LEDGER_KINDS; kind++) {
		uint32_t slot = 0;

		while (slot != LEDGER_NONE)
			slot = ledger_trim_once(ledger, kind, slot);
	}
}

/* ---- requests that come again ------------------------------------------------------ */

uint32_t ledger_find_made(struct ledger *ledger, enum ledger_kind kind, uint64_t unique)
{
	SCOPED_LOCK(&ledger->uniques_lock);

	return uniques_find(&ledger->uniques, unique, kind);
}

uint32_t ledger_find_ended(struct ledger *ledger, uint64_t unique)
{
	SCOPED_LOCK(&ledger->uniques_lock);

	return uniques_find(&ledger->uniques, unique, LEDGER_WHAT_ENDED);
}

void ledger_forget_requests(struct ledger *ledger)
{
	SCOPED_LOCK(&ledger->uniques_lock);

	uniques_finish(&ledger->uniques);
}
