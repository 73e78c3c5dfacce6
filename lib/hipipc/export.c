/* SPDX-License-Identifier: MIT */
/* export.c - from an allocation or event to its name in the mount */
#include "export.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <util.h>

#include "options.h"
#include "reason.h"
#include "session.h"

static int export_get_backing(const struct subject *subject,
			      struct hipipc_backing *ret_backing)
{
	const struct hipipc_provider *provider = subject->provider;
	int r;

	if (subject->allocation) {
		r = provider->export_memory(subject->allocation, ret_backing);
	} else {
		ret_backing->kind = HIPIPC_KIND_EVENT;
		r = provider->export_event(subject->id, &ret_backing->fd);
	}
	if (r == -ENOENT)
		return reason(-EINVAL, "it was freed meanwhile");
	if (r == -EOPNOTSUPP)
		return reason(r, "it was opened from a handle: pass that handle on");
	return r;
}

/* Asks for no attribute: as long as the kernel has the dentry, this is no request. */
bool export_has_name(const struct session *session, const dmabuffs_uuid *uuid)
{
	char name[DMABUFFS_UUID_TEXT_SIZE];
	struct statx unused;

	dmabuffs_uuid_format(uuid, name);
	return statx(dmabuffs_root_fd(session->instance), name,
		     AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, 0, &unused) == 0 ||
	       (errno != ENOENT && errno != ESTALE);
}

/* Arguments and result of export_backing(). */
struct exporting {
	const struct hipipc_backing *backing;
	dmabuffs_uuid uuid;
};

/* Two allocations in one buffer get two names, which are removed independently. */
static int export_backing(struct session *session, void *data)
{
	struct exporting *exporting = data;
	const struct dmabuffs_export_options how = {
		.size = sizeof(how),
		.flags = DMABUFFS_EXPORT_MODE | DMABUFFS_EXPORT_ANOTHER,
		.mode = options_get()->mode,
		.label = exporting->backing->kind == HIPIPC_KIND_EVENT ? "hipipc event"
								       : "hipipc memory",
	};
	int r = dmabuffs_export(session->instance, exporting->backing->fd, &how,
				&exporting->uuid);

	/*
	 * The kernel has a dentry then when importers open the name, which saves them a
	 * round trip. The dentry belongs to the mount in all namespaces.
	 */
	if (r == 0)
		(void)export_has_name(session, &exporting->uuid);
	return r;
}

static int export_explain_quota(uint64_t size)
{
	struct dmabuffs_limit_use names, bytes;

	if (session_get_limit(DMABUFFS_LIMIT_EXPORTS, &names) < 0 ||
	    session_get_limit(DMABUFFS_LIMIT_BYTES, &bytes) < 0)
		return reason(-EDQUOT,
			      "cannot export: the quota of names or bytes of uid %u is "
			      "reached (max-exports-per-uid, max-bytes-per-uid)",
			      geteuid());
	if (size > bytes.max)
		return reason(-EDQUOT,
			      "cannot export: this buffer of %" PRIu64 " bytes is larger "
			      "than the limit of uid %u, %llu bytes (max-bytes-per-uid)",
			      size, geteuid(), bytes.max);
	return reason(-EDQUOT,
		      "cannot export: quota of uid %u: %llu of %llu names "
		      "(max-exports-per-uid), %llu of %llu bytes (max-bytes-per-uid)",
		      geteuid(), names.used, names.max, bytes.used, bytes.max);
}

/* statfs(2) shows the mount's limits; see dmabuffsd(8). */
static int export_explain_full(uint64_t size)
{
	_cleanup_session_ struct session *session = NULL;
	struct statfs mount;

	if (session_get(&session) < 0 ||
	    fstatfs(dmabuffs_root_fd(session->instance), &mount) < 0)
		return reason(-ENOSPC, "cannot export: the mount is full");
	if (mount.f_blocks && size / (uint64_t)mount.f_bsize > mount.f_blocks)
		return reason(-ENOSPC,
			      "cannot export: this buffer of %" PRIu64 " bytes is larger "
			      "than the limit of the mount, %" PRIu64
			      " bytes (max-bytes)",
			      size, (uint64_t)mount.f_blocks * (uint64_t)mount.f_bsize);
	return reason(-ENOSPC,
		      "cannot export: the mount is full: %" PRIu64 " of %" PRIu64
		      " names, %" PRIu64 " of %" PRIu64 " bytes "
		      "(max-exports, max-bytes)",
		      (uint64_t)(mount.f_files - mount.f_ffree), (uint64_t)mount.f_files,
		      (uint64_t)(mount.f_blocks - mount.f_bfree) *
			      (uint64_t)mount.f_bsize,
		      (uint64_t)mount.f_blocks * (uint64_t)mount.f_bsize);
}

static uint64_t export_get_size(const struct hipipc_backing *backing)
{
	struct stat status;

	return fstat(backing->fd, &status) < 0 ? 0 : (uint64_t)status.st_size;
}

static int export_explain(int r, const struct hipipc_backing *backing)
{
	switch (r) {
	case -EBADFD:
		return reason(-EOPNOTSUPP,
			      "the service does not accept this kind of descriptor%s",
			      backing->kind == HIPIPC_KIND_CUDA_VMM
				      ? "; mount the instance with "
					"drivers=nvidia-frontend:nvidia"
				      : "");
	case -EACCES:
	case -EPERM:
		return reason(-EACCES, "this user may not export in the instance: %s",
			      strerror(-r));
	case -EROFS:
		return reason(
			-EACCES,
			"%s is mounted read-only here: this process can only import",
			session_path());
	case -EDQUOT:
		return export_explain_quota(export_get_size(backing));
	case -ENOSPC:
		return export_explain_full(export_get_size(backing));
	case -EMFILE:
		return reason(r, "cannot export: this process has too many open files "
				 "(ulimit -n)");
	case -ENOMEM:
	case -ENFILE:
	case -ENOTCONN:
		return reason(r, "cannot export: %s", strerror(-r));
	default:
		return reason(-EIO, "cannot export: %s", strerror(-r));
	}
}

int export_subject(const struct subject *subject, struct hipipc_handle *ret_handle,
		   struct session **ret_session)
{
	struct hipipc_backing backing = {.fd = -1};
	struct exporting exporting = {.backing = &backing};
	int r = export_get_backing(subject, &backing);

	if (r < 0)
		return r;
	r = session_call(export_backing, &exporting, ret_session);
	if (r < 0)
		r = export_explain(r, &backing);
	close_keep_errno(backing.fd);
	if (r < 0)
		return r;
	*ret_handle = (struct hipipc_handle){
		.kind = (uint16_t)backing.kind,
		.uuid = exporting.uuid,
		.base = backing.offset,
		.bytes = subject->allocation ? subject->allocation->bytes : 1,
	};
	return 0;
}
