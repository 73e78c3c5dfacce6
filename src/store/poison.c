/* SPDX-License-Identifier: MIT */
#include "store/poison.h"

#include <time.h>

#include "clock.h"
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

static void poison_count_locked(struct ledger *ledger, uint64_t unique)
{
	struct ledger_poison *entry = poison_find_locked(ledger, unique);

	ASSERT_LOCKED(&ledger->poison_lock);
	if (!entry) {
		entry = poison_oldest_locked(ledger);
		atomic_store(&entry->unique, 0);
		atomic_store(&entry->starts, 0);
		atomic_store(&entry->unique, unique);
	}
	atomic_fetch_add(&entry->starts, 1);
}

static void poison_forget_locked(struct ledger *ledger, uint64_t unique)
{
	struct ledger_poison *entry = poison_find_locked(ledger, unique);

	ASSERT_LOCKED(&ledger->poison_lock);
	if (entry)
		atomic_store(&entry->unique, 0);
}

/* True: none is counted any more. */
static bool poison_wait_locked(struct ledger *ledger)
{
	uint64_t patience = now_ms() + POISON_WAIT_MS;

	ASSERT_LOCKED(&ledger->poison_lock);
	while (ledger->poison_unique) {
		uint64_t now = now_ms(), end = MIN(patience, ledger->poison_until_ms);
		struct timespec until;

		if (now >= end)
			return false;
		until = deadline_ms(end - now);
		pthread_cond_clockwait(&ledger->poison_ended, &ledger->poison_lock,
				       CLOCK_MONOTONIC, &until);
	}
	return true;
}

bool poison_begin(struct ledger *ledger, uint64_t unique)
{
	SCOPED_LOCK(&ledger->poison_lock);
	const struct ledger_poison *entry = poison_find_locked(ledger, unique);

	/* + 1: the first kill, at which it was not counted. */
	if (entry && atomic_load(&entry->starts) + 1 >= POISON_KILLS) {
		poison_forget_locked(ledger, unique);
		return false;
	}
	if (poison_wait_locked(ledger)) {
		ledger->poison_unique = unique;
		ledger->poison_until_ms = now_ms() + POISON_WAIT_MS;
		poison_count_locked(ledger, unique);
	}
	return true;
}

void poison_end(struct ledger *ledger, uint64_t unique)
{
	SCOPED_LOCK(&ledger->poison_lock);

	poison_forget_locked(ledger, unique);
	if (ledger->poison_unique != unique)
		return;
	ledger->poison_unique = 0;
	pthread_cond_broadcast(&ledger->poison_ended);
}
