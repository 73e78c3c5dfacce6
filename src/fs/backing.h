/* SPDX-License-Identifier: MIT */
/* backing.h - the kernel's ids of backing files, outside of a request */
#ifndef DMABUFFS_BACKING_H
#define DMABUFFS_BACKING_H

#include "fs/service.h"

/* It is no error if there is none, as when a predecessor closed it. */
void backing_close(struct service *service, int id);

/*
 * Closes those that a killed predecessor opened and did not store: 0 or -ENOMEM. When
 * all that are stored are known to be in use.
 */
int backing_sweep(struct service *service);

#endif
