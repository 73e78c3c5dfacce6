/* SPDX-License-Identifier: MIT */
#include "fs/orphans.h"

#include "base/log.h"
#include "fs/backing.h"
#include "locked.h"
#include "util.h"

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

void orphans_check(struct service *service, struct export *export)
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

		if (atomic_load(&record->reply) == LEDGER_DOUBTFUL)
			return table_get(&service->table,
					 ledger_export(ledger, record->export)->id);
	}
	return NULL;
}

void orphans_check_all(struct service *service)
{
	uint32_t slot = 0;

	for (;;) {
		struct export *export = orphans_next(service, &slot);

		if (slot == LEDGER_NONE)
			return;
		if (export)
			orphans_check(service, export);
		table_put(&service->table, export);
		slot++;
	}
}
