/* SPDX-License-Identifier: MIT */
/*
 * ready.h - telling whoever started the daemon that it serves
 *
 * In the background: the parent process waits and exits. In the foreground: --ready-fd,
 * and systemd's protocol (sd_notify(3), which documents it as stable and simple enough
 * not to need its library).
 */
#ifndef DMABUFFS_READY_H
#define DMABUFFS_READY_H

/*
 * Forks. Returns in the child, with the descriptor for ready_tell(); the parent does not
 * return: it exits with 0 once told, with 1 if the child ends before. -errno.
 */
int ready_fork(void);

/* @fd as given above or by --ready-fd, taken over; -1: none. */
void ready_tell(int fd);

/* Leaves terminal and working directory behind; after ready_fork() and before telling. */
void ready_detach(void);

#endif
