/* SPDX-License-Identifier: MIT */
#include "names/rebuild.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "locked.h"
#include "sorted.h"
#include "util.h"

/* ---- what ends --------------------------------------------------------------------- */

static void rebuild_log_loss(struct rebuild *rebuild, const struct export *export,
			     const char *why)
{
	char name[UUID_TEXT_LENGTH + 1];

	export_name(export, name);
	rebuild->n_lost++;
	log_error("%s: lost, exported by pid %d uid %u: %s", name, export->caller->pid,
		  export->exporter, why);
}

/* Of an export that has a reference for it. */
static int rebuild_add_unnotified(struct rebuild *rebuild, struct export *export)
{
	int r = array_reserve(&rebuild->unnotified, &rebuild->room,
			      rebuild->n_unnotified + 1, sizeof(struct export *));

	if (r < 0)
		return r;
	past_add(&rebuild->table->past, export->uuid,
		 export_record(rebuild->table, export)->end_cause);
	rebuild->unnotified[rebuild->n_unnotified++] = export;
	return 0;
}

static void rebuild_close_backing(struct rebuild *rebuild, uint32_t slot)
{
	struct ledger_export *record = ledger_export(rebuild->table->ledger, slot);
	int id = atomic_load(&record->backing_id);

	if (id > 0)
		rebuild->close_backing(rebuild->data, id);
	atomic_store(&record->backing_id, 0);
}

/* A later RELEASE of one finds nothing, and is no error. */
static void rebuild_forget_opens(struct rebuild *rebuild, uint32_t export)
{
	struct ledger *ledger = rebuild->table->ledger;
	uint32_t slot;

	ledger_for_each(ledger, LEDGER_OPEN, slot)
		if (LEDGER_LOAD(ledger_opened(ledger, slot)->export) == export)
			ledger_free(ledger, LEDGER_OPEN, slot);
	rebuild->opens[export] = 0;
}

/* A record of which no export is made. */
static void rebuild_drop(struct rebuild *rebuild, uint32_t slot)
{
	if (rebuild->opens[slot] > 0)
		rebuild_forget_opens(rebuild, slot);
	rebuild_close_backing(rebuild, slot);
	ledger_free(rebuild->table->ledger, LEDGER_EXPORT, slot);
}

/* ---- begin ------------------------------------------------------------------------- */

static int rebuild_alloc(struct rebuild *rebuild)
{
	const struct ledger *ledger = rebuild->table->ledger;

	rebuild->n_callers = ledger_high(ledger, LEDGER_CALLER);
	rebuild->n_roots = ledger_high(ledger, LEDGER_DESCRIPTION);
	rebuild->n_exports = ledger_high(ledger, LEDGER_EXPORT);
	rebuild->callers = calloc(rebuild->n_callers + 1, sizeof(*rebuild->callers));
	rebuild->roots = calloc(rebuild->n_roots + 1, sizeof(*rebuild->roots));
	rebuild->exports = calloc(rebuild->n_exports + 1, sizeof(*rebuild->exports));
	rebuild->opens = calloc(rebuild->n_exports + 1, sizeof(*rebuild->opens));
	rebuild->unknown = calloc(1, sizeof(*rebuild->unknown));
	if (!rebuild->callers || !rebuild->roots || !rebuild->exports ||
	    !rebuild->opens || !rebuild->unknown)
		return -ENOMEM;
	rebuild->unknown->refs = 1;
	return 0;
}

static int rebuild_callers(struct rebuild *rebuild)
{
	struct ledger *ledger = rebuild->table->ledger;
	uint32_t slot;

	ledger_for_each(ledger, LEDGER_CALLER, slot) {
		int r = caller_restore(ledger, slot, &rebuild->callers[slot]);

		if (r == -ENOMEM)
			return r;
		if (r < 0)
			log_error("ledger: caller %u is lost", slot);
	}
	return 0;
}

