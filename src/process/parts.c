/* SPDX-License-Identifier: MIT */
#include "process/parts.h"

#include <stdio.h>
#include <string.h>

#include "base/helper.h"
#include "base/log.h"
#include "base/offload.h"
#include "buffers/closer.h"
#include "buffers/fd_vault.h"
#include "fs/restore.h"
#include "process/ending.h"
#include "process/keeper.h"
#include "process/privileges.h"
#include "process/session.h"
#include "store/payers.h"
#include "util.h"

#define HELPER_SHARE    8    /* of the descriptors that are not kept */
#define ENDING_STEP     256  /* names between two looks at the clock */
#define ENDING_PROGRESS 3000 /* closes */
/* Anybody may make a file without a name in .idmap, and nobody has to read it. */
#define IDMAP_MODE 01733

static int parts_init_names(struct service *service)
{
	const struct options *options = &service->options;
	struct node root_node;

	caller_setup();
	node_init(&root_node, S_IFDIR | options->mode, options->uid, options->gid);
	node_init(&service->control, S_IFREG | options->control_mode, options->uid,
		  options->gid);
	node_init(&service->idmap, S_IFDIR | IDMAP_MODE, options->uid, options->gid);
	identities_init(&service->identities, &service->limits, service->state.ledger);
	return table_init(&service->table, &service->limits, &service->state, &root_node);
}

/* For those who hold no state for a successor, too: there is one way to store it. */
static int parts_init_state(struct service *service)
{
	uint64_t n_exports = service->options.limits.per_mount[RES_EXPORTS];
	int r;

	if (service->state.inherited)
		return 0;
	r = state_create(n_exports, &restore_bank_ops, service, &service->state);
	if (r < 0)
		log_error("cannot create the ledger: %s", strerror(-r));
	else
		(void)snprintf((char *)service->state.ledger->header->options,
			       LEDGER_OPTIONS_MAX, "%s", service->options.text);
	return r;
}

int parts_init(struct service *service)
{
	const struct options *options = &service->options;
	int r = parts_init_state(service);

	if (r < 0)
		return r;
	buffer_set_drivers(&options->drivers);
	limits_init(&service->limits, &options->limits);
	payers_store(&service->limits, service->state.ledger);
	r = parts_init_names(service);
	if (r < 0)
		return r;
	tickets_init(&service->tickets, &service->limits);
	service->passthrough = options->passthrough && privileges_are_initial();
	return 0;
}

static void parts_connect(struct service *service)
{
	service->broker.table = &service->table;
	service->broker.limits = &service->limits;
	service->broker.tickets = &service->tickets;
	service->devices.limits = &service->limits;
	service->devices.tickets = &service->tickets;
	service->devices.notifier = &service->notifier;
	service->devices.state = &service->state;
}

/* The sockets of the helper are beside what clients hold. */
static void parts_share_descriptors(struct limits_config *limits)
{
	uint64_t others = limits_config_descriptors(limits) + HELPER_SOCKETS, n, share;

	limits_config_fit_buffers(limits,
				  fd_vault_start(limits->per_mount[RES_EXPORTS], others));
	n = fd_vault_reserved();
	/* Where there are hardly any, clients get no fewer for the least that it needs.
	 */
	share = helper_bound(n / HELPER_SHARE);
	n -= MIN(n / HELPER_SHARE, share);
	limits_config_fit_descriptors(limits, n);
}

int parts_start(struct service *service)
{
	int r = buffer_setup();

	if (r < 0)
		return r;
	parts_share_descriptors(&service->limits.config);
	if (service->state.inherited)
		fd_vault_expect(
			service->state.ledger->header->sections[LEDGER_EXPORT].high);
	parts_connect(service);
	dmabuf_io_init(&service->dmabuf_io, &service->limits);
	r = notifier_start(&service->notifier, service->session, &service->table);
	if (r == 0)
		r = closer_start();
	if (r == 0)
		r = leaving_start(&service->table.leaving);
	if (r == 0)
		r = devices_start(&service->devices, &service->options);
	if (r == 0 && !service->state.inherited)
		restore_bind_nodes(service);
	return r;
}

/*
 * A client decides how long each close takes, within limits; a few thousand in the time
 * of a closer_stop() are many ordinary ones, and not one that is blocked.
 */
static bool parts_stop_closer(void)
{
	size_t left, before = closer_pending();

	while (!closer_stop()) {
		left = closer_pending();
		if (left + ENDING_PROGRESS > before)
			return false;
		ending_report(left);
		before = left;
	}
	return true;
}

/* What a user sees of an instance that has ended is its memory, until this is done. */
static void parts_release_names(struct table *table)
{
	size_t left;

	while ((left = table_release_names(table, ENDING_STEP)) > 0)
		ending_report(left);
}

void parts_stop(struct service *service, bool notifier_is_stuck)
{
	bool stuck = notifier_is_stuck || !notifier_stop(&service->notifier);

	flushed_end(&service->devices.flushed);
	stuck |= !dmabuf_io_stop(&service->dmabuf_io);
	stuck |= !leaving_stop(&service->table.leaving);
	stuck |= !parts_stop_closer();
	stuck |= !offload_wait_all(&service->limits);
	if (stuck) {
		log_warning("exiting while a client blocks a system call of a thread");
		session_destroy(service);
		keeper_abandon_threads();
	}
	/* From here on, no engine notifies the session. */
	devices_close(&service->devices);
}

void parts_finish(struct service *service)
{
	parts_release_names(&service->table);
	/* Before the devices: an export may hold a device's address space. */
	table_finish(&service->table);
	node_finish(&service->control);
	node_finish(&service->idmap);
	identities_finish(&service->identities);
	if (!devices_stop(&service->devices)) {
		log_warning("exiting while a client blocks an engine's memory access");
		keeper_abandon_threads();
	}
	tickets_finish(&service->tickets);
	limits_finish(&service->limits);
	fd_vault_stop();
	state_close(&service->state);
}
