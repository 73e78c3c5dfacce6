/* SPDX-License-Identifier: MIT */
#include "fs/fs_ioctl.h"

#include <string.h>

#include "base/log.h"
#include "base/offload.h"
#include "base/wire.h"
#include "broker/taken.h"
#include "buffers/reaper.h"
#include "names/publish.h"
#include "util.h"

/* One export under way. */
struct attempt {
	struct command_call *call;
	int pidfd; /* owned: the calling thread; negative: it cannot be named */
	struct buffer buffer; /* owned while its fd is not -1 */
};

static bool fs_export_is_readonly(const struct attempt *attempt)
{
	return attempt->call->arg.export.flags & DMABUFFS_EXPORT_READONLY;
}

/* A persistent buffer stays charged after its exporter exits, so it must not grow. */
static bool fs_export_must_stop_growth(const struct attempt *attempt)
{
	return attempt->call->arg.export.flags & DMABUFFS_EXPORT_PERSIST &&
	       buffer_can_grow(&attempt->buffer);
}

/* Takes the descriptor from the calling thread, or what was put on the broker; a ticket
 * is spent even if this fails. */
static int fs_export_take_fd(struct attempt *attempt, struct taken *ret_taken)
{
	const struct command_call *call = attempt->call;
	const struct dmabuffs_export *arg = &call->arg.export;
	struct broker *broker = &call->service->broker;

	attempt->pidfd = caller_open(call->ctx->pid);
	if (arg->flags & DMABUFFS_EXPORT_TICKET)
		return taken_from_ticket(broker, arg->ticket, ret_taken);
	return taken_from_caller(broker, call->ctx->uid, attempt->pidfd, arg->fd,
				 ret_taken);
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

static struct export_request fs_export_request(struct attempt *attempt)
{
	const struct command_call *call = attempt->call;
	const struct dmabuffs_export *arg = &call->arg.export;

	return (struct export_request){
		.root_id = call->root_id,
		.uid = call->ctx->uid,
		.gid = call->ctx->gid,
		.flags = arg->flags,
		.mode = arg->mode,
		.label = (const char *)arg->label,
		.buffer = &attempt->buffer,
	};
}

/* The buffer had no name on this root description, or was not looked for. */
static int fs_export_make_new(struct attempt *attempt)
{
	struct command_call *call = attempt->call;
	struct export_request request = fs_export_request(attempt);
	/* A thread can change its namespaces; where they decide, a cache is not enough.
	 */
	int pidfd = call->service->options.ns_mask ? -1 : attempt->pidfd;

	buffer_learn_seals(&attempt->buffer);
	return publish_new(&call->service->table, &request, call->ctx->pid, pidfd,
			   call->arg.export.uuid);
}

static int fs_export_end(struct attempt *attempt, int result)
{
	const struct fuse_ctx *ctx = attempt->call->ctx;

	if (result < 0)
		log_warning("export refused to pid %d uid %u: %s", ctx->pid, ctx->uid,
			    strerror(-result));
	reaper_take(&attempt->buffer);
	close_keep_errno(attempt->pidfd);
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
	struct command_call *call = attempt->call;
	int r = offload_reserve(&call->service->limits, call->ctx->uid, &offload);

	if (r == 0)
		r = offload_start(offload, fs_export_freeze_and_finish, attempt);
	return r < 0 ? r : COMMAND_PENDING;
}

static int fs_export_find_or_make(struct attempt *attempt)
{
	struct dmabuffs_export *arg = &attempt->call->arg.export;
	struct export_request request = fs_export_request(attempt);
	uint64_t bytes;
	int r = buffer_size(&attempt->buffer, &bytes);

	if (r < 0)
		return r;
	arg->bytes = bytes;
	r = publish_find(&attempt->call->service->table, &request, arg->uuid);
	if (r != -ENOENT)
		return r;
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
	*attempt = (struct attempt){.call = call, .pidfd = -1, .buffer.fd = -1};
	r = fs_export_take_buffer(attempt);
	if (r == 0)
		r = fs_export_find_or_make(attempt);
	return r == COMMAND_PENDING ? r : fs_export_end(attempt, r);
}
