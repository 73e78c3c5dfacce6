/* SPDX-License-Identifier: MIT */
/* payers.h - who stands behind whom (limits.h), in the ledger for a successor */
#ifndef DMABUFFS_PAYERS_H
#define DMABUFFS_PAYERS_H

#include "base/limits.h"
#include "store/ledger.h"

/* Stores what @limits learns from now on. Before the first charge. */
void payers_store(struct limits *limits, struct ledger *ledger);

/*
 * What a predecessor stored, before anything is charged; a record that cannot be is freed
 * and logged. 0 or -ENOMEM. payers_settle() drops those who hold nothing, after all.
 */
int payers_restore(struct limits *limits, struct ledger *ledger);
void payers_settle(struct limits *limits, struct ledger *ledger);

#endif
