/* SPDX-License-Identifier: MIT */
/*
 * parts.h - start and stop of the parts of a service, in the order they need
 *
 * parts_init(), mount, parts_start(), serve, parts_stop(), unmount, parts_finish().
 */
#ifndef DMABUFFS_PARTS_H
#define DMABUFFS_PARTS_H

#include <stdbool.h>

#include "fs/service.h"

/* Initialises the parts that need no mount, before threads are started. 0 or -errno. */
int parts_init(struct service *service);

/*
 * Starts those that have threads; they inherit the capabilities of the caller, so after
 * privileges_keep(). 0 or -errno.
 */
int parts_start(struct service *service);

/*
 * Stops them again, when requests are served no more. @notifier_is_stuck: it was stopped
 * before, and did not end. A client can keep a thread of ours in the kernel for as long
 * as it runs: then this exits the process, whose memory that thread may still use.
 */
void parts_stop(struct service *service, bool notifier_is_stuck);

/* Frees everything. Exits as parts_stop() does if a device does not stop. */
void parts_finish(struct service *service);

#endif