/* @number is a slot, plus 1. */
static struct caller *rebuild_caller(const struct rebuild *rebuild, uint32_t number)
{
	return number && number <= rebuild->n_callers ? rebuild->callers[number - 1]
						      : NULL;
}

static int rebuild_identity(const struct ledger_description *record, struct root *root)
{
	if (!record->has_identity)
		return 0;
	root->identity = malloc(sizeof(*root->identity));
	if (!root->identity)
		return -ENOMEM;
	*root->identity = (struct identity){
		.process = {record->process_uid, record->process_gid},
		.owner = {record->owner_uid, record->owner_gid},
	};
	return 0;
}

static int rebuild_root(struct rebuild *rebuild, uint32_t slot)
{
	struct table *table = rebuild->table;
	struct ledger_description copy;
	struct root *root = calloc(1, sizeof(*root));
	struct payer payer;
	struct caller *caller;
	int r;

	if (!root)
		return -ENOMEM;
	ledger_read(table->ledger, LEDGER_DESCRIPTION, slot, &copy);
	payer = (struct payer){copy.uid, 0};
	caller = rebuild_caller(rebuild, copy.caller);
	root->id = copy.id;
	root->slot = slot;
	root->uid = copy.uid;
	root->caller = caller ? caller_ref(caller) : NULL;
	list_init(&root->exports);
	r = rebuild_identity(&copy, root);
	if (r == 0)
		r = limits_charge_process_anyway(table->limits, &payer, RES_ROOTS, 1);
	if (r == 0)
		r = htab_insert(&table->roots, &root->by_id,
				table_hash_id(table, root->id));
	if (r < 0)
		root_free(&root->by_id, NULL);
	else
		rebuild->roots[slot] = root;
	return r;
}

static int rebuild_roots(struct rebuild *rebuild)
{
	struct ledger *ledger = rebuild->table->ledger;
	uint32_t slot;
	int r = 0;

	ledger_for_each(ledger, LEDGER_DESCRIPTION, slot) {
		if (ledger_description(ledger, slot)->kind != LEDGER_HANDLE)
			r = rebuild_root(rebuild, slot);
		if (r < 0)
			return r;
	}
	return 0;
}

static void rebuild_count_opens(struct rebuild *rebuild)
{
	struct ledger *ledger = rebuild->table->ledger;
	uint32_t slot, export;

	ledger_for_each(ledger, LEDGER_OPEN, slot) {
		if (ledger_export_of(ledger, ledger_opened(ledger, slot), &export) &&
		    export < rebuild->n_exports)
			rebuild->opens[export]++;
		else
			ledger_free(ledger, LEDGER_OPEN, slot);
	}
}

/* A buffer that nothing leads to is not wanted. */
static bool rebuild_wants_buffer(const struct rebuild *rebuild, uint32_t slot)
{
	const struct ledger_export *record = ledger_export(rebuild->table->ledger, slot);

	return ledger_state(record) == LEDGER_LIVE || rebuild->opens[slot] > 0;
}

static int rebuild_export(struct rebuild *rebuild, uint32_t slot)
{
	struct table *table = rebuild->table;
	const struct ledger_export *record = ledger_export(table->ledger, slot);
	struct caller *caller = rebuild_caller(rebuild, LEDGER_LOAD(record->caller));
	struct export *export;
	int r = export_restore(table, slot, caller ? caller : rebuild->unknown, &export);

	if (r == -EBADMSG) {
		log_error("ledger: name %u is lost: its label is damaged", slot);
		rebuild_drop(rebuild, slot);
	}
	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	rebuild->exports[slot] = export;
	/* One of too many parts is missed in the end. */
	if (rebuild_wants_buffer(rebuild, slot) && buffer_has_memory(&export->buffer))
		(void)bank_want(table->bank, slot, record->record.generation,
				record->n_parts);
	return 0;
}

