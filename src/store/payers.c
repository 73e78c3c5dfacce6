/* SPDX-License-Identifier: MIT */
#include "store/payers.h"

#include <errno.h>

#include "base/log.h"

/* Without a record, a uid pays for itself alone after a takeover. */
static uint32_t payers_known(void *data, uid_t uid, uid_t owner)
{
	struct ledger *ledger = data;
	uint32_t slot = ledger_alloc(ledger, LEDGER_USER, 0);
	struct ledger_user *record;

	if (slot == LEDGER_NONE)
		return slot;
	record = ledger_user(ledger, slot);
	record->uid = uid;
	record->owner = owner;
	ledger_set_state(record, LEDGER_LIVE);
	return slot;
}

static void payers_forgotten(void *data, uint32_t slot)
{
	if (slot != LEDGER_NONE)
		ledger_free(data, LEDGER_USER, slot);
}

static const struct limits_ops payers_ops = {
	.known = payers_known,
	.forgotten = payers_forgotten,
};

void payers_store(struct limits *limits, struct ledger *ledger)
{
	limits->ops = &payers_ops;
	limits->ops_data = ledger;
}

int payers_restore(struct limits *limits, struct ledger *ledger)
{
	uint32_t slot;

	ledger_for_each(ledger, LEDGER_USER, slot) {
		const struct ledger_user *record = ledger_user(ledger, slot);
		int r = limits_restore_user(limits, record->uid, record->owner, slot);

		if (r == -ENOMEM)
			return r;
		if (r < 0) {
			log_error("ledger: uid %u pays for itself: its owner is not one",
				  record->uid);
			ledger_free(ledger, LEDGER_USER, slot);
		}
	}
	return 0;
}

void payers_settle(struct limits *limits, struct ledger *ledger)
{
	uint32_t slot;

	ledger_for_each(ledger, LEDGER_USER, slot)
		limits_forget_idle(limits, ledger_user(ledger, slot)->uid);
}
