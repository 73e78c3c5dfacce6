/* SPDX-License-Identifier: MIT */
/* restore.h - a successor makes the service that a killed process has left */
#ifndef DMABUFFS_RESTORE_H
#define DMABUFFS_RESTORE_H

#include "fs/service.h"

/* Of the bank of every service; its data is the service. */
extern const struct bank_ops restore_bank_ops;

/*
 * With service->state opened and all parts started; once the predecessor cannot store
 * anything any more, and before a request is read. 0 or -errno.
 */
int restore(struct service *service);

/* For a service that is new, before a request is read: a successor has all nodes, too. */
void restore_bind_nodes(struct service *service);

/* What needs requests to be served: once the loop runs, from any thread. */
void restore_finish(struct service *service);

/*
 * When a file or a description was closed: frees the index of the requests that were
 * executed before, a while after the last one can have come again.
 */
void restore_forget(struct service *service);

#endif
