/* SPDX-License-Identifier: MIT */
/*
 * offload.h - calls that last as long as a client likes
 *
 * Whoever holds a memfd can keep its inode locked, by a write(2) whose source page never
 * comes. fchmod(2), ftruncate(2) and F_ADD_SEALS wait for that lock without any bound,
 * and no signal ends the wait. So they run in a short-lived thread each, a few at a time
 * per owner of such buffers (RES_OFFLOADS), and never with a lock of ours held.
 */
#ifndef DMABUFFS_OFFLOAD_H
#define DMABUFFS_OFFLOAD_H

#include <stdbool.h>

#include "base/limits.h"

struct offload; /* the permission for one such call */

/* 0; -EBUSY: too many calls for this user have not come back; -ENOMEM. */
int offload_reserve(struct limits *limits, uid_t uid, struct offload **ret_offload);

/* Not needed after all; NULL is allowed. */
void offload_cancel(struct offload *offload);

/* Runs @work in a thread; 0, or -errno and then it was cancelled. */
int offload_start(struct offload *offload, void (*work)(void *arg), void *arg);

/*
 * Starts a detached thread with a small stack. 0 or -errno. For the above, and for
 * closer.h.
 */
int offload_thread(void *(*run)(void *arg), void *arg);

/* At the end: waits a moment for all of them; false if some have not come back. */
bool offload_wait_all(struct limits *limits);

#endif
