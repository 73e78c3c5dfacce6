/* SPDX-License-Identifier: MIT */
/* fuse-server.h - a FUSE server that means ill: it takes requests and answers few */
#ifndef DMABUFFS_TEST_FUSE_SERVER_H
#define DMABUFFS_TEST_FUSE_SERVER_H

/* The one file in there. */
#define FUSE_SERVER_FILE "file"

/*
 * Mounts on @dir and serves until it is killed: all requests but FLUSH and READ, which
 * are never answered: a close(2) and a page fault have to wait for ever. Once a byte
 * comes from @peer it answers nothing any more; it confirms that, and its readiness
 * before, by a byte. For child_start().
 */
void fuse_server_run(int peer, void *dir);

#endif
