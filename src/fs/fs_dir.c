/* SPDX-License-Identifier: MIT */
#include "fs/fs.h"

#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <uuid.h>

#include <dmabuffs-accel-ioctl.h>
#include <dmabuffs-broker.h>

#include "fs/fs_user.h"
#include "names/ended.h"
#include "crash_point.h"
#include "util.h"

/* Only the text that export_name() writes: 36 characters, lower case. */
int fs_parse_name(const char *name, uint8_t ret_uuid[DMABUFFS_UUID_SIZE])
{
	char text[UUID_TEXT_LENGTH + 1];

	if (strlen(name) != UUID_TEXT_LENGTH || uuid_parse(name, ret_uuid) < 0)
		return -ENOENT;
	uuid_unparse_lower(ret_uuid, text);
	return strcmp(name, text) ? -ENOENT : 0;
}

/* The inode number of a name that is no UUID; 0: there is none. */
static uint64_t fs_dir_find_fixed(struct service *service, fuse_ino_t parent,
				  const char *name)
{
	if (parent == INO_ACCEL)
		return devices_find(&service->devices, name);
	if (parent != INO_ROOT)
		return 0;
	if (!strcmp(name, DMABUFFS_IDMAP_NAME) && service->options.idmap)
		return INO_IDMAP;
	if (!strcmp(name, DMABUFFS_CONTROL_NAME))
		return INO_CONTROL;
	if (!strcmp(name, DMABUFFS_ACCEL_DIR) && service->devices.registry)
		return INO_ACCEL;
	if (!strcmp(name, DMABUFFS_BROKER_NAME) && service->broker_bound)
		return INO_BROKER;
	return 0;
}

static bool fs_dir_is_broker(fuse_ino_t parent, const char *name)
{
	return parent == INO_ROOT && !strcmp(name, DMABUFFS_BROKER_NAME);
}

static void fs_dir_reply_entry(fuse_req_t req, uint64_t ino)
{
	struct service *service = service_of(req);
	struct fuse_entry_param entry = {
		.ino = ino,
		.entry_timeout = ino < INO_FIRST_EXPORT ? CACHE_FOREVER : CACHE_NAME,
	};
	int r = fs_stat(service, ino, &entry.attr, &entry.attr_timeout);

	if (r < 0)
		reply_error(req, r);
	else
		fuse_reply_entry(req, &entry);
}

/* The export with a UUID name, referenced; NULL: there is none. */
static struct export *fs_dir_get_named(struct service *service, fuse_ino_t parent,
				       const char *name)
{
	uint8_t uuid[DMABUFFS_UUID_SIZE];

	return parent == INO_ROOT && fs_parse_name(name, uuid) == 0
		       ? table_get_named(&service->table, uuid)
		       : NULL;
}

/* The reply depends on the name alone, not on the caller. */
void fs_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct service *service = service_of(req);
	uint64_t fixed = fs_dir_find_fixed(service, parent, name);
	struct export *export;

	/* The kernel lets longer ones pass, up to PATH_MAX. */
	if (strlen(name) > NAME_MAX) {
		reply_error(req, -ENAMETOOLONG);
		return;
	}
	if (fixed) {
		fs_dir_reply_entry(req, fixed);
		return;
	}
	export = fs_dir_get_named(service, parent, name);
	if (!export) {
		reply_error(req, -ENOENT);
		return;
	}
	fs_dir_reply_entry(req, export->id);
	table_put(&service->table, export);
}

/*
 * bind(2) of the broker creates its node. The mount is visible to clients already, so
 * only the service's thread that binds may do so; the kernel identifies it.
 */
void fs_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t dev)
{
	struct service *service = service_of(req);
	pid_t caller = fuse_req_ctx(req)->pid;

	if (!fs_dir_is_broker(parent, name) || !S_ISSOCK(mode) || !caller ||
	    caller != service->binder) {
		reply_error(req, -EPERM);
		return;
	}
	service->broker_bound = true;
	fs_dir_reply_entry(req, INO_BROKER);
}

