/* SPDX-License-Identifier: MIT */
#include "store/poison.h"

#include "locked.h"
#include "util.h"

static struct ledger_poison *poison_find_locked(struct ledger *ledger, uint64_t unique)
{
	struct ledger_poison *entry = ledger->header->poison;

	ASSERT_LOCKED(&ledger->poison_lock);
	for (; entry < ledger->header->poison + LEDGER_POISON; entry++)
		if (atomic_load(&entry->unique) == unique)
			return entry;
	return NULL;
}

/* An unused one; or the oldest, which was perhaps not sent again. */
static struct ledger_poison *poison_oldest_locked(struct ledger *ledger)
{
	struct ledger_poison *oldest = ledger->header->poison;

	ASSERT_LOCKED(&ledger->poison_lock);
	for (size_t i = 1; i < LEDGER_POISON; i++)
		if (atomic_load(&ledger->header->poison[i].unique) <
		    atomic_load(&oldest->unique))
			oldest = &ledger->header->poison[i];
	return oldest;
}

/* How often it was begun again before. */
static uint32_t poison_starts(struct ledger *ledger, uint64_t unique)
{
	SCOPED_LOCK(&ledger->poison_lock);
	const struct ledger_poison *entry = poison_find_locked(ledger, unique);

	return entry ? atomic_load(&entry->starts) : 0;
}

static void poison_count(struct ledger *ledger, uint64_t unique)
{
	SCOPED_LOCK(&ledger->poison_lock);
	struct ledger_poison *entry = poison_find_locked(ledger, unique);

	if (!entry) {
		entry = poison_oldest_locked(ledger);
		atomic_store(&entry->unique, 0);
		atomic_store(&entry->starts, 0);
		atomic_store(&entry->unique, unique);
	}
	atomic_fetch_add(&entry->starts, 1);
}

bool poison_begin(struct ledger *ledger, uint64_t unique)
{
	uint32_t starts = poison_starts(ledger, unique);

	if (starts + 1 >= POISON_KILLS) {
		poison_end(ledger, unique);
		return false;
	}
	if (starts > 0) {
		pthread_mutex_lock(&ledger->poison_alone);
		ledger->poison_unique = unique;
	}
	poison_count(ledger, unique);
	return true;
}

void poison_returned(struct ledger *ledger, uint64_t unique)
{
	if (ledger->poison_unique != unique)
		return;
	ledger->poison_unique = 0;
	pthread_mutex_unlock(&ledger->poison_alone);
}

void poison_end(struct ledger *ledger, uint64_t unique)
{
	SCOPED_LOCK(&ledger->poison_lock);
	struct ledger_poison *entry = poison_find_locked(ledger, unique);

	if (entry)
		atomic_store(&entry->unique, 0);
}
