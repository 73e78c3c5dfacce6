/* SPDX-License-Identifier: MIT */
#include "fetch.h"

#include <fcntl.h>
#include <string.h>

#include <hipipc-provider.h>

#include "reason.h"
#include "session.h"

static int explain(int r, const dmabuffs_uuid *uuid)
{
	char name[DMABUFFS_UUID_TEXT_SIZE];

	dmabuffs_uuid_format(uuid, name);
	switch (r) {
	case -ENOENT:
	case -ESTALE:
		return reason(-ESTALE,
			      "%s: no such name: it was freed or revoked, or its "
			      "exporter has ended",
			      name);
	case -EACCES:
	case -EPERM:
		return reason(-EACCES,
			      "%s: Permission denied: its owner and mode decide "
			      "(HIPIPC_MODE of the exporter, chmod(1), setfacl(1))",
			      name);
	case -EXDEV:
	case -EREMOTE:
		return reason(-EACCES,
			      "%s: the instance wants a namespace shared with the "
			      "exporter (mount option ns=)",
			      name);
	default:
		return reason(r, "%s: %s", name, strerror(-r));
	}
}

/* Who may only read gets what can only be read; open(2) has the last word on both. */
static int open_name(struct session *session, const struct hipipc_handle *handle,
		     int *ret_opened)
{
	int r = dmabuffs_import(session->instance, &handle->uuid, O_RDWR, ret_opened);

	if ((r == -EACCES || r == -EPERM) && handle->kind == HIPIPC_KIND_MEMFD)
		r = dmabuffs_import(session->instance, &handle->uuid, O_RDONLY,
				    ret_opened);
	return r;
}

int fetch_name(const struct hipipc_handle *handle, int *ret_opened)
{
	_cleanup_session_ struct session *session = NULL;
	int r = session_get(&session);

	if (r < 0)
		return r;
	r = session_check(session, open_name(session, handle, ret_opened));
	return r < 0 ? explain(r, &handle->uuid) : 0;
}

int fetch_exchange(const struct hipipc_handle *handle, int *opened)
{
	_cleanup_session_ struct session *session = NULL;
	int r = session_get(&session), real = -1;

	if (r < 0)
		return r;
	r = session_check(session, dmabuffs_exchange(session->instance, *opened, &real));
	if (r < 0)
		return explain(r, &handle->uuid);
	close_keep_errno(*opened);
	*opened = real;
	return 0;
}
