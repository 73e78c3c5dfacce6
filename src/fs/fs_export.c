/* SPDX-License-Identifier: MIT */
#include "fs/fs_ioctl.h"

#include <string.h>

#include "base/log.h"
#include "base/request.h"
#include "base/wire.h"
#include "buffers/closer.h"
#include "fs/fs_user.h"
#include "names/publish.h"
#include "util.h"

static bool fs_export_is_readonly(const struct command_call *call)
{
	return call->arg.export.flags & DMABUFFS_EXPORT_READONLY;
}

/* A persistent buffer stays charged after its exporter exits, so it must not grow. */
static bool fs_export_must_stop_growth(const struct command_call *call)
{
	return call->arg.export.flags & DMABUFFS_EXPORT_PERSIST &&
	       buffer_can_grow(&call->kept.making.buffer);
}

/* A ticket is spent even if this fails. */
static int fs_export_take_buffer(struct command_call *call)
{
	const struct dmabuffs_export *arg = &call->arg.export;
	bool by_ticket = arg->flags & DMABUFFS_EXPORT_TICKET;
	int r = command_take(call, arg->fd, by_ticket ? arg->ticket : NULL, TAKE_BUFFER,
			     &call->rest);

	return r < 0 ? r
		     : taken_to_buffer(&call->rest, fs_export_is_readonly(call),
				       &call->kept.making.buffer);
}

/* Of what is exported for reading only, and of memory that its device has a use for. */
static bool fs_export_keeps_seals(const struct command_call *call)
{
	const struct buffer *buffer = &call->kept.making.buffer;
	struct closing *closing;
	bool keeps;
	int fd;

	if (fs_export_is_readonly(call))
		return true;
	fd = buffer_borrow(buffer, &closing);
	if (fd < 0)
		return false;
	keeps = devices_keep_seals(&call->service->devices, fd);
	buffer_return(buffer, fd, closing);
	return keeps;
}

/* libdmabuffs has frozen it already: then it does not matter whether it keeps its seals.
 */
static bool fs_export_needs_freeze(const struct command_call *call)
{
	const struct buffer *buffer = &call->kept.making.buffer;

	return buffer_needs_freeze(buffer, false) &&
	       (!fs_export_keeps_seals(call) || buffer_needs_freeze(buffer, true));
}

static struct export_request fs_export_request(struct command_call *call)
{
	const struct dmabuffs_export *arg = &call->arg.export;

	return (struct export_request){
		.root_id = call->root_id,
		.uid = call->kept.making.owner.uid,
		.gid = call->kept.making.owner.gid,
		.pid = call->ctx->pid,
		.flags = arg->flags,
		.mode = arg->mode,
		.label = (const char *)arg->label,
		.buffer = &call->kept.making.buffer,
		.closing = call->rest.closing,
	};
}

/* Publishes a buffer that has no name yet on this root description. */
static int fs_export_make_new(struct command_call *call)
{
	struct export_request request = fs_export_request(call);
	/* A thread can change its namespaces: with ns= they are read each time. */
	int pidfd = call->service->options.ns_mask ? -1 : command_pidfd(call);

	buffer_learn_seals(&call->kept.making.buffer);
	return publish_new(&call->service->table, &request, call->ctx->pid, pidfd,
			   call->arg.export.uuid);
}

static int fs_export_end(struct command_call *call, int result)
{
	if (result < 0)
		log_warning("cannot export for pid %d uid %u: %s", call->ctx->pid,
			    user_uid(call->req), strerror(-result));
	if (call->kept.making.buffer.fd >= 0)
		closing_add_buffer(call->rest.closing, &call->kept.making.buffer);
	return result;
}

static void fs_export_freeze_and_finish(void *arg)
{
	struct command_call *call = arg;
	int r = 0;

	if (fs_export_must_stop_growth(call))
		r = buffer_stop_growth(&call->kept.making.buffer);
	if (r == 0)
		r = buffer_freeze(&call->kept.making.buffer, fs_export_keeps_seals(call));
	if (r == 0)
		r = fs_export_make_new(call);
	command_reply(call, fs_export_end(call, r));
}

static int fs_export_find_or_make(struct command_call *call)
{
	struct dmabuffs_export *arg = &call->arg.export;
	struct export_request request = fs_export_request(call);
	struct payer payer;
	uint64_t bytes;
	int r = buffer_size(&call->kept.making.buffer, &bytes);

	if (r < 0)
		return r;
	arg->bytes = bytes;
	r = publish_find(&call->service->table, &request, arg->uuid);
	if (r != -ENOENT)
		return r;
	/* Changing a memfd waits for its inode, which a client can keep locked. */
	if (!fs_export_must_stop_growth(call) && !fs_export_needs_freeze(call))
		return fs_export_make_new(call);
	r = user_payer(call->req, &payer);
	return r < 0 ? r : command_offload(call, &payer, fs_export_freeze_and_finish);
}

static uint64_t fs_export_size_of(struct service *service, uint64_t ino)
{
	struct stat st = {0};
	double timeout;

	(void)fs_stat(service, ino, &st, &timeout);
	return (uint64_t)st.st_size;
}

/* The name that a predecessor made for this request, which comes again. */
static bool fs_export_was_made(struct command_call *call)
{
	struct ledger *ledger = call->service->table.ledger;
	const struct ledger_export *record;
	uint32_t slot;

	if (!request_is_resent())
		return false;
	slot = ledger_find_made(ledger, LEDGER_EXPORT, request_unique());
	if (slot == LEDGER_NONE)
		return false;
	record = ledger_export(ledger, slot);
	if (record->record.unique != request_unique())
		return false;
	memcpy(call->arg.export.uuid, record->uuid, sizeof(record->uuid));
	call->arg.export.bytes = fs_export_size_of(call->service, record->id);
	return true;
}

int fs_export(struct command_call *call)
{
	int r = wire_check_export(&call->arg.export);

	if (r == 0 && fs_export_was_made(call))
		return 0;
	if (r == 0)
		r = user_owner(call, &call->kept.making.owner);
	if (r < 0)
		return r;
	call->kept.making.buffer = (struct buffer){.fd = -1};
	r = fs_export_take_buffer(call);
	if (r == 0)
		r = fs_export_find_or_make(call);
	return r == COMMAND_PENDING ? r : fs_export_end(call, r);
}
