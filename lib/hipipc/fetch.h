/* SPDX-License-Identifier: MIT */
/* fetch.h - from a handle to the buffer's descriptor */
#ifndef HIPIPC_FETCH_H
#define HIPIPC_FETCH_H

#include "handle.h"

/*
 * Opens the name of a handle; a memfd that may only be read is opened O_RDONLY. With a
 * reason: -ESTALE the name is no more; -EACCES; -ENOTCONN; or what else the service says.
 */
int fetch_name(const struct hipipc_handle *handle, int *ret_opened);

/* Exchanges an opened name for the buffer's descriptor, which takes its place. */
int fetch_exchange(const struct hipipc_handle *handle, int *opened);

#endif
