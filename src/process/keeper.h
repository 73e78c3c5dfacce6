/* SPDX-License-Identifier: MIT */
/*
 * keeper.h - the process that the starter of a service in the foreground waits for
 *
 * A client can make a thread wait where not even SIGKILL ends it: in a request to a FUSE
 * server that has read it and never replies. No process ends before all its threads have.
 * So the service is a child of the process that was started, its keeper. The keeper
 * parses nothing; it passes signals on, reports readiness, and ends as the service does:
 * also when nothing of the service is left but threads that wait like that. If the
 * service is killed, these keep its descriptors open, so the keeper ends the connection
 * of the mount (aborter.h), and all requests of clients with it.
 *
 * In the background nobody waits for the process, so there is no keeper.
 */
#ifndef DMABUFFS_KEEPER_H
#define DMABUFFS_KEEPER_H

#include <stdint.h>

/*
 * Forks. Returns 0 in the child, which is killed if its parent is, or -errno. The parent
 * takes @ready_fd over (-1: none) for ready_report(), and does not return.
 */
int keeper_fork(int ready_fd);

/*
 * From the child: it has mounted the file system with this device number, and has all
 * privileges yet. 0 or -errno.
 */
int keeper_report_mounted(uint64_t dev);

/* From the child: it serves. Without a keeper, this and the next report to nobody. */
void keeper_report_ready(void);

/* The end makes progress: systemd is to wait longer for it. Nothing without a keeper. */
void keeper_report_ending(void);

/* Ends the process, for its starter successfully and at once, whatever its threads do. */
_Noreturn void keeper_abandon_threads(void);

#endif
