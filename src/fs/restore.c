/* SPDX-License-Identifier: MIT */
#include "fs/restore.h"

#include <sys/stat.h>

#include "base/log.h"
#include "base/request.h"
#include "fs/backing.h"
#include "store/payers.h"
#include "clock.h"
#include "crash_point.h"
#include "util.h"

/* A request that was read has begun by then, also on a machine that is busy. */
#define RESTORE_FORGET_MS 60000

/* ---- the bank ---------------------------------------------------------------------- */

static void restore_dropped(const struct bank_item *item, int fd, void *data)
{
	struct service *service = data;

	leaving_dropped(&service->table.leaving, item, fd);
}

static void restore_kept(const struct bank_item *item, int fd, void *data)
{
	struct service *service = data;

	if (!devices_restore_keep(&service->devices_restore, item, fd))
		rebuild_keep(&service->rebuild, item, fd);
}

const struct bank_ops restore_bank_ops = {
	.dropped = restore_dropped,
	.kept = restore_kept,
};

static void restore_close_backing(void *data, int id)
{
	backing_close(data, id);
}

/* ---- what is neither a name nor a description of one ------------------------------- */

/* It has what a new service gives it. */
static void restore_node_anew(struct node *node, struct ledger *ledger, unsigned nth)
{
	struct ledger_node *record = &ledger->header->nodes[nth];

	log_error("owner, mode and times of a file of the mount are lost (%u)", nth);
	ledger_free_blob(ledger, record->acl);
	record->acl = 0;
	node_bind(node, ledger, record);
}

static int restore_node(struct node *node, struct ledger *ledger, unsigned nth)
{
	struct ledger_node *record = &ledger->header->nodes[nth];
	int r;

	/* The kernel refuses all of the mount if its root is no directory. */
	if (!ledger_node_is_sound(record, node->mode & S_IFMT)) {
		restore_node_anew(node, ledger, nth);
		return 0;
	}
	node_finish(node);
	r = node_restore(node, ledger, record);
	if (r == -EBADMSG)
		log_error("the ACL of a file of the mount is lost (%u)", nth);
	return r == -EBADMSG ? 0 : r;
}

/* Those of the devices: .accel, and then each. */
static struct node *restore_device_node(struct service *service, unsigned nth)
{
	return devices_node(&service->devices, INO_ACCEL + nth);
}

void restore_bind_nodes(struct service *service)
{
	struct ledger *ledger = service->state.ledger;
	struct ledger_node *records = ledger->header->nodes;

	node_bind(&service->control, ledger, &records[LEDGER_NODE_CONTROL]);
	node_bind(&service->idmap, ledger, &records[LEDGER_NODE_IDMAP]);
	for (unsigned i = 0; i <= DEVICES_MAX; i++) {
		struct node *node = restore_device_node(service, i);

		if (node)
			node_bind(node, ledger, &records[LEDGER_NODE_ACCEL + i]);
	}
}

static int restore_nodes(struct service *service)
{
	struct ledger *ledger = service->state.ledger;
	int r = restore_node(&service->table.root_node, ledger, LEDGER_NODE_ROOT);

	if (r == 0)
		r = restore_node(&service->control, ledger, LEDGER_NODE_CONTROL);
	if (r == 0)
		r = restore_node(&service->idmap, ledger, LEDGER_NODE_IDMAP);
	for (unsigned i = 0; i <= DEVICES_MAX && r == 0; i++) {
		struct node *node = restore_device_node(service, i);

		if (node)
			r = restore_node(node, ledger, LEDGER_NODE_ACCEL + i);
	}
	return r;
}

static int restore_handles(struct service *service)
{
	struct ledger *ledger = service->state.ledger;
	uint32_t slot;
	int r = 0;

	ledger_for_each(ledger, LEDGER_DESCRIPTION, slot) {
		if (ledger_description(ledger, slot)->kind == LEDGER_HANDLE)
			r = identities_restore(&service->identities, slot);
		if (r < 0)
			break;
	}
	return r;
}

/* ---- the whole --------------------------------------------------------------------- */

static int restore_names(struct service *service)
{
	struct rebuild *rebuild = &service->rebuild;
	struct bank_report report = {0};
	int r;

	rebuild->table = &service->table;
	rebuild->close_backing = restore_close_backing;
	rebuild->data = service;
	r = rebuild_begin(rebuild);
	CRASH_POINT("takeover-records");
	if (r == 0)
		r = devices_restore_begin(&service->devices_restore, &service->devices);
	if (r == 0)
		r = bank_rebuild(service->state.bank, &report);
	CRASH_POINT("takeover-bank");
	if (r == 0)
		r = rebuild_end(rebuild);
	CRASH_POINT("takeover-names");
	if (r == 0)
		r = devices_restore_end(&service->devices_restore);
	if (r == 0 && report.damaged)
		log_error("the bank had %u damaged messages", report.damaged);
	return r;
}

static int restore_all(struct service *service)
{
	struct ledger_losses losses;
	int r = ledger_take_over(service->state.ledger, &losses);

	if (r == 0)
		r = payers_restore(&service->limits, service->state.ledger);
	if (r == 0)
		r = restore_nodes(service);
	if (r == 0)
		r = restore_handles(service);
	if (r == 0 && service->passthrough)
		r = backing_check(service);
	if (r == 0)
		r = restore_names(service);
	if (r == 0 && service->passthrough)
		r = backing_sweep(service);
	if (r == 0)
		payers_settle(&service->limits, service->state.ledger);
	return r;
}

int restore(struct service *service)
{
	uint64_t start = now_ns();
	int r = restore_all(service);

	if (r < 0)
		return r;
	log_info("took over %u names in %u ms, lost %u", service->rebuild.n_kept,
		 (unsigned)((now_ns() - start) / NS_PER_MS), service->rebuild.n_lost);
	return 0;
}

void restore_finish(struct service *service)
{
	rebuild_finish(&service->rebuild, &service->notifier);
	atomic_store(&service->forget_due_ms, now_ms() + RESTORE_FORGET_MS);
}

/*
 * The kernel puts what it sends again before all that is new, so one that is new proves
 * that those were read, and each is looked up when its execution begins.
 */
void restore_forget(struct service *service)
{
	uint64_t due = atomic_load(&service->forget_due_ms);

	if (!due || request_is_resent() || now_ms() < due)
		return;
	if (atomic_compare_exchange_strong(&service->forget_due_ms, &due, 0))
		ledger_forget_requests(service->state.ledger);
}
