/* SPDX-License-Identifier: MIT */
#include "names/export.h"

#include <fuse_lowlevel.h>
#include <string.h>
#include <uuid.h>

#include "base/policy.h"
#include "buffers/closer.h"
#include "names/table.h"
#include "crash_point.h"
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

/* One that has neither a record nor a buffer. */
static void export_free_memory(struct export *export)
{
	caller_unref(export->caller);
	node_finish(&export->node);
	closing_end(export->closing);
	free(export->label);
	free(export);
}

static struct export *export_alloc(struct limits *limits,
				   const struct export_request *request)
{
	struct export *export = calloc(1, sizeof(*export));
	mode_t mode =
		request->flags & DMABUFFS_EXPORT_MODE ? request->mode : DEFAULT_MODE;

	if (!export)
		return NULL;
	/* The room is for the bank's duplicate: see leaving.h. */
	export->closing = closing_new(limits, request->uid, 1);
	if (request->label[0])
		export->label = strdup(request->label);
	if (!export->closing || (request->label[0] && !export->label)) {
		export_free_memory(export);
		return NULL;
	}
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

static int export_make(struct table *table, const struct export_request *request,
		       uint64_t bytes, struct export **ret_export)
{
	struct export *export = export_alloc(table->limits, request);
	int r;

	if (!export)
		return -ENOMEM;
	export->charged_uid = request->uid;
	export->charged_bytes = bytes;
	export->buffer = *request->buffer;
	export->buffer.closing = export->closing;
	r = export_store(table, export);
	if (r < 0)
		export_free_memory(export);
	else
		*ret_export = export;
	return r;
}

static void export_take_buffer(struct table *table, struct export *export,
			       struct export_request *request)
{
	export->asid = request->asid;
	export_bank(table, export);
	if (!export->asid)
		buffer_keep(&export->buffer, request->closing);
	export->has_buffer = true;
	request->buffer->fd = -1;
	request->asid = NULL;
}

int export_create(struct table *table, struct export_request *request,
		  struct export **ret_export)
{
	const struct payer payer = {request->uid, request->pid};
	struct export *export;
	uint64_t bytes;
	int r = buffer_memory(request->buffer, &bytes);

	if (r < 0)
		return r;
	r = export_charge(table->limits, &payer, bytes);
	if (r < 0)
		return r;
	r = export_make(table, request, bytes, &export);
	if (r < 0) {
		export_uncharge(table->limits, request->uid, bytes);
		return r;
	}
	export_take_buffer(table, export, request);
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

void export_release_buffer(struct table *table, struct export *export)
{
	struct closing *closing;

	if (!export->has_buffer)
		return;
	closing = TAKE_PTR(export->closing);
	export->has_buffer = false;
	closing_add_buffer(closing, &export->buffer);
	closing_add_asid(closing, TAKE_PTR(export->asid));
	export_move_charge(table->limits, export, closing);
	if (export->banked)
		leaving_end(&table->leaving, export->slot,
			    export_record(table, export)->record.generation, closing);
	else
		closing_end(closing);
	CRASH_POINT("buffer-dropped");
}

/* The record first: a caller's goes only when none refers to it. */
void export_free(struct table *table, struct export *export)
{
	if (!export)
		return;
	export_release_buffer(table, export);
	ledger_free(table->ledger, LEDGER_EXPORT, export->slot);
	CRASH_POINT("export-freed");
	export_free_memory(export);
}

int export_recharge(struct table *table, struct export *export)
{
	struct limits *limits = table->limits;
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
		export_record(table, export)->charged_bytes = export->charged_bytes =
			bytes;
	return r;
}

int export_transfer(struct table *table, struct export *export, uid_t uid)
{
	const struct charge charges[] = {{RES_EXPORTS, 1},
					 {RES_BYTES, export->charged_bytes}};
	int r;

	if (uid == export->charged_uid || !export->has_buffer)
		return 0;
	r = limits_transfer(table->limits, export->charged_uid, uid, charges,
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

static void export_store_times(struct table *table, const struct export *export)
{
	struct ledger_export *record = export_record(table, export);
	const struct timespec atime = export->atime_then, mtime = export->mtime_then;

	record->atime_then = atime.tv_sec;
	record->mtime_then = mtime.tv_sec;
	record->atime_then_ns = (uint32_t)atime.tv_nsec;
	record->mtime_then_ns = (uint32_t)mtime.tv_nsec;
}

void export_set_times(struct table *table, struct export *export, int to_set)
{
	struct stat buffer;

	if (!export->has_buffer || buffer_stat(&export->buffer, &buffer) < 0)
		return;
	if (to_set & FUSE_SET_ATTR_ATIME)
		export->atime_then = buffer.st_atim;
	if (to_set & FUSE_SET_ATTR_MTIME)
		export->mtime_then = buffer.st_mtim;
	export_store_times(table, export);
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

const char *export_label(const struct export *export)
{
	return export->label ? export->label : "";
}

void export_name(const struct export *export, char ret_name[UUID_TEXT_LENGTH + 1])
{
	uuid_unparse_lower(export->uuid, ret_name);
}
