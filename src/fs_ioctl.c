/* SPDX-License-Identifier: MIT */
#include "fs_ioctl.h"

#include <string.h>

#include "util.h"
#include "wire.h"

/* ---- info -------------------------------------------------------------------------- */

static void fill_info(const struct service *service, const struct export *export,
		      struct dmabuffs_info *info)
{
	bool passthrough = service->passthrough && export->buffer.kind == DMABUFFS_KIND_MEMFD;
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

static int do_info(struct command_call *call)
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
	fill_info(call->service, export, &call->arg.info);
	table_unlock(table);
	table_put(table, export);
	return 0;
}

/* ---- dispatch ---------------------------------------------------------------------- */

/* Sizes of the first version of each struct never change; the known ones grow. */
static const struct command {
	unsigned number;
	bool on_root; /* on the root directory, or else on an opened name */
	size_t min_size, known_size;
	int (*handler)(struct command_call *call);
} commands[] = {
	{ _IOC_NR(DMABUFFS_IOC_EXPORT), true, 120, sizeof(struct dmabuffs_export),
	  fs_export },
	{ _IOC_NR(DMABUFFS_IOC_REVOKE), true, 24, sizeof(struct dmabuffs_revoke),
	  fs_revoke },
	{ _IOC_NR(DMABUFFS_IOC_INFO), false, 176, sizeof(struct dmabuffs_info), do_info },
};

static const struct command *find_command(unsigned int number, bool on_root)
{
	if (_IOC_TYPE(number) != DMABUFFS_IOC_TYPE ||
	    _IOC_DIR(number) != (_IOC_READ | _IOC_WRITE))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].number == _IOC_NR(number) &&
		    commands[i].on_root == on_root)
			return &commands[i];
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

void fs_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int number, void *arg,
	      struct fuse_file_info *fi, unsigned int flags, const void *in, size_t in_size,
	      size_t out_size)
{
	const struct command *command = find_command(number, flags & FUSE_IOCTL_DIR);
	struct command_call *call;
	int r;

	call = command ? calloc(1, sizeof(*call)) : NULL;
	if (!call) {
		reply_error(req, command ? -ENOMEM : -ENOTTY);
		return;
	}
	call->req = req;
	call->service = service_of(req);
	call->ctx = fuse_req_ctx(req);
	call->ino = ino;
	call->root_id = fi->fh;
	call->reply_size = MIN(out_size, command->known_size);
	r = wire_take(in, in_size, command->min_size, &call->arg, command->known_size);
	if (r == 0)
		r = command->handler(call);
	if (r != COMMAND_PENDING)
		command_reply(call, r);
}
