/* SPDX-License-Identifier: MIT */
/*
 * keeper.h - the parent of the process that serves
 *
 * A client can make a thread wait where not even SIGKILL ends it: in a request to a FUSE
 * server that has read it and never replies. No process ends before all its threads have.
 * So the service is a child of another process, its keeper: in the foreground that is the
 * one which was started, and for which its starter waits. The keeper parses nothing; it
 * passes signals on, reports readiness, and ends as the service does: also when nothing
 * of the service is left but threads that wait like that. If the service is killed, these
 * keep its descriptors open, so the keeper ends the connection of the mount (aborter.h),
 * and all requests of clients with it.
 *
 * It also unmounts the instance: the service has left the mount namespace that it is
 * mounted in.
 */
#ifndef DMABUFFS_KEEPER_H
#define DMABUFFS_KEEPER_H

#include <stdint.h>

#include "base/options.h"

/*
 * Forks. Returns 0 in the child, which is killed if its parent is, or -errno. The parent
 * takes @ready_fd over (-1: none) for ready_report(), and does not return. In the
 * background it detaches itself from its terminal once the service is ready.
 */
int keeper_fork(const struct options *options, int ready_fd);

/*
 * From the child: it has mounted the file system with this device number. It has all
 * privileges and the root of the host yet.
 */
void keeper_report_mounted(uint64_t dev);

/* From the child, before any other thread: see life_show(). 0 or -errno. */
int keeper_show_life(void);

/* From the child: it serves. */
void keeper_report_ready(void);

/* Has the keeper call mountpoint_unmount(), and waits for that. */
void keeper_unmount(uint64_t dev, int connection);

/* From the child: its end makes progress, and systemd is to wait longer for it. */
void keeper_report_ending(void);

/* Ends the process, for its starter successfully and at once, whatever its threads do. */
_Noreturn void keeper_abandon_threads(void);

#endif
