/* SPDX-License-Identifier: MIT */
/*
 * takeover.h - one run of ledger_take_over()
 *
 * ledger_takeover.c walks through the records, takeover_check.c says what is wrong with
 * one.
 */
#ifndef DMABUFFS_TAKEOVER_H
#define DMABUFFS_TAKEOVER_H

#include "store/ledger_private.h"

struct takeover {
	struct ledger *ledger;
	struct ledger_losses losses;
	uint32_t high[LEDGER_KINDS]; /* no record from here on is in use, as was found */
	struct uniques keys;         /* that only one record may have */
	uint8_t *called;             /* which callers a record refers to */
	uint64_t last_end;           /* the last request that removed a name */
};

/* Before the records: every id below header.next_id may be in use, and no other. */
void takeover_check_next_id(struct takeover *takeover);

/*
 * What is wrong with a committed record of this kind, or NULL. The records that it refers
 * to were checked before, and their slots claimed.
 */
const char *takeover_check_user(struct takeover *takeover, uint32_t slot);
const char *takeover_check_caller(struct takeover *takeover, uint32_t slot);
const char *takeover_check_description(struct takeover *takeover, uint32_t slot);
const char *takeover_check_export(struct takeover *takeover, uint32_t slot);
const char *takeover_check_open(struct takeover *takeover, uint32_t slot);
/* It is checked where it is made again. */
const char *takeover_check_accel(struct takeover *takeover, uint32_t slot);

#endif
