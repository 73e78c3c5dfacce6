/* SPDX-License-Identifier: MIT */
/* fetch.h - from a handle to a descriptor */
#ifndef HIPIPC_FETCH_H
#define HIPIPC_FETCH_H

#include "handle.h"

/*
 * Opens the name of a handle. A memfd that the user, or the mount, only permits to read
 * is opened O_RDONLY. With a reason: -ESTALE: the name does not exist any more; -EACCES;
 * -ENOTCONN; -EBADMSG: not the name of a buffer; or another error of the service.
 */
int fetch_name(const struct hipipc_handle *handle, int *ret_opened);

/* Replaces the opened name *@opened with the buffer's descriptor. */
int fetch_exchange(const struct hipipc_handle *handle, int *opened);

#endif
