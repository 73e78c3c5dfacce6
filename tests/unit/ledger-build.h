/* SPDX-License-Identifier: MIT */
/* ledger-build.h - small ledgers, and records as the service makes them */
#ifndef DMABUFFS_TESTS_LEDGER_BUILD_H
#define DMABUFFS_TESTS_LEDGER_BUILD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/ledger.h"

#define BUILD_RECORDS 96U /* of each kind */
#define BUILD_CHUNKS  256U

static inline void build_must(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "ledger-build.h: %s\n", what);
	abort();
}

static inline struct ledger *build_ledger(void)
{
	struct ledger_config config = {.n_queues = 2};
	struct ledger *ledger = NULL;

	for (size_t i = 0; i < LEDGER_KINDS; i++)
		config.capacity[i] = BUILD_RECORDS;
	config.capacity[LEDGER_CHUNK] = BUILD_CHUNKS;
	build_must(ledger_create(&config, &ledger) == 0, "ledger_create");
	return ledger;
}

static inline uint32_t build_user(struct ledger *ledger, uint32_t uid)
{
	uint32_t slot = ledger_alloc(ledger, LEDGER_USER, 0);

	ledger_user(ledger, slot)->uid = uid;
	ledger_user(ledger, slot)->owner = UINT32_MAX;
	ledger_set_state(ledger_user(ledger, slot), LEDGER_LIVE);
	return slot;
}

static inline uint32_t build_caller(struct ledger *ledger)
{
	uint32_t slot = ledger_alloc(ledger, LEDGER_CALLER, 0);
	struct ledger_caller *caller = ledger_caller(ledger, slot);

	caller->pid = 42;
	memcpy(caller->comm, "program", sizeof("program"));
	ledger_put_blob(ledger, "unconfined", 10, &caller->security);
	ledger_set_state(caller, LEDGER_LIVE);
	return slot;
}

static inline uint32_t build_root(struct ledger *ledger, uint64_t unique)
{
	uint32_t slot = ledger_alloc(ledger, LEDGER_DESCRIPTION, unique);
	struct ledger_description *root = ledger_description(ledger, slot);

	root->id = ledger_next_id(ledger);
	root->kind = LEDGER_ROOT;
	root->uid = 1000;
	ledger_set_state(root, LEDGER_LIVE);
	return slot;
}

/* The content of an export that is being built. Its name begins with the unique. */
static inline void build_fill(struct ledger *ledger, uint32_t slot, uint32_t root,
			      uint32_t caller)
{
	struct ledger_export *export = ledger_export(ledger, slot);

	export->id = ledger_next_id(ledger);
	memcpy(export->uuid, &export->record.unique, sizeof(export->record.unique));
	export->uuid[DMABUFFS_UUID_SIZE - 1] = 1;
	export->root = ledger_handle(ledger, LEDGER_DESCRIPTION, root);
	export->caller = caller + 1;
	export->node.mode = S_IFREG | 0640;
	export->node.uid = export->exporter = 1000;
	export->n_parts = 1;
	export->part.kind = DMABUFFS_KIND_MEMFD;
	export->part.access = 2;
	ledger_put_blob(ledger, "a label", 7, &export->label);
}

static inline uint32_t build_export(struct ledger *ledger, uint64_t unique, uint32_t root,
				    uint32_t caller)
{
	uint32_t slot = ledger_alloc(ledger, LEDGER_EXPORT, unique);

	build_must(slot != LEDGER_NONE, "no export");
	build_fill(ledger, slot, root, caller);
	ledger_set_state(ledger_export(ledger, slot), LEDGER_LIVE);
	return slot;
}

static inline uint32_t build_open(struct ledger *ledger, uint64_t unique, uint32_t export)
{
	uint32_t slot = ledger_alloc(ledger, LEDGER_OPEN, unique);
	struct ledger_open *open = ledger_opened(ledger, slot);

	open->export = export;
	open->export_generation = ledger_export(ledger, export)->record.generation;
	ledger_set_state(open, LEDGER_LIVE);
	return slot;
}

/* As an unlink: the name ends, and its record stays. */
static inline void build_unlink(struct ledger *ledger, uint64_t unique, uint32_t slot)
{
	struct ledger_export *export = ledger_export(ledger, slot);

	export->end_unique = unique;
	export->end_cause = DMABUFFS_ENDED_UNLINKED;
	ledger_set_state(export, LEDGER_UNNAMED);
}

#endif