static bool fs_dir_was_unlinked(struct service *service, const char *name)
{
	uint8_t uuid[DMABUFFS_UUID_SIZE];

	return fs_parse_name(name, uuid) == 0 && table_was_unnamed(&service->table, uuid);
}

/* The kernel has checked write permission on the root, and the sticky bit. */
void fs_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct service *service = service_of(req);
	struct export *export;

	if (fs_dir_find_fixed(service, parent, name)) {
		reply_error(req, -EPERM);
		return;
	}
	export = fs_dir_get_named(service, parent, name);
	if (fs_dir_was_unlinked(service, name) ||
	    (export && ended_remove_name(&service->notifier, export,
					 DMABUFFS_ENDED_UNLINKED, "unlinked")))
		reply_error(req, 0);
	else
		reply_error(req, -ENOENT);
	CRASH_POINT("unlink-replied");
	table_put(&service->table, export);
}

/* ---- readdir ----------------------------------------------------------------------- */

static void fs_dir_list_exports(struct service *service, struct listing *listing,
				uint64_t cursor)
{
	uid_t uid = user_uid(listing->req);
	struct export *export;
	bool more, fits = true;

	do {
		export = table_next(&service->table, uid, &cursor, &more);
		if (export) {
			char name[UUID_TEXT_LENGTH + 1];

			export_name(export, name);
			fits = listing_add(listing, name, export->id, S_IFREG,
					   export->id + 1);
			table_put(&service->table, export);
		}
	} while (fits && (export || more));
}

/*
 * The kernel copies the entries to the reader's memory while it keeps the directory
 * locked, and look-ups need that lock. The memory can be a page of the reader's own FUSE
 * server, which takes any time. So only uid 0 gets entries; the others list their names
 * with DMABUFFS_IOC_LIST.
 */
static bool fs_dir_may_list(fuse_req_t req)
{
	return user_uid(req) == 0;
}

/*
 * Offsets: 0 before ".", 1 before "..", 2 before all others; then of an export its id
 * plus one, of a device its index plus three.
 */
void fs_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		struct fuse_file_info *fi)
{
	struct service *service = service_of(req);
	struct listing listing = {.req = req, .size = size};

	if (!fs_dir_may_list(req)) {
		fuse_reply_buf(req, NULL, 0);
		return;
	}
	listing.buf = malloc(size);
	if (!listing.buf) {
		reply_error(req, -ENOMEM);
		return;
	}
	if (offset < 1 && listing_add(&listing, ".", ino, S_IFDIR, 1))
		offset = 1;
	if (offset == 1 && listing_add(&listing, "..", INO_ROOT, S_IFDIR, 2))
		offset = 2;
	if (offset >= 2 && ino == INO_ACCEL)
		fs_accel_list(&service->devices, &listing, offset);
	else if (offset >= 2 && ino == INO_ROOT)
		fs_dir_list_exports(service, &listing, (uint64_t)offset - 1);
	fuse_reply_buf(req, listing.buf, listing.used);
	free(listing.buf);
}

/* ---- statfs ------------------------------------------------------------------------ */

#define BLOCK 4096

/* df(1) shows the bytes shared against their limit, df -i the names. */
void fs_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct service *service = service_of(req);
	const uint64_t *limit = service->limits.config.per_mount;
	uint64_t exports = limits_used(&service->limits, RES_EXPORTS);
	uint64_t bytes = limits_used(&service->limits, RES_BYTES);
	struct statvfs st = {
		.f_bsize = BLOCK,
		.f_frsize = BLOCK,
		.f_blocks = limit[RES_BYTES] / BLOCK,
		.f_files = limit[RES_EXPORTS],
		.f_namemax = NAME_MAX,
	};

	st.f_bfree = st.f_bavail = (limit[RES_BYTES] - bytes) / BLOCK;
	st.f_ffree = st.f_favail = st.f_files - MIN(exports, st.f_files);
	fuse_reply_statfs(req, &st);
}
