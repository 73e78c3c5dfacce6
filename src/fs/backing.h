/* SPDX-License-Identifier: MIT */
/* backing.h - the kernel's ids of backing files, outside of a request */
#ifndef DMABUFFS_BACKING_H
#define DMABUFFS_BACKING_H

#include "fs/service.h"

/* It is no error if there is none, as when a predecessor closed it. */
void backing_close(struct service *service, int id);

/*
 * Before names are made of the records: an id that two of them have, or that the kernel
 * has not given yet, would let those who may open one name read what is behind another,
 * now or later. They get new ones; until all their files are closed, open(2) of such a
 * name fails with EIO. 0 or -ENOMEM.
 */
int backing_check(struct service *service);

/*
 * Closes those that a killed predecessor opened and did not store: 0 or -ENOMEM. When
 * all that are stored are known to be in use.
 */
int backing_sweep(struct service *service);

#endif
