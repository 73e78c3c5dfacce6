/* SPDX-License-Identifier: MIT */
#include "fs/fs_ioctl.h"

#include <string.h>

#include "base/log.h"
#include "base/offload.h"
#include "base/wire.h"
#include "broker/taken.h"
#include "buffers/reaper.h"
#include "util.h"

#define COMPARED_FLAGS                                                                   \
	(DMABUFFS_EXPORT_PERSIST | DMABUFFS_EXPORT_READONLY | DMABUFFS_EXPORT_MODE)

/* One export under way. */
struct attempt {
	struct command_call *call;
	struct service *service;
	const struct fuse_ctx *ctx;
	uint64_t root_id;
	struct dmabuffs_export *arg;
	int pidfd;             /* owned: the calling thread; -1: it cannot be named */
	struct buffer buffer;  /* owned while its fd is not -1 */
	uint64_t bytes;        /* its size */
	struct caller *caller; /* owned reference */
};

static bool fs_export_is_readonly(const struct attempt *attempt)
{
	return attempt->arg->flags & DMABUFFS_EXPORT_READONLY;
}

/* What outlives its exporter is nobody's to pay for but by the charge: it must not grow.
 */
static bool fs_export_must_stop_growth(const struct attempt *attempt)
{
	return attempt->arg->flags & DMABUFFS_EXPORT_PERSIST &&
	       buffer_can_grow(&attempt->buffer);
}

/* Takes the descriptor from the calling thread, or what was put on the broker; a ticket
 * is spent even if this fails. */
static int fs_export_take_fd(struct attempt *attempt, struct taken *ret_taken)
{
	struct dmabuffs_export *arg = attempt->arg;

	attempt->pidfd = caller_open(attempt->ctx->pid);
	if (arg->flags & DMABUFFS_EXPORT_TICKET)
		return taken_from_ticket(&attempt->service->broker, arg->ticket,
					 ret_taken);
	return taken_from_caller(&attempt->service->broker, attempt->ctx->uid,
				 attempt->pidfd, arg->fd, ret_taken);
}

static int fs_export_take_buffer(struct attempt *attempt)
{
	struct taken taken;
	int r = fs_export_take_fd(attempt, &taken);

	if (r < 0)
		return r;
	r = buffer_init(&attempt->buffer, taken.fd, fs_export_is_readonly(attempt));
	if (r < 0)
		taken_refuse(&taken);
	else
		taken_keep(&taken);
	return r;
}

/* The same buffer on the same root description keeps its name, if asked alike. */
static int fs_export_answer_existing(struct attempt *attempt, const struct export *export)
{
	struct dmabuffs_export *arg = attempt->arg;
	const char *label = export->label ? export->label : "";

	if (export->exporter != attempt->ctx->uid ||
	    (export->flags ^ arg->flags) & COMPARED_FLAGS || export->mode != arg->mode ||
	    strcmp(label, (const char *)arg->label))
		return -EEXIST;
	memcpy(arg->uuid, export->uuid, sizeof(arg->uuid));
	arg->bytes = attempt->bytes;
	return 0;
}

static int fs_export_read_caller(struct attempt *attempt)
{
	struct table *table = &attempt->service->table;
	struct caller *cached = NULL;
	int r;

	/* A thread can change its namespaces; where they decide, what was is not enough.
	 */
	if (!attempt->service->options.ns_mask)
		cached = table_root_caller(table, attempt->root_id);
	r = caller_read(attempt->ctx->pid, attempt->pidfd, cached, &attempt->caller);

	if (r == 0 && attempt->caller != cached)
		table_set_root_caller(table, attempt->root_id, attempt->caller);
	caller_unref(cached);
	return r;
}

