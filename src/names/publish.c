/* SPDX-License-Identifier: MIT */
#include "names/publish.h"

#include <string.h>

#include "base/log.h"

#define COMPARED_FLAGS                                                                   \
	(DMABUFFS_EXPORT_PERSIST | DMABUFFS_EXPORT_READONLY | DMABUFFS_EXPORT_MODE)

/* An ASID belongs to a context, whose users have equal rights to it. */
static bool publish_is_same_exporter(const struct export *export, uid_t uid)
{
	return export->exporter == uid || export->buffer.kind == DMABUFFS_KIND_ASID;
}

static bool publish_is_same(const struct export *export,
			    const struct export_request *request)
{
	return publish_is_same_exporter(export, request->uid) &&
	       !((export->flags ^ request->flags) & COMPARED_FLAGS) &&
	       export->mode == request->mode &&
	       !strcmp(export_label(export), request->label);
}

/* Takes over the reference to @export. */
static int publish_finish(struct table *table, struct export *export,
			  const struct export_request *request,
			  uint8_t ret_uuid[DMABUFFS_UUID_SIZE])
{
	int r = publish_is_same(export, request) ? 0 : -EEXIST;

	if (r == 0)
		memcpy(ret_uuid, export->uuid, DMABUFFS_UUID_SIZE);
	table_put(table, export);
	return r;
}

int publish_find(struct table *table, const struct export_request *request,
		 uint8_t ret_uuid[DMABUFFS_UUID_SIZE])
{
	struct export *export = NULL;

	if (!(request->flags & DMABUFFS_EXPORT_ANOTHER))
		export = table_get_exported(table, request->root_id, request->buffer);
	return export ? publish_finish(table, export, request, ret_uuid) : -ENOENT;
}

static int publish_read_caller(struct table *table, struct export_request *request,
			       pid_t tid, int pidfd)
{
	struct caller *cached = table_root_caller(table, request->root_id);
	int r = caller_read(tid, pidfd, cached, &request->caller);

	if (r == 0 && request->caller != cached)
		table_set_root_caller(table, request->root_id, request->caller);
	caller_unref(cached);
	return r;
}

static void publish_log(const struct export *export)
{
	char name[UUID_TEXT_LENGTH + 1];

	export_name(export, name);
	log_info("%s: exported by pid %d (%s) uid %u gid %u mode %04o: %s of %llu "
		 "bytes%s%s",
		 name, export->caller->pid, export->caller->comm, export->node.uid,
		 export->node.gid, export->node.mode & 07777,
		 buffer_kind_name(&export->buffer),
		 (unsigned long long)export->charged_bytes,
		 export->flags & DMABUFFS_EXPORT_PERSIST ? ", persistent" : "",
		 export->flags & DMABUFFS_EXPORT_READONLY ? ", read-only" : "");
}

/* The named export: the one created here, or the one that another thread has added. */
static int publish_create(struct table *table, struct export_request *request,
			  struct export **ret_export)
{
	struct export *export, *other = NULL;
	int r = export_create(table, request, &export);

	if (r < 0)
		return r;
	r = table_add(table, export, &other);
	if (r == 0)
		publish_log(export);
	else
		export_free(table, export);
	if (r < 0 && !other)
		return r;
	*ret_export = other ? other : export;
	return 0;
}

int publish_new(struct table *table, struct export_request *request, pid_t tid, int pidfd,
		uint8_t ret_uuid[DMABUFFS_UUID_SIZE])
{
	struct export *export = NULL;
	int r = publish_read_caller(table, request, tid, pidfd);

	if (r < 0)
		return r;
	r = publish_create(table, request, &export);
	caller_unref(request->caller);
	request->caller = NULL;
	return r < 0 ? r : publish_finish(table, export, request, ret_uuid);
}
