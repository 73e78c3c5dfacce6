/* SPDX-License-Identifier: MIT */
/* fuse-server.h - a hostile FUSE server, which leaves requests unanswered */
#ifndef DMABUFFS_TEST_FUSE_SERVER_H
#define DMABUFFS_TEST_FUSE_SERVER_H

/* The only file of the mount. */
#define FUSE_SERVER_FILE "file"

/*
 * Mounts on @dir and serves until killed. FLUSH and READ are never answered, so close(2)
 * and page faults block indefinitely. After a byte arrives from @peer, no request is
 * answered. Sends one byte when it is ready and one byte to confirm the switch. For
 * child_start().
 */
void fuse_server_run(int peer, void *dir);

#endif
