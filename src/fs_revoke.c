/* SPDX-License-Identifier: MIT */
#include "fs_ioctl.h"

#include <string.h>

#include "log.h"
#include "offload.h"
#include "policy.h"
#include "util.h"
#include "wire.h"

/* One revocation under way. */
struct revocation {
	struct command_call *call;
	struct export *export; /* owned reference, and counted open: its buffer stays */
};

static void truncate_and_reply(void *arg)
{
	struct revocation *revocation = arg;
	struct command_call *call = revocation->call;
	struct table *table = &call->service->table;
	int r = buffer_revoke(&revocation->export->buffer);
	int backing_id = table_close(table, revocation->export);

	if (backing_id)
		fuse_passthrough_close(call->req, backing_id);
	table_put(table, revocation->export);
	free(revocation);
	command_reply(call, r);
}

/* May it be, and is there still something to revoke? Then nobody else does it, too. */
static int claim_locked(struct export *export, uid_t uid)
{
	int r = policy_check_revoke(uid, export->node.uid);

	if (r < 0)
		return r;
	if (!export->named || export->revoked)
		return -ENOENT;
	if (!buffer_is_revocable(&export->buffer))
		return -EBUSY;
	export->revoked = true;
	/* Counted as open, so that the buffer outlives its name until it is truncated. */
	if (export->opens++ == 0)
		export->refs++;
	return 0;
}

static int claim(struct command_call *call, struct export *export)
{
	struct table *table = &call->service->table;
	int r;

	table_lock(table);
	r = claim_locked(export, call->ctx->uid);
	table_unlock(table);
	return r;
}

static int start(struct command_call *call, struct export *export, struct offload *offload)
{
	struct revocation *revocation = calloc(1, sizeof(*revocation));
	int r = revocation ? claim(call, export) : -ENOMEM;

	if (r < 0) {
		offload_cancel(offload);
		free(revocation);
		return r;
	}
	revocation->call = call;
	revocation->export = export;
	fs_end_name(call->service, export, "revoked");
	if (offload_start(offload, truncate_and_reply, revocation) < 0)
		truncate_and_reply(revocation); /* no thread: rather stall than leave it */
	return COMMAND_PENDING;
}

int fs_revoke(struct command_call *call)
{
	const struct dmabuffs_revoke *arg = &call->arg.revoke;
	struct service *service = call->service;
	struct offload *offload = NULL;
	struct export *export;
	int r = wire_check_revoke(arg);

	if (r < 0)
		return r;
	export = table_get_named(&service->table, arg->uuid);
	if (!export)
		return -ENOENT;
	/* The owner's buffer may keep the thread: it is his account. */
	r = offload_reserve(&service->limits, export->charged_uid, &offload);
	if (r == 0)
		r = start(call, export, offload);
	if (r < 0) {
		log_warning("uid %u may not revoke: %s", call->ctx->uid, strerror(-r));
		table_put(&service->table, export);
	}
	return r;
}
