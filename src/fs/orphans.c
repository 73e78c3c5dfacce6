/* SPDX-License-Identifier: MIT */
#include "fs/orphans.h"

#include "base/log.h"
#include "fs/backing.h"
#include "clock.h"
#include "locked.h"
#include "util.h"

/* Any client that was replied to has run, also on a machine that is busy. */
#define ORPHANS_WAIT_MS 10000

/* All real files of the export hold its backing file open. */
static bool orphans_are_certain(struct table *table, const struct export *export)
{
	SCOPED_LOCK(&table->lock);

	return export->doubtful > 0 && export->has_buffer && export->backing_id > 0 &&
	       buffer_held(&export->buffer) == 0;
}

static void orphans_close_one(struct service *service, struct export *export)
{
	struct table *table = &service->table;
	int id;

	while ((id = table_close(table, export)) > 0) {
		backing_close(service, id);
		table_forget_backing(table, export, id);
	}
}

static void orphans_check_one(struct service *service, struct export *export)
{
	struct table *table = &service->table;
	char name[UUID_TEXT_LENGTH + 1];

	if (!orphans_are_certain(table, export))
		return;
	export_name(export, name);
	log_info("%s: closes what a killed client did not get", name);
	while (table_forget_doubtful(table, export))
		orphans_close_one(service, export);
}

/* The next one from @slot on that has doubtful ones, with a reference. */
static struct export *orphans_next(struct service *service, uint32_t *slot)
{
	struct ledger *ledger = service->state.ledger;

	for (*slot = ledger_next(ledger, LEDGER_OPEN, *slot); *slot != LEDGER_NONE;
	     *slot = ledger_next(ledger, LEDGER_OPEN, *slot + 1)) {
		const struct ledger_open *record = ledger_opened(ledger, *slot);
		const struct ledger_export *export;
		uint32_t of;

		if (atomic_load(&record->reply) != LEDGER_DOUBTFUL)
			continue;
		export = ledger_export_of(ledger, record, &of);
		return export ? table_get(&service->table, export->id) : NULL;
	}
	return NULL;
}

static bool orphans_are_left(struct service *service)
{
	uint32_t slot = 0;
	struct export *export = orphans_next(service, &slot);

	table_put(&service->table, export);
	return slot != LEDGER_NONE;
}

static void orphans_check_all(struct service *service)
{
	uint32_t slot = 0;

	for (;;) {
		struct export *export = orphans_next(service, &slot);

		if (slot == LEDGER_NONE)
			return;
		if (export)
			orphans_check_one(service, export);
		table_put(&service->table, export);
		slot++;
	}
}

void orphans_begin(struct service *service)
{
	atomic_store(&service->orphans_due_ms, now_ms() + ORPHANS_WAIT_MS);
}

/* What is held by others then is looked at again with a later close. */
void orphans_check(struct service *service)
{
	uint64_t due = atomic_load(&service->orphans_due_ms);

	if (!due || now_ms() < due)
		return;
	if (!atomic_compare_exchange_strong(&service->orphans_due_ms, &due, 0))
		return;
	orphans_check_all(service);
	if (orphans_are_left(service))
		orphans_begin(service);
}