static int rebuild_exports(struct rebuild *rebuild)
{
	struct ledger *ledger = rebuild->table->ledger;
	uint32_t slot;
	int r = 0;

	ledger_for_each(ledger, LEDGER_EXPORT, slot) {
		const struct ledger_export *record = ledger_export(ledger, slot);

		if (rebuild_wants_buffer(rebuild, slot) || !record->notified) {
			r = rebuild_export(rebuild, slot);
		} else {
			rebuild_drop(rebuild, slot);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int rebuild_begin(struct rebuild *rebuild)
{
	int r = rebuild_alloc(rebuild);

	if (r == 0)
		r = rebuild_callers(rebuild);
	if (r == 0)
		r = rebuild_roots(rebuild);
	if (r < 0)
		return r;
	rebuild_count_opens(rebuild);
	return rebuild_exports(rebuild);
}

void rebuild_keep(struct rebuild *rebuild, const struct bank_item *item, int fd)
{
	struct export *export =
		item->slot < rebuild->n_exports ? rebuild->exports[item->slot] : NULL;

	/* The bank has it, so this close is not the last one of its file. */
	if (!export || export->has_buffer || item->part > 0 ||
	    export_restore_buffer(rebuild->table, export, fd) < 0)
		close(fd);
}

/* ---- end --------------------------------------------------------------------------- */

static const char *rebuild_why_lost(const struct export *export)
{
	switch (export->buffer.kind) {
	case DMABUFFS_KIND_ASID:
		return "an address space ends with the service";
	case DMABUFFS_KIND_DEVICE:
		return "a device's descriptor ends with the service";
	default:
		return "its buffer is not in the bank";
	}
}

static void rebuild_lose(struct rebuild *rebuild, const struct export *export)
{
	struct ledger_export *record = export_record(rebuild->table, export);

	rebuild_log_loss(rebuild, export, rebuild_why_lost(export));
	if (ledger_state(record) == LEDGER_LIVE) {
		record->end_cause = DMABUFFS_ENDED_LOST;
		atomic_store(&record->notified, 0);
		ledger_set_state(record, LEDGER_UNNAMED);
	}
	rebuild_forget_opens(rebuild, export->slot);
}

static int rebuild_charge(struct rebuild *rebuild, const struct export *export)
{
	const struct payer payer = {export->charged_uid, 0};
	struct limits *limits = rebuild->table->limits;
	int r = limits_charge_process_anyway(limits, &payer, RES_EXPORTS, 1);

	if (r == 0)
		limits_charge_anyway(limits, payer.uid, RES_BYTES, export->charged_bytes);
	return r;
}

static void rebuild_attach(struct rebuild *rebuild, struct export *export)
{
	struct table *table = rebuild->table;
	uint64_t handle = export_record(table, export)->root;
	uint32_t slot = ledger_find(table->ledger, LEDGER_DESCRIPTION, handle);
	struct root *root = slot < rebuild->n_roots ? rebuild->roots[slot] : NULL;

	export->root_id = root ? root->id : 0;
	if (root)
		list_add_head(&root->exports, &export->of_root);
}

/* Into the indexes. A name holds a reference, and so do all open files together. */
static int rebuild_insert_locked(struct rebuild *rebuild, struct export *export)
{
	struct table *table = rebuild->table;
	bool named = ledger_state(export_record(table, export)) == LEDGER_LIVE;
	int r;

	ASSERT_LOCKED(&table->lock);
	if (named)
		rebuild_attach(rebuild, export);
	r = named ? table_insert_locked(table, export)
		  : htab_insert(&table->by_id, &export->by_id,
				table_hash_id(table, export->id));
	if (r < 0)
		return r;
	export->named = named;
	export->opens = rebuild->opens[export->slot];
	export->refs = (unsigned)named + (export->opens > 0);
	return 0;
}

/* Once the kernel was notified, the record of one that nobody uses is freed. */
static int rebuild_check_end_locked(struct rebuild *rebuild, struct export *export)
{
	const struct ledger_export *record = export_record(rebuild->table, export);

	ASSERT_LOCKED(&rebuild->table->lock);
	if (export->named)
		return 0;
	export->refs++;
	if (!atomic_load(&record->notified))
		return rebuild_add_unnotified(rebuild, export);
	table_put_locked(rebuild->table, export);
	return 0;
}

static int rebuild_finish_export(struct rebuild *rebuild, struct export *export)
{
	SCOPED_LOCK(&rebuild->table->lock);
	uint32_t slot = export->slot;
	int r = 0;

	if (rebuild_wants_buffer(rebuild, slot) && !export->has_buffer)
		rebuild_lose(rebuild, export);
	if (rebuild->opens[slot] == 0) {
		rebuild_close_backing(rebuild, slot);
		export->backing_id = 0;
	}
	if (export->has_buffer)
		r = rebuild_charge(rebuild, export);
	if (r == 0)
		r = rebuild_insert_locked(rebuild, export);
	if (r < 0)
		return r;
	rebuild->n_kept += export->named;
	return rebuild_check_end_locked(rebuild, export);
}

struct rebuild_ended {
	struct rebuild *rebuild;
	int result;
};

static void rebuild_closed(struct export *export, void *data)
{
	struct rebuild_ended *ended = data;

	table_ref(ended->rebuild->table, export);
	if (rebuild_add_unnotified(ended->rebuild, export) < 0) {
		ended->result = -ENOMEM;
		table_put(ended->rebuild->table, export);
	}
}

/* A predecessor had begun to close it, or it is of a context, which ended. */
static bool rebuild_ends_root(const struct ledger_description *record)
{
	return ledger_state(record) == LEDGER_CLOSING || record->kind == LEDGER_CONTEXT;
}

static int rebuild_close_roots(struct rebuild *rebuild)
{
	struct rebuild_ended ended = {rebuild, 0};
	struct table *table = rebuild->table;

	for (uint32_t slot = 0; slot < rebuild->n_roots && ended.result == 0; slot++)
		if (rebuild->roots[slot] &&
		    rebuild_ends_root(ledger_description(table->ledger, slot)))
			table_close_root(table, rebuild->roots[slot]->id, rebuild_closed,
					 &ended);
	return ended.result;
}

static int rebuild_compare_ids(const void *a, const void *b)
{
	const struct export *const *first = a, *const *second = b;

	return ((*first)->id > (*second)->id) - ((*first)->id < (*second)->id);
}

/* In the order of their ids, in which they are appended to the index of names. */
static int rebuild_finish_exports(struct rebuild *rebuild)
{
	size_t n = 0;
	int r = 0;

	for (uint32_t slot = 0; slot < rebuild->n_exports; slot++)
		if (rebuild->exports[slot])
			rebuild->exports[n++] = rebuild->exports[slot];
	qsort(rebuild->exports, n, sizeof(*rebuild->exports), rebuild_compare_ids);
	for (size_t i = 0; i < n && r == 0; i++)
		r = rebuild_finish_export(rebuild, rebuild->exports[i]);
	return r;
}

int rebuild_end(struct rebuild *rebuild)
{
	int r = rebuild_finish_exports(rebuild);

	if (r == 0)
		r = table_charge_opens(rebuild->table);
	for (uint32_t slot = 0; slot < rebuild->n_callers; slot++)
		caller_unref(TAKE_PTR(rebuild->callers[slot]));
	caller_unref(TAKE_PTR(rebuild->unknown));
	return r < 0 ? r : rebuild_close_roots(rebuild);
}

void rebuild_finish(struct rebuild *rebuild, struct notifier *notifier)
{
	for (size_t i = 0; i < rebuild->n_unnotified; i++) {
		notifier_queue(notifier, rebuild->unnotified[i]);
		table_put(rebuild->table, rebuild->unnotified[i]);
	}
	free(rebuild->callers);
	free(rebuild->roots);
	free(rebuild->exports);
	free(rebuild->opens);
	free(rebuild->unnotified);
	*rebuild = (struct rebuild){0};
}
