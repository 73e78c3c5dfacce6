/* SPDX-License-Identifier: MIT */
/* openings.h - what this process has opened */
#ifndef HIPIPC_OPENINGS_H
#define HIPIPC_OPENINGS_H

#include <hipipc-provider.h>

#include "handle.h"

/*
 * Opens memory in the thread's current context, or counts one more open of it; the
 * address is that of handle->offset. With a reason: -EBUSY another context of the device
 * has it; -ESTALE the name is no more; -EACCES; -EBADMSG it is not what the handle says;
 * -EOPNOTSUPP, -ENOTCONN and what else the provider says.
 */
int openings_open(const struct hipipc_provider *provider,
		  const struct hipipc_handle *handle, uint64_t *ret_pointer);

/* One open less. -EINVAL: the address is not one that is open. */
int openings_close(uint64_t pointer);

#endif
