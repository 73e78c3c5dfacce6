/* SPDX-License-Identifier: MIT */
/* session.h - libfuse's session: mounted, and its loop of threads */
#ifndef DMABUFFS_SESSION_H
#define DMABUFFS_SESSION_H

#include "fs/service.h"

/* Creates service->session and mounts it at the mount point of the options. 0 or -errno.
 */
int session_mount(struct service *service);

/* Serves requests until fuse_session_exit() or the end of the connection. 0 or -errno. */
int session_loop(struct service *service);

/* Closes the connection, which aborts all requests, and frees the session. */
void session_destroy(struct service *service);

#endif
