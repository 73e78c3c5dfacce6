/* SPDX-License-Identifier: MIT */
/* share.h - export and import of device memory */
#ifndef HIPSOFT_SHARE_H
#define HIPSOFT_SHARE_H

#include "allocation.h"

/*
 * Notifies libhipipc that an exported allocation, which is no longer in the table, is
 * freed. That makes a request to the service, so no lock may be held.
 */
void share_notify_freed(const struct allocation *allocation);

#endif
