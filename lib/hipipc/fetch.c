/* SPDX-License-Identifier: MIT */
/* fetch.c - opens the name of a handle, and explains why that fails */
#include "fetch.h"

#include <fcntl.h>
#include <string.h>

#include <hipipc-provider.h>

#include "reason.h"
#include "session.h"

static int fetch_explain(int r, const dmabuffs_uuid *uuid)
{
	char name[DMABUFFS_UUID_TEXT_SIZE];

	dmabuffs_uuid_format(uuid, name);
	switch (r) {
	case -ENOENT:
	case -ESTALE:
		return reason(
			-ESTALE,
			"%s: no such name: it was freed or revoked, or its exporter "
			"has exited",
			name);
	case -EPERM:
		return reason(
			-EACCES,
			"%s: the name is read-only, and the runtime needs write access",
			name);
	case -EACCES:
		return reason(-EACCES,
			      "%s: Permission denied: check its owner and mode "
			      "(HIPIPC_MODE of the exporter, chmod(1), setfacl(1))",
			      name);
	case -EXDEV:
	case -EREMOTE:
		return reason(-EACCES,
			      "%s: the instance requires a namespace shared with the "
			      "exporter (mount option ns=)",
			      name);
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
	case -EDQUOT:
	case -ENOSPC:
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

/* Read-only if the user may only read a memfd. open(2) decides in both cases. */
static int fetch_open_name(struct session *session, void *data)
{
	struct fetch *fetch = data;
	const struct hipipc_handle *handle = fetch->handle;
	int r = dmabuffs_import(session->instance, &handle->uuid, O_RDWR, &fetch->opened);

	if ((r == -EACCES || r == -EPERM) && handle->kind == HIPIPC_KIND_MEMFD)
		r = dmabuffs_import(session->instance, &handle->uuid, O_RDONLY,
				    &fetch->opened);
	return r;
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
