/* SPDX-License-Identifier: MIT */
/* device_share.c - names for address spaces: export, and import into another context */

#include <fcntl.h>
#include <string.h>

#include "base/wire.h"
#include "broker/opened.h"
#include "fs/device_take.h"
#include "fs/fs_ioctl.h"
#include "util.h"

static int device_share_check_export(const struct dmabuffs_accel_export *arg)
{
	struct dmabuffs_export same = {.flags = arg->flags, .mode = arg->mode};

	if (arg->flags & ~DMABUFFS_EXPORT_MODE)
		return -EOPNOTSUPP;
	memcpy(same.label, arg->label, sizeof(same.label));
	return wire_check_export(&same);
}

/* Under which an ASID is known to be exported already: it is its own identity. */
static struct buffer device_share_identity_of(const struct accel_asid *asid)
{
	return (struct buffer){
		.fd = -1,
		.kind = DMABUFFS_KIND_ASID,
		.ino = (uintptr_t)asid,
	};
}

static int device_share_add_name(struct command_call *call,
				 struct export_request *request,
				 struct export **ret_export)
{
	struct service *service = call->service;
	struct export *export, *other = NULL;
	int r = export_create(&service->limits, request, &export);

	if (r < 0) {
		accel_asid_unref(request->asid);
		return r;
	}
	r = table_add(&service->table, export, &other);
	if (r < 0)
		export_free(&service->limits, export);
	else
		fs_log_export(export);
	*ret_export = r < 0 ? other : export;
	return r == -EEXIST ? 0 : r;
}

/* Takes over @asid. */
static int device_share_make_name(struct command_call *call, struct accel_asid *asid,
				  struct caller *caller, uint64_t root_id,
				  struct export **ret_export)
{
	const struct dmabuffs_accel_export *arg = &call->arg.asid_export;
	struct buffer buffer = device_share_identity_of(asid);
	struct export_request request = {
		.root_id = root_id,
		.uid = call->ctx->uid,
		.gid = call->ctx->gid,
		.flags = arg->flags,
		.mode = arg->mode,
		.label = (const char *)arg->label,
		.caller = caller,
		.buffer = &buffer,
		.asid = asid,
	};

	return device_share_add_name(call, &request, ret_export);
}

static int device_share_read_caller(struct command_call *call, struct caller **ret_caller)
{
	int pidfd = caller_open(call->ctx->pid);
	int r = caller_read(call->ctx->pid, pidfd, NULL, ret_caller);

	close_keep_errno(pidfd);
	return r;
}

/* The same ASID keeps its name, if asked alike. */
static int device_share_answer(struct dmabuffs_accel_export *arg,
			       const struct export *export)
{
	const char *label = export->label ? export->label : "";

	if (export->flags != arg->flags || export->mode != arg->mode ||
	    strcmp(label, (const char *)arg->label))
		return -EEXIST;
	memcpy(arg->uuid, export->uuid, sizeof(arg->uuid));
	return 0;
}

static int device_share_export_shared(struct command_call *call, struct accel_asid *asid)
{
	struct dmabuffs_accel_export *arg = &call->arg.asid_export;
	struct export *export;
	struct caller *caller;
	uint64_t root_id;
	int r = device_file_get_root(call->file, &root_id);

	if (r == 0)
		r = device_share_read_caller(call, &caller);
	if (r < 0) {
		accel_asid_unref(asid);
		return r;
	}
	r = device_share_make_name(call, asid, caller, root_id, &export);
	caller_unref(caller);
	if (r < 0)
		return r;
	r = device_share_answer(arg, export);
	table_put(&call->service->table, export);
	return r;
}

int device_export_asid(struct command_call *call)
{
	struct dmabuffs_accel_export *arg = &call->arg.asid_export;
	struct accel_asid *asid;
	int r = device_share_check_export(arg);

	if (r == 0)
		r = accel_asid_share(call->file->context, arg->asid, &asid);
	return r < 0 ? r : device_share_export_shared(call, asid);
}

/* A reference to the ASID behind an opened name. */
static int device_share_opened_asid(struct command_call *call, const struct taken *taken,
				    struct accel_asid **ret_asid)
{
	_cleanup_(opened_put) struct opened opened = {NULL};
	int r = opened_get(&call->service->broker, taken->fd, &opened);

	if (r < 0)
		return r;
	table_lock(opened.table);
	if (!opened.export->opens || !opened.export->asid)
		r = -EBADFD;
	else if (opened.access != O_RDWR)
		r = -EACCES;
	else
		*ret_asid = accel_asid_ref(opened.export->asid);
	table_unlock(opened.table);
	return r;
}

int device_import_asid(struct command_call *call)
{
	struct accel_asid *asid;
	struct taken taken;
	int r = device_take_import(call, &taken);

	if (r < 0)
		return r;
	r = device_share_opened_asid(call, &taken, &asid);
	taken_refuse(&taken);
	if (r < 0)
		return r;
	r = accel_asid_import(call->file->context, asid, &call->arg.import.id);
	accel_asid_unref(asid);
	return r;
}
