/* SPDX-License-Identifier: MIT */
#include "fs.h"

#include <string.h>

#include "log.h"
#include "policy.h"
#include "util.h"
#include "wire.h"

/* One request; the struct is a union of all, as long as the longest. */
struct command_call {
	struct service *service;
	const struct fuse_ctx *ctx;
	uint64_t ino;
	uint64_t root_id; /* of a command on the root directory */
	union {
		struct dmabuffs_export export;
		struct dmabuffs_revoke revoke;
		struct dmabuffs_info info;
	} arg;
};

static int do_export(struct command_call *call)
{
	int r = wire_check_export(&call->arg.export);

	return r < 0 ? r :
		       fs_export(call->service, call->ctx, call->root_id, &call->arg.export);
}

/* ---- revoke ------------------------------------------------------------------------ */

static int revoke_locked(struct export *export, uid_t uid)
{
	int r = policy_check_revoke(uid, export->node.uid);

	/* It can have ended since it was looked up. */
	if (r == 0 && !export->named)
		r = -ENOENT;
	if (r == 0)
		r = buffer_revoke(&export->buffer);
	if (r == 0)
		export->revoked = true;
	return r;
}

static int do_revoke(struct command_call *call)
{
	const struct dmabuffs_revoke *arg = &call->arg.revoke;
	struct table *table = &call->service->table;
	char name[UUID_TEXT_LENGTH + 1];
	struct export *export;
	int r = wire_check_revoke(arg);

	if (r < 0)
		return r;
	export = table_get_named(table, arg->uuid);
	if (!export)
		return -ENOENT;
	table_lock(table);
	r = revoke_locked(export, call->ctx->uid);
	table_unlock(table);
	export_name(export, name);
	if (r == 0)
		fs_end_name(call->service, export, "revoked");
	else
		log_warning("%s: not revoked for uid %u: %s", name, call->ctx->uid,
			    strerror(-r));
	table_put(table, export);
	return r;
}

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
	  do_export },
	{ _IOC_NR(DMABUFFS_IOC_REVOKE), true, 24, sizeof(struct dmabuffs_revoke),
	  do_revoke },
	{ _IOC_NR(DMABUFFS_IOC_INFO), false, 176, sizeof(struct dmabuffs_info), do_info },
};

static const struct command *find_command(unsigned int command, bool on_root)
{
	if (_IOC_TYPE(command) != DMABUFFS_IOC_TYPE ||
	    _IOC_DIR(command) != (_IOC_READ | _IOC_WRITE))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].number == _IOC_NR(command) &&
		    commands[i].on_root == on_root)
			return &commands[i];
	return NULL;
}

void fs_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int command, void *arg,
	      struct fuse_file_info *fi, unsigned int flags, const void *in, size_t in_size,
	      size_t out_size)
{
	const struct command *known = find_command(command, flags & FUSE_IOCTL_DIR);
	struct command_call call = {
		.service = service_of(req),
		.ctx = fuse_req_ctx(req),
		.ino = ino,
		.root_id = fi->fh,
	};
	int r = -ENOTTY;

	if (known)
		r = wire_take(in, in_size, known->min_size, &call.arg, known->known_size);
	if (r == 0)
		r = known->handler(&call);
	if (r < 0)
		reply_error(req, r);
	else
		fuse_reply_ioctl(req, 0, &call.arg, MIN(out_size, known->known_size));
}
