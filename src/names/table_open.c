/* SPDX-License-Identifier: MIT */
/* table_open.c - the open files of names, counted here and stored in the ledger */
#include "base/request.h"
#include "names/table_private.h"
#include "crash_point.h"
#include "locked.h"
#include "util.h"

bool table_open_locked(struct table *table, struct export *export)
{
	ASSERT_LOCKED(&table->lock);
	if (export->named && export->opens++ == 0)
		export->refs++;
	return export->named;
}

bool table_open(struct table *table, struct export *export)
{
	SCOPED_LOCK(&table->lock);

	return table_open_locked(table, export);
}

int table_close(struct table *table, struct export *export)
{
	SCOPED_LOCK(&table->lock);
	int backing_id = 0;

	if (export->opens == 1) {
		backing_id = export->backing_id;
		export->backing_id = 0;
	}
	if (!backing_id && --export->opens == 0) {
		table_release_if_unused_locked(table, export);
		table_put_locked(table, export);
	}
	return backing_id;
}

bool table_hold_buffer_locked(struct table *table, struct export *export)
{
	ASSERT_LOCKED(&table->lock);
	/* Else those who have it could keep it for each other. */
	if (!export->has_buffer || (!export->named && !export->opens))
		return false;
	export->holds++;
	return true;
}

void table_drop_buffer(struct table *table, struct export *export)
{
	SCOPED_LOCK(&table->lock);

	export->holds--;
	table_release_if_unused_locked(table, export);
}

/* ---- for a successor --------------------------------------------------------------- */

bool table_is_crowded(const struct table *table)
{
	return table->n_opens >= table->ledger->places[LEDGER_OPEN].capacity / 2;
}

static int table_charge_open(struct table *table, const struct payer *payer)
{
	int r = payer ? limits_charge_process(table->limits, payer, RES_OPENS, 1) : 0;

	if (r == 0)
		atomic_fetch_add(&table->n_opens, 1);
	/* An owner that cannot be read is an owner over its limit. */
	return r == 0 || r == -ENOMEM ? r : -ENFILE;
}

static void table_uncharge_open(struct table *table, uint32_t paying)
{
	if (paying)
		limits_uncharge(table->limits, paying - 1, RES_OPENS, 1);
	atomic_fetch_sub(&table->n_opens, 1);
}

int table_store_open(struct table *table, const struct export *export,
		     const struct payer *payer, int flags, uint64_t *ret_handle)
{
	uint32_t slot, paying = payer ? payer->uid + 1 : 0;
	int r = table_charge_open(table, payer);
	struct ledger_open *record;

	if (r < 0)
		return r;
	slot = ledger_alloc(table->ledger, LEDGER_OPEN, request_unique());
	if (slot == LEDGER_NONE) {
		table_uncharge_open(table, paying);
		return -ENFILE;
	}
	record = ledger_opened(table->ledger, slot);
	record->export = export->slot;
	record->export_generation = export_record(table, export)->record.generation;
	record->flags = (uint32_t)flags;
	record->payer = paying;
	ledger_set_state(record, LEDGER_LIVE);
	CRASH_POINT("open-stored");
	*ret_handle = ledger_handle(table->ledger, LEDGER_OPEN, slot);
	return 0;
}

int table_charge_opens(struct table *table)
{
	struct ledger *ledger = table->ledger;
	uint32_t slot;
	int r = 0;

	ledger_for_each(ledger, LEDGER_OPEN, slot) {
		uint32_t paying = LEDGER_LOAD(ledger_opened(ledger, slot)->payer);
		const struct payer payer = {paying - 1, 0};

		if (paying && r == 0)
			r = limits_charge_process_anyway(table->limits, &payer, RES_OPENS,
							 1);
		atomic_fetch_add(&table->n_opens, 1);
	}
	return r;
}

/* The export of an open file; NULL: it ended. */
static struct export *table_of_open_locked(struct table *table,
					   const struct ledger_open *record)
{
	uint32_t slot;
	const struct ledger_export *export =
		ledger_export_of(table->ledger, record, &slot);

	ASSERT_LOCKED(&table->lock);
	return export ? table_find_locked(table, export->id) : NULL;
}

void table_open_replied(struct table *table, uint64_t handle)
{
	ledger_replied(table->ledger, LEDGER_OPEN, (uint32_t)handle, request_unique());
}

bool table_was_opened(struct table *table, struct export *export, uint64_t *ret_handle)
{
	SCOPED_LOCK(&table->lock);
	struct ledger_open *record;
	uint32_t slot;

	if (!request_is_resent())
		return false;
	slot = ledger_find_made(table->ledger, LEDGER_OPEN, request_unique());
	if (slot == LEDGER_NONE)
		return false;
	record = ledger_opened(table->ledger, slot);
	if (ledger_state(record) != LEDGER_LIVE ||
	    record->record.unique != request_unique() ||
	    table_of_open_locked(table, record) != export)
		return false;
	*ret_handle = ledger_handle(table->ledger, LEDGER_OPEN, slot);
	return true;
}

struct export *table_forget_open(struct table *table, uint64_t handle)
{
	SCOPED_LOCK(&table->lock);
	uint32_t slot = ledger_find(table->ledger, LEDGER_OPEN, handle);
	struct export *export;

	if (slot == LEDGER_NONE)
		return NULL;
	export = table_of_open_locked(table, ledger_opened(table->ledger, slot));
	if (export)
		export->refs++;
	table_uncharge_open(table,
			    LEDGER_LOAD(ledger_opened(table->ledger, slot)->payer));
	ledger_free(table->ledger, LEDGER_OPEN, slot);
	CRASH_POINT("open-forgotten");
	leaving_freed(&table->leaving);
	return export;
}

void table_store_backing_locked(struct table *table, struct export *export, int id)
{
	struct ledger_header *header = table->ledger->header;

	ASSERT_LOCKED(&table->lock);
	CRASH_POINT("backing-opened");
	export->backing_id = id;
	atomic_store(&export_record(table, export)->backing_id, id);
	/* Ids ascend, and all are opened and stored under this lock. */
	header->sweep = (uint64_t)id + 1;
	CRASH_POINT("backing-stored");
}

void table_forget_backing(struct table *table, const struct export *export, int closed)
{
	int32_t expected = closed;

	CRASH_POINT("backing-closed");
	/* Unless it was opened again meanwhile. */
	atomic_compare_exchange_strong(&export_record(table, export)->backing_id,
				       &expected, 0);
}