static int fs_export_create_and_add(struct attempt *attempt, struct export **ret_export)
{
	struct limits *limits = &attempt->service->limits;
	struct export_request request = {
		.root_id = attempt->root_id,
		.uid = attempt->ctx->uid,
		.gid = attempt->ctx->gid,
		.flags = attempt->arg->flags,
		.mode = attempt->arg->mode,
		.label = (const char *)attempt->arg->label,
		.caller = attempt->caller,
		.buffer = &attempt->buffer,
	};
	struct export *export, *other = NULL;
	int r = export_create(limits, &request, &export);

	if (r < 0)
		return r;
	r = table_add(&attempt->service->table, export, &other);
	if (r < 0)
		export_free(limits, export);
	*ret_export = r < 0 ? other : export;
	return r == -EEXIST ? 0 : r;
}

/* Known to be new on this root description when it was looked for, or not looked for. */
static int fs_export_make_new(struct attempt *attempt)
{
	struct export *export = NULL;
	int r = fs_export_read_caller(attempt);

	buffer_learn_seals(&attempt->buffer);
	if (r == 0)
		r = fs_export_create_and_add(attempt, &export);
	if (r < 0)
		return r;
	fs_log_export(export);
	r = fs_export_answer_existing(attempt, export);
	table_put(&attempt->service->table, export);
	return r;
}

static int fs_export_end(struct attempt *attempt, int result)
{
	if (result < 0)
		log_warning("export refused to pid %d uid %u: %s", attempt->ctx->pid,
			    attempt->ctx->uid, strerror(-result));
	reaper_take(&attempt->buffer);
	close_keep_errno(attempt->pidfd);
	caller_unref(attempt->caller);
	free(attempt);
	return result;
}

static void fs_export_freeze_and_finish(void *arg)
{
	struct attempt *attempt = arg;
	struct command_call *call = attempt->call;
	int r = 0;

	if (fs_export_must_stop_growth(attempt))
		r = buffer_stop_growth(&attempt->buffer);
	if (r == 0)
		r = buffer_freeze(&attempt->buffer, fs_export_is_readonly(attempt));
	if (r == 0)
		r = fs_export_make_new(attempt);
	command_reply(call, fs_export_end(attempt, r));
}

/* A memfd that is not frozen yet may keep us waiting for its inode. */
static int fs_export_freeze_elsewhere(struct attempt *attempt)
{
	struct offload *offload;
	int r = offload_reserve(&attempt->service->limits, attempt->ctx->uid, &offload);

	if (r == 0)
		r = offload_start(offload, fs_export_freeze_and_finish, attempt);
	return r < 0 ? r : COMMAND_PENDING;
}

static int fs_export_find_or_make(struct attempt *attempt)
{
	struct table *table = &attempt->service->table;
	struct export *export = NULL;
	int r = buffer_size(&attempt->buffer, &attempt->bytes);

	if (r < 0)
		return r;
	if (!(attempt->arg->flags & DMABUFFS_EXPORT_ANOTHER))
		export = table_get_exported(table, attempt->root_id, &attempt->buffer);
	if (export) {
		r = fs_export_answer_existing(attempt, export);
		table_put(table, export);
		return r;
	}
	if (fs_export_must_stop_growth(attempt) ||
	    buffer_needs_freeze(&attempt->buffer, fs_export_is_readonly(attempt)))
		return fs_export_freeze_elsewhere(attempt);
	return fs_export_make_new(attempt);
}

int fs_export(struct command_call *call)
{
	struct attempt *attempt;
	int r = wire_check_export(&call->arg.export);

	if (r < 0)
		return r;
	attempt = calloc(1, sizeof(*attempt));
	if (!attempt)
		return -ENOMEM;
	*attempt = (struct attempt){
		.call = call,
		.service = call->service,
		.ctx = call->ctx,
		.root_id = call->root_id,
		.arg = &call->arg.export,
		.pidfd = -1,
		.buffer.fd = -1,
	};
	r = fs_export_take_buffer(attempt);
	if (r == 0)
		r = fs_export_find_or_make(attempt);
	return r == COMMAND_PENDING ? r : fs_export_end(attempt, r);
}
