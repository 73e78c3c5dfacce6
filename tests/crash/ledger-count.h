/* SPDX-License-Identifier: MIT */
/*
 * ledger-count.h - how many records the ledger of a running service has, and how many
 * descriptors its bank
 *
 * Read from outside, through /proc/PID/fd of the service, without its code.
 */
#ifndef DMABUFFS_TEST_CRASH_LEDGER_COUNT_H
#define DMABUFFS_TEST_CRASH_LEDGER_COUNT_H

#include <stdint.h>
#include <sys/types.h>

#include "../../src/store/ledger_format.h"

struct ledger_count {
	uint64_t epoch; /* takeovers */
	uint32_t records[LEDGER_KINDS][LEDGER_STATES];
	uint32_t backing_ids; /* of exports */
	uint32_t banked;      /* descriptors in the queues */
};

/* 0; -ENOENT: this process has no ledger open; -EBADMSG: it has a bad one. */
int ledger_count(pid_t pid, struct ledger_count *ret_count);

/* All records of a kind, but free ones. */
uint32_t ledger_count_used(const struct ledger_count *count, enum ledger_kind kind);

/* One line of numbers, with test_note(). */
void ledger_count_print(const struct ledger_count *count);

#endif
