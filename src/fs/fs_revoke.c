/* SPDX-License-Identifier: MIT */
#include "fs/fs_ioctl.h"

#include <string.h>

#include "base/log.h"
#include "base/policy.h"
#include "base/wire.h"
#include "fs/fs_user.h"
#include "names/ended.h"
#include "locked.h"
#include "util.h"

/* On failure the name stays. */
static int fs_revoke_truncate_and_remove(struct command_call *call)
{
	struct service *service = call->service;
	struct export *export = call->kept.export;
	int r = buffer_revoke(&export->buffer);

	if (r < 0)
		return r;
	table_lock(&service->table);
	export->revoked = true;
	table_unlock(&service->table);
	ended_remove_name(&service->notifier, export, DMABUFFS_ENDED_REVOKED, "revoked");
	return 0;
}

/* Checks, and counts the export open, so that its buffer stays during the revocation. */
static int fs_revoke_claim(struct command_call *call, struct export *export, uid_t uid,
			   uid_t *ret_charged)
{
	struct table *table = &call->service->table;
	SCOPED_LOCK(&table->lock);
	int r = policy_check_revoke(uid, export->node.uid);

	if (r < 0)
		return r;
	if (!export->named)
		return -ENOENT;
	if (!buffer_is_revocable(&export->buffer))
		return -EBUSY;
	*ret_charged = export->charged_uid;
	table_open_locked(table, export);
	return 0;
}

static void fs_revoke_work(void *arg)
{
	struct command_call *call = arg;
	int r = fs_revoke_truncate_and_remove(call);

	fs_close_export(call->req, call->kept.export);
	table_put(&call->service->table, call->kept.export);
	command_reply(call, r);
}

/* The thread is charged to the owner: the owner's buffer can block it. */
static int fs_revoke_start(struct command_call *call, struct export *export,
			   uid_t charged)
{
	struct payer payer;
	int r = user_payer(call->req, &payer);

	if (r == 0 && payer.uid != charged)
		payer = (struct payer){charged, 0};
	call->kept.export = export;
	if (r == 0)
		r = command_offload(call, &payer, fs_revoke_work);
	if (r < 0)
		fs_close_export(call->req, export);
	return r;
}

int fs_revoke(struct command_call *call)
{
	const struct dmabuffs_revoke *arg = &call->arg.revoke;
	struct table *table = &call->service->table;
	struct export *export;
	struct ids caller;
	uid_t charged;
	int r = wire_check_no_flags(arg->flags);

	if (r < 0)
		return r;
	if (table_was_unnamed(table, arg->uuid))
		return 0;
	export = table_get_named(table, arg->uuid);
	if (!export)
		return -ENOENT;
	r = user_owner(call, &caller);
	if (r == 0)
		r = fs_revoke_claim(call, export, caller.uid, &charged);
	if (r == 0)
		r = fs_revoke_start(call, export, charged);
	if (r < 0) {
		log_warning("cannot revoke for uid %u: %s", user_uid(call->req),
			    strerror(-r));
		table_put(table, export);
	}
	return r;
}

/* As unlink(2) by the owner, for which the kernel would lock the directory. */
static int fs_withdraw_own(struct command_call *call)
{
	struct service *service = call->service;
	struct table *table = &service->table;
	struct export *export = table_get_named(table, call->arg.withdraw.uuid);
	struct ids caller;
	int r;

	if (!export)
		return -ENOENT;
	r = user_owner(call, &caller);
	table_lock(table);
	if (r == 0)
		r = policy_check_revoke(caller.uid, export->node.uid);
	table_unlock(table);
	if (r == 0 && !ended_remove_name(&service->notifier, export,
					 DMABUFFS_ENDED_UNLINKED, "unlinked"))
		r = -ENOENT;
	table_put(table, export);
	return r;
}

/* The caller could as well close the description: no further check is needed. */
static int fs_withdraw_made_here(struct command_call *call)
{
	struct service *service = call->service;
	struct export *export;
	int r = table_withdraw(&service->table, call->root_id, call->arg.withdraw.uuid,
			       &export);

	if (r < 0)
		return r;
	ended_report(&service->notifier, export, DMABUFFS_ENDED_WITHDRAWN, "withdrawn");
	table_put(&service->table, export);
	return 0;
}

int fs_withdraw(struct command_call *call)
{
	const struct dmabuffs_withdraw *arg = &call->arg.withdraw;
	int r = wire_check_withdraw(arg);

	if (r < 0)
		return r;
	if (table_was_unnamed(&call->service->table, arg->uuid))
		return 0;
	r = arg->flags & DMABUFFS_WITHDRAW_OWN ? fs_withdraw_own(call)
					       : fs_withdraw_made_here(call);
	if (r == -EPERM)
		log_warning("cannot withdraw for pid %d uid %u: %s", call->ctx->pid,
			    user_uid(call->req), strerror(-r));
	return r;
}
