/* SPDX-License-Identifier: MIT */
/* session.h - libfuse's session, mounted */
#ifndef DMABUFFS_SESSION_H
#define DMABUFFS_SESSION_H

#include "fs/service.h"
#include "process/loop.h"

/*
 * Creates service->session, mounts it at the mount point of the options, answers
 * FUSE_INIT and initializes the loop. 0 or -errno.
 */
int session_mount(struct service *service, struct loop *ret_loop);

/*
 * The same for a successor, with the device of the mount, which is taken over: the
 * session that its predecessor had. It never unmounts. 0 or -errno.
 */
int session_continue(struct service *service, int device, struct loop *ret_loop);

/* Closes the connection, which aborts all requests, and frees the session. */
void session_destroy(struct service *service);

#endif
