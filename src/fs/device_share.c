/* SPDX-License-Identifier: MIT */
/* device_share.c - names of ASIDs: export, and import into another context */

#include <fcntl.h>
#include <string.h>

#include "base/wire.h"
#include "broker/opened.h"
#include "fs/fs_ioctl.h"
#include "fs/fs_user.h"
#include "names/publish.h"
#include "util.h"

static int device_share_check_export(const struct dmabuffs_accel_export *arg)
{
	struct dmabuffs_export same = {.flags = arg->flags, .mode = arg->mode};

	if (arg->flags & ~DMABUFFS_EXPORT_MODE)
		return -EOPNOTSUPP;
	memcpy(same.label, arg->label, sizeof(same.label));
	return wire_check_export(&same);
}

/* An ASID is its own identity in the table's index of exported buffers. */
static struct buffer device_share_identity_of(const struct accel_asid *asid)
{
	return (struct buffer){
		.fd = -1,
		.kind = DMABUFFS_KIND_ASID,
		.ino = (uintptr_t)asid,
	};
}

/* Takes over @asid. */
static int device_share_publish(struct command_call *call, const struct ids *owner,
				struct accel_asid *asid)
{
	struct dmabuffs_accel_export *arg = &call->arg.asid_export;
	struct table *table = &call->service->table;
	struct buffer identity = device_share_identity_of(asid);
	struct export_request request = {
		.uid = owner->uid,
		.gid = owner->gid,
		.pid = call->ctx->pid,
		.flags = arg->flags,
		.mode = arg->mode,
		.label = (const char *)arg->label,
		.buffer = &identity,
		.asid = asid,
	};
	int r = device_file_get_root(call->file, &request.root_id);

	if (r == 0)
		r = publish_find(table, &request, arg->uuid);
	if (r == -ENOENT)
		r = publish_new(table, &request, call->ctx->pid, -1, arg->uuid);
	/* NULL if the export owns it now. */
	accel_asid_unref(request.asid);
	return r;
}

static int device_share_try_export(struct command_call *call)
{
	struct accel_asid *asid;
	struct ids owner;
	int r = user_owner(call, &owner);

	if (r == 0)
		r = accel_asid_share(call->file->context, call->arg.asid_export.asid,
				     &asid);
	return r < 0 ? r : device_share_publish(call, &owner, asid);
}

int device_export_asid(struct command_call *call)
{
	int r = device_share_check_export(&call->arg.asid_export);

	return r < 0 ? r : device_room_call(call, device_share_try_export, NULL);
}

/* References the ASID behind an opened name. */
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

static int device_share_try_import(struct command_call *call)
{
	return accel_asid_import(call->file->context, call->kept.asid,
				 &call->arg.import.id);
}

static void device_share_end_import(struct command_call *call, int result)
{
	accel_asid_unref(call->kept.asid);
}

int device_import_asid(struct command_call *call)
{
	struct taken taken;
	int r = device_take_import(call, TAKE_NAME, &taken);

	if (r < 0)
		return r;
	r = device_share_opened_asid(call, &taken, &call->kept.asid);
	taken_end(&taken);
	return r < 0 ? r
		     : device_room_call(call, device_share_try_import,
					device_share_end_import);
}
