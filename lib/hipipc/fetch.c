/* SPDX-License-Identifier: MIT */
/* fetch.c - opens the name of a handle, and explains why that fails */
#include "fetch.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hipipc-provider.h>

#include "reason.h"
#include "session.h"

/* ---- reasons ----------------------------------------------------------------------- */

/* stat(2) of a name needs no permission on it. */
static int fetch_stat(const char *name, struct stat *ret_status)
{
	_cleanup_session_ struct session *session = NULL;
	int r = session_get(&session);

	if (r < 0)
		return r;
	return fstatat(dmabuffs_root_fd(session->instance), name, ret_status,
		       AT_SYMLINK_NOFOLLOW) < 0
		       ? -errno
		       : 0;
}

static int fetch_explain_denied(const char *name)
{
	struct stat status;

	if (fetch_stat(name, &status) < 0)
		return reason(-EACCES,
			      "%s: Permission denied, by the root directory of %s", name,
			      session_path());
	return reason(
		-EACCES,
		"%s: Permission denied: it has mode %04o of uid %u, gid %u, and this "
		"process is uid %u (HIPIPC_MODE of the exporter, chmod(1), "
		"setfacl(1))",
		name, status.st_mode & 07777, status.st_uid, status.st_gid, geteuid());
}

/* 0 or -errno: the service does not tell, or has never had the name. */
static int fetch_get_cause(const dmabuffs_uuid *uuid,
			   enum dmabuffs_ended_cause *ret_cause)
{
	_cleanup_session_ struct session *session = NULL;
	int r = session_get(&session);

	return r < 0 ? r : dmabuffs_ended(session->instance, uuid, ret_cause);
}

static const char *fetch_text_of(enum dmabuffs_ended_cause cause)
{
	switch (cause) {
	case DMABUFFS_ENDED_WITHDRAWN:
		return "its exporter has freed it";
	case DMABUFFS_ENDED_CLOSED:
		return "its exporter has exited";
	case DMABUFFS_ENDED_REVOKED:
		return "it was revoked";
	case DMABUFFS_ENDED_UNLINKED:
		return "it was removed by unlink(2) or dmabuffs rm";
	case DMABUFFS_ENDED_LOST:
		return "the service was killed and could not keep it";
	}
	return "it was removed";
}

static int fetch_explain_missing(const dmabuffs_uuid *uuid, const char *name)
{
	enum dmabuffs_ended_cause cause;
	int r = fetch_get_cause(uuid, &cause);

	if (r == 0)
		return reason(-ESTALE, "%s: no such name any more: %s", name,
			      fetch_text_of(cause));
	if (r == -ENOENT)
		return reason(-ESTALE,
			      "%s: no such name in %s: it is of another instance, or "
			      "ended long ago",
			      name, session_path());
	return reason(-ESTALE,
		      "%s: no such name in %s: it was freed, its exporter has exited, or "
		      "it is of another instance",
		      name, session_path());
}

static int fetch_explain(int r, const dmabuffs_uuid *uuid)
{
	char name[DMABUFFS_UUID_TEXT_SIZE];

	dmabuffs_uuid_format(uuid, name);
	switch (r) {
	case -ENOENT:
		return fetch_explain_missing(uuid, name);
	case -ESTALE:
		return reason(-ESTALE, "%s: the memory was revoked", name);
	case -EPERM:
		return reason(
			-EACCES,
			"%s: the name is read-only, and the runtime needs write access",
			name);
	case -EROFS:
		return reason(-EACCES,
			      "%s: %s is mounted read-only here, and this needs write "
			      "access",
			      name, session_path());
	case -EACCES:
		return fetch_explain_denied(name);
	case -EXDEV:
	case -EREMOTE:
		return reason(-EACCES,
			      "%s: the instance requires a namespace shared with the "
			      "exporter (mount option ns=)",
			      name);
	case -EBUSY:
		return reason(-EACCES,
			      "%s: its owner holds a lease on it (fcntl(2), F_SETLEASE)",
			      name);
	case -EDQUOT:
	case -ENOSPC:
		return reason(r, "%s: %s", name,
			      dmabuffs_strerror(r, DMABUFFS_OPERATION_IMPORT));
	case -EMFILE:
		return reason(r, "%s: this process has too many open files (ulimit -n)",
			      name);
	case -ENOMEM:
	case -ENFILE:
	case -ENOTCONN:
		return reason(r, "%s: %s", name, strerror(-r));
	case -EBADFD:
	case -EINVAL:
	case -EOPNOTSUPP:
	case -ENOTTY:
		return reason(-EBADMSG, "%s: not the name of a buffer", name);
	default:
		return reason(-EIO, "%s: %s", name, strerror(-r));
	}
}

/* ---- requests of a session --------------------------------------------------------- */

struct fetch {
	const struct hipipc_handle *handle;
	int opened;
	int real;
};

/* Read-only if the user, or the mount, only permits to read a memfd; open(2) decides. */
static int fetch_open_name(struct session *session, void *data)
{
	struct fetch *fetch = data;
	const struct hipipc_handle *handle = fetch->handle;
	int r = dmabuffs_import(session->instance, &handle->uuid, O_RDWR, &fetch->opened);

	if ((r == -EACCES || r == -EPERM || r == -EROFS) &&
	    handle->kind == HIPIPC_KIND_MEMFD)
		r = dmabuffs_import(session->instance, &handle->uuid, O_RDONLY,
				    &fetch->opened);
	/* The session repeats what failed with EAGAIN; a lease can last. */
	return r == -EAGAIN ? -EBUSY : r;
}

static int fetch_by_exchange(struct session *session, void *data)
{
	struct fetch *fetch = data;

	return dmabuffs_exchange(session->instance, fetch->opened, &fetch->real);
}

/* ------------------------------------------------------------------------------------ */

int fetch_name(const struct hipipc_handle *handle, int *ret_opened)
{
	struct fetch fetch = {.handle = handle, .opened = -1, .real = -1};
	int r = session_call(fetch_open_name, &fetch, NULL);

	if (r < 0)
		return fetch_explain(r, &handle->uuid);
	*ret_opened = fetch.opened;
	return 0;
}

int fetch_exchange(const struct hipipc_handle *handle, int *opened)
{
	struct fetch fetch = {.handle = handle, .opened = *opened, .real = -1};
	int r = session_call(fetch_by_exchange, &fetch, NULL);

	if (r < 0)
		return fetch_explain(r, &handle->uuid);
	close_keep_errno(*opened);
	*opened = fetch.real;
	return 0;
}
