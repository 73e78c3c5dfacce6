/* SPDX-License-Identifier: MIT */
#include "names/export.h"

#include <fuse_lowlevel.h>
#include <string.h>
#include <uuid.h>

#include "base/policy.h"
#include "buffers/closer.h"
#include "names/table.h"
#include "locked.h"
#include "util.h"

#define DEFAULT_MODE 0600

static int export_charge(struct limits *limits, const struct payer *payer, uint64_t bytes)
{
	int r = limits_charge_process(limits, payer, RES_EXPORTS, 1);

	if (r < 0)
		return r;
	r = limits_charge(limits, payer->uid, RES_BYTES, bytes);
	if (r < 0)
		limits_uncharge(limits, payer->uid, RES_EXPORTS, 1);
	return r;
}

static void export_uncharge(struct limits *limits, uid_t uid, uint64_t bytes)
{
	limits_uncharge(limits, uid, RES_BYTES, bytes);
	limits_uncharge(limits, uid, RES_EXPORTS, 1);
}

static struct export *export_alloc(struct limits *limits,
				   const struct export_request *request)
{
	struct export *export = calloc(1, sizeof(*export));
	mode_t mode =
		request->flags & DMABUFFS_EXPORT_MODE ? request->mode : DEFAULT_MODE;

	if (!export)
		return NULL;
	export->closing = closing_new(limits, request->uid, 0);
	if (!export->closing) {
		free(export);
		return NULL;
	}
	strncpy(export->label, request->label, sizeof(export->label) - 1);
	uuid_generate_random(export->uuid);
	export->refs = 1;
	export->root_id = request->root_id;
	export->flags = request->flags;
	export->mode = request->mode;
	export->exporter = request->uid;
	export->caller = caller_ref(request->caller);
	node_init(&export->node, S_IFREG | mode, request->uid, request->gid);
	return export;
}

int export_create(struct limits *limits, struct export_request *request,
		  struct export **ret_export)
{
	const struct payer payer = {request->uid, request->pid};
	struct export *export;
	uint64_t bytes;
	int r = buffer_memory(request->buffer, &bytes);

	if (r < 0)
		return r;
	r = export_charge(limits, &payer, bytes);
	if (r < 0)
		return r;
	export = export_alloc(limits, request);
	if (!export) {
		export_uncharge(limits, request->uid, bytes);
		return -ENOMEM;
	}
	export->charged_uid = request->uid;
	export->charged_bytes = bytes;
	export->buffer = *request->buffer;
	export->asid = request->asid;
	if (!export->asid)
		buffer_keep(&export->buffer, request->closing);
	export->has_buffer = true;
	request->buffer->fd = -1;
	request->asid = NULL;
	*ret_export = export;
	return 0;
}

static void export_move_charge(struct limits *limits, const struct export *export,
			       struct closing *closing)
{
	uid_t uid = export->charged_uid;

	if (closing_charge_ended(closing, uid)) {
		export_uncharge(limits, uid, export->charged_bytes);
	} else {
		closing_charge(closing, uid, RES_BYTES, export->charged_bytes);
		closing_charge(closing, uid, RES_EXPORTS, 1);
	}
}

void export_release_buffer(struct limits *limits, struct export *export)
{
	struct closing *closing = TAKE_PTR(export->closing);

	if (!export->has_buffer)
		return;
	export->has_buffer = false;
	closing_add_buffer(closing, &export->buffer);
	closing_add_asid(closing, TAKE_PTR(export->asid));
	export_move_charge(limits, export, closing);
	closing_end(closing);
}

void export_free(struct limits *limits, struct export *export)
{
	if (!export)
		return;
	export_release_buffer(limits, export);
	caller_unref(export->caller);
	node_finish(&export->node);
	free(export);
}

int export_recharge(struct limits *limits, struct export *export)
{
	uint64_t bytes, charged = export->charged_bytes;
	int r = buffer_memory(&export->buffer, &bytes);

	if (r < 0)
		return r;
	if (bytes < charged)
		limits_uncharge(limits, export->charged_uid, RES_BYTES, charged - bytes);
	else if (bytes > charged)
		r = limits_charge(limits, export->charged_uid, RES_BYTES,
				  bytes - charged);
	if (r == 0)
		export->charged_bytes = bytes;
	return r;
}

int export_transfer(struct limits *limits, struct export *export, uid_t uid)
{
	const struct charge charges[] = {{RES_EXPORTS, 1},
					 {RES_BYTES, export->charged_bytes}};
	int r;

	if (uid == export->charged_uid || !export->has_buffer)
		return 0;
	r = limits_transfer(limits, export->charged_uid, uid, charges,
			    ARRAY_SIZE(charges));
	if (r == 0)
		export->charged_uid = uid;
	return r;
}

static bool export_is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

static bool export_is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

void export_times(const struct export *export, const struct stat *buffer,
		  struct stat *ret_stat)
{
	if (!export_is_same_time(&buffer->st_atim, &export->atime_then))
		ret_stat->st_atim = buffer->st_atim;
	if (!export_is_same_time(&buffer->st_mtim, &export->mtime_then))
		ret_stat->st_mtim = buffer->st_mtim;
	if (export_is_later(&buffer->st_ctim, &ret_stat->st_ctim))
		ret_stat->st_ctim = buffer->st_ctim;
}

void export_set_times(struct export *export, int to_set)
{
	struct stat buffer;

	if (!export->has_buffer || buffer_stat(&export->buffer, &buffer) < 0)
		return;
	if (to_set & FUSE_SET_ATTR_ATIME)
		export->atime_then = buffer.st_atim;
	if (to_set & FUSE_SET_ATTR_MTIME)
		export->mtime_then = buffer.st_mtim;
}

uint32_t export_info_flags_locked(struct table *table, const struct export *export)
{
	bool readonly = export->flags & DMABUFFS_EXPORT_READONLY;
	uint32_t flags = 0;

	ASSERT_LOCKED(&table->lock);
	if (export->flags & DMABUFFS_EXPORT_PERSIST)
		flags |= DMABUFFS_INFO_PERSIST;
	if (policy_is_readonly(readonly,
			       export->has_buffer ? buffer_seals(&export->buffer) : 0))
		flags |= DMABUFFS_INFO_READONLY;
	if (export->revoked)
		flags |= DMABUFFS_INFO_REVOKED;
	else if (export->has_buffer && buffer_is_revocable(&export->buffer))
		flags |= DMABUFFS_INFO_REVOCABLE;
	if (export->named)
		flags |= DMABUFFS_INFO_NAMED;
	return flags;
}

void export_name(const struct export *export, char ret_name[UUID_TEXT_LENGTH + 1])
{
	uuid_unparse_lower(export->uuid, ret_name);
}
