/* SPDX-License-Identifier: MIT */
#include "fs/fs_ioctl.h"

#include <string.h>

#include "base/log.h"
#include "base/wire.h"
#include "names/ended.h"
#include "sized.h"
#include "util.h"

/* ---- info -------------------------------------------------------------------------- */

static void fs_ioctl_fill_info(const struct service *service, const struct export *export,
			       struct dmabuffs_info *info)
{
	bool passthrough =
		service->passthrough && export->buffer.kind == DMABUFFS_KIND_MEMFD;
	uint64_t bytes = 0;

	buffer_size(&export->buffer, &bytes);
	*info = (struct dmabuffs_info){
		.size = info->size,
		.flags = export_info_flags(export) |
			 (passthrough ? DMABUFFS_INFO_PASSTHROUGH : 0),
		.kind = export->buffer.kind,
		.seals = buffer_seals(&export->buffer),
		.bytes = bytes,
		.importers = export->opens,
		.pid = export->caller->pid,
	};
	for (int ns = 0; ns < DMABUFFS_NS_COUNT; ns++)
		info->ns[ns] = export->caller->ns[ns];
	memcpy(info->uuid, export->uuid, sizeof(info->uuid));
	memcpy(info->comm, export->caller->comm, sizeof(info->comm));
	if (export->label)
		strncpy((char *)info->label, export->label, sizeof(info->label) - 1);
}

static int fs_ioctl_do_info(struct command_call *call)
{
	struct table *table = &call->service->table;
	struct export *export;
	int r = wire_check_info(&call->arg.info);

	if (r < 0)
		return r;
	export = table_get(table, call->ino);
	if (!export)
		return -ENOTTY;
	table_lock(table);
	fs_ioctl_fill_info(call->service, export, &call->arg.info);
	table_unlock(table);
	table_put(table, export);
	return 0;
}

/* ---- withdraw ---------------------------------------------------------------------- */

/* Who has the description could close it: there is nothing more to check. */
static int fs_ioctl_do_withdraw(struct command_call *call)
{
	struct service *service = call->service;
	const struct dmabuffs_withdraw *arg = &call->arg.withdraw;
	struct export *export;
	int r = wire_check_withdraw(arg);

	if (r < 0)
		return r;
	r = table_withdraw(&service->table, call->root_id, arg->uuid, &export);
	if (r == -EPERM)
		log_warning("pid %d uid %u may not withdraw: %s", call->ctx->pid,
			    call->ctx->uid, strerror(-r));
	if (r < 0)
		return r;
	ended_report(&service->notifier, export, "withdrawn");
	table_put(&service->table, export);
	return 0;
}

/* ---- dispatch ---------------------------------------------------------------------- */

static const struct command fs_ioctl_commands[] = {
	{_IOC_NR(DMABUFFS_IOC_EXPORT), ON_ROOT, 120, sizeof(struct dmabuffs_export),
	 fs_export},
	{_IOC_NR(DMABUFFS_IOC_REVOKE), ON_ROOT, 24, sizeof(struct dmabuffs_revoke),
	 fs_revoke},
	{_IOC_NR(DMABUFFS_IOC_INFO), ON_NAME, 176, sizeof(struct dmabuffs_info),
	 fs_ioctl_do_info},
	{_IOC_NR(DMABUFFS_IOC_WITHDRAW), ON_ROOT, 24, sizeof(struct dmabuffs_withdraw),
	 fs_ioctl_do_withdraw},
};

static enum place fs_ioctl_place_of(uint64_t ino, bool is_directory)
{
	if (is_directory)
		return ino == INO_ACCEL ? ON_DEVICES : ON_ROOT;
	return fs_is_accel(ino) ? ON_CONTEXT : ON_NAME;
}

static const struct command *fs_ioctl_find_command(unsigned int number, enum place place)
{
	if (_IOC_TYPE(number) != DMABUFFS_IOC_TYPE ||
	    _IOC_DIR(number) != (_IOC_READ | _IOC_WRITE))
		return NULL;
	if (place == ON_DEVICES || place == ON_CONTEXT)
		return device_command(_IOC_NR(number), place);
	for (size_t i = 0; i < ARRAY_SIZE(fs_ioctl_commands); i++)
		if (fs_ioctl_commands[i].number == _IOC_NR(number) &&
		    fs_ioctl_commands[i].place == place)
			return &fs_ioctl_commands[i];
	return NULL;
}

void command_reply(struct command_call *call, int result)
{
	if (result < 0)
		reply_error(call->req, result);
	else
		fuse_reply_ioctl(call->req, 0, &call->arg, call->reply_size);
	free(call);
}

static void fs_ioctl_run_command(const struct command *command, struct command_call *call,
				 const void *in, size_t in_size)
{
	int r = sized_take(in, in_size, command->min_size, &call->arg,
			   command->known_size);

	if (r == 0)
		r = command->handler(call);
	if (r != COMMAND_PENDING)
		command_reply(call, r);
}

void fs_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int number, void *arg,
	      struct fuse_file_info *fi, unsigned int flags, const void *in,
	      size_t in_size, size_t out_size)
{
	enum place place = fs_ioctl_place_of(ino, flags & FUSE_IOCTL_DIR);
	const struct command *command = fs_ioctl_find_command(number, place);
	struct command_call *call = NULL;

	if (command)
		call = calloc(1,
			      offsetof(struct command_call, arg) + command->known_size);
	if (!call) {
		reply_error(req, command ? -ENOMEM : -ENOTTY);
		return;
	}
	call->req = req;
	call->service = service_of(req);
	call->ctx = fuse_req_ctx(req);
	call->ino = ino;
	if (place == ON_CONTEXT)
		call->file = (struct device_file *)(uintptr_t)fi->fh;
	else
		call->root_id = fi->fh;
	call->reply_size = MIN(out_size, command->known_size);
	fs_ioctl_run_command(command, call, in, in_size);
}
