/* SPDX-License-Identifier: MIT */
/*
 * closer.h - closing what a stranger handed us
 *
 * close(2) of a file we know nothing about may block for as long as its owner likes: a
 * FUSE server that never answers FLUSH, a socket with SO_LINGER, a dead NFS server. So
 * refused descriptors are closed by a short-lived thread each, a few at a time per user
 * (RES_CLOSES). Whoever has that many stuck is served nothing that could add one more.
 * The slot in our descriptor table is free at once in any case.
 */
#ifndef DMABUFFS_CLOSER_H
#define DMABUFFS_CLOSER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"

struct closer_job; /* the permission to close one batch of descriptors */

/*
 * Reserves a batch before any descriptor is taken from @uid. 0; -EBUSY: too many of this
 * user, or of all, are still being closed; -ENOMEM.
 */
int closer_reserve(struct limits *limits, uid_t uid, struct closer_job **ret_job);

/* Closes the descriptors, in a thread of their own, and ends the job. */
void closer_submit(struct closer_job *job, const int *fds, size_t n_fds);

/* Nothing to close after all; NULL is allowed. */
void closer_cancel(struct closer_job *job);

#endif
