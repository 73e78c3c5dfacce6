/* SPDX-License-Identifier: MIT */
/* openings.h - memory that this process has opened from handles */
#ifndef HIPIPC_OPENINGS_H
#define HIPIPC_OPENINGS_H

#include <hipipc-provider.h>

#include "handle.h"

/*
 * Opens memory in the thread's current context, or counts one more open of it. The
 * address includes handle->offset. With a reason: -EBUSY: another context of the device
 * has it open; -ESTALE: the name does not exist any more; -EACCES; -EBADMSG: the buffer
 * does not match the handle; -EOPNOTSUPP, -ENOTCONN and other errors of the provider.
 */
int openings_open(const struct hipipc_provider *provider,
		  const struct hipipc_handle *handle, uint64_t *ret_pointer);

/* Undoes one open; the last one unmaps. -EINVAL: the address is not open. */
int openings_close(uint64_t pointer);

#endif
