/* SPDX-License-Identifier: MIT */
#include "fs/fs_ioctl.h"

#include <string.h>

#include "base/log.h"
#include "base/wire.h"
#include "buffers/closer.h"
#include "names/publish.h"
#include "util.h"

/* One export under way. */
struct attempt {
	struct command_call *call;
	struct buffer buffer; /* owned while its fd is not -1 */
	struct taken taken;   /* what is left of the descriptor it was made of */
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

/* A ticket is spent even if this fails. */
static int fs_export_take_buffer(struct attempt *attempt)
{
	const struct dmabuffs_export *arg = &attempt->call->arg.export;
	bool by_ticket = arg->flags & DMABUFFS_EXPORT_TICKET;
	int r = command_take(attempt->call, arg->fd, by_ticket ? arg->ticket : NULL,
			     &attempt->taken);

	return r < 0 ? r
		     : taken_to_buffer(&attempt->taken, fs_export_is_readonly(attempt),
				       &attempt->buffer);
}

/* Of what is exported for reading only, and of memory that its device has a use for. */
static bool fs_export_keeps_seals(const struct attempt *attempt)
{
	int fd;
	bool keeps;

	if (fs_export_is_readonly(attempt))
		return true;
	fd = buffer_borrow(&attempt->buffer);
	if (fd < 0)
		return false;
	keeps = devices_keep_seals(&attempt->call->service->devices, fd);
	buffer_return(&attempt->buffer, fd);
	return keeps;
}

static struct export_request fs_export_request(struct attempt *attempt)
{
	const struct command_call *call = attempt->call;
	const struct dmabuffs_export *arg = &call->arg.export;

	return (struct export_request){
		.root_id = call->root_id,
		.uid = call->ctx->uid,
		.gid = call->ctx->gid,
		.pid = call->ctx->pid,
		.flags = arg->flags,
		.mode = arg->mode,
		.label = (const char *)arg->label,
		.buffer = &attempt->buffer,
		.closing = attempt->taken.closing,
	};
}

/* Publishes a buffer that has no name yet on this root description. */
static int fs_export_make_new(struct attempt *attempt)
{
	struct command_call *call = attempt->call;
	struct export_request request = fs_export_request(attempt);
	/* A thread can change its namespaces: with ns= they are read each time. */
	int pidfd = call->service->options.ns_mask ? -1 : command_pidfd(call);

	buffer_learn_seals(&attempt->buffer);
	return publish_new(&call->service->table, &request, call->ctx->pid, pidfd,
			   call->arg.export.uuid);
}

static int fs_export_end(struct attempt *attempt, int result)
{
	const struct fuse_ctx *ctx = attempt->call->ctx;

	if (result < 0)
		log_warning("cannot export for pid %d uid %u: %s", ctx->pid, ctx->uid,
			    strerror(-result));
	if (attempt->buffer.fd >= 0)
		closing_add_buffer(attempt->taken.closing, &attempt->buffer);
	taken_end(&attempt->taken);
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
		r = buffer_freeze(&attempt->buffer, fs_export_keeps_seals(attempt));
	if (r == 0)
		r = fs_export_make_new(attempt);
	command_reply(call, fs_export_end(attempt, r));
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
	/* Changing a memfd waits for its inode, which a client can keep locked. */
	if (fs_export_must_stop_growth(attempt) ||
	    buffer_needs_freeze(&attempt->buffer, fs_export_keeps_seals(attempt)))
		return command_offload(attempt->call, attempt->call->ctx->uid,
				       fs_export_freeze_and_finish, attempt);
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
	*attempt = (struct attempt){.call = call, .buffer.fd = -1, .taken = TAKEN_NONE};
	r = fs_export_take_buffer(attempt);
	if (r == 0)
		r = fs_export_find_or_make(attempt);
	return r == COMMAND_PENDING ? r : fs_export_end(attempt, r);
}
