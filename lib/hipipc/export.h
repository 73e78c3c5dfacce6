/* SPDX-License-Identifier: MIT */
/* export.h - makes the name of an allocation or event in the mount */
#ifndef HIPIPC_EXPORT_H
#define HIPIPC_EXPORT_H

#include <stdbool.h>

#include <dmabuffs.h>
#include <hipipc-provider.h>

#include "handle.h"

struct session;

/* What gets a name. */
struct subject {
	const struct hipipc_provider *provider;
	const struct hipipc_allocation *allocation; /* NULL: an event */
	uint64_t id;
};

/*
 * Exports the subject under a new name: its handle with offset 0, and a reference to the
 * session that the name was made with. The caller holds no lock. -errno of the provider,
 * of session_call() or of dmabuffs_export(), with a reason.
 */
int export_subject(const struct subject *subject, struct hipipc_handle *ret_handle,
		   struct session **ret_session);

/*
 * False: the instance has no such name, or not any more; within a second after it ended.
 * True also if that cannot be known.
 */
bool export_has_name(const struct session *session, const dmabuffs_uuid *uuid);

#endif
