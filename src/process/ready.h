/* SPDX-License-Identifier: MIT */
/*
 * ready.h - reports to the starter of the daemon that it serves
 *
 * In the background the parent process waits for that and exits. In the foreground there
 * are --ready-fd and systemd's protocol (notify.h).
 */
#ifndef DMABUFFS_READY_H
#define DMABUFFS_READY_H

/*
 * Forks. Returns in the child the descriptor for ready_report(), or -errno. The parent
 * does not return: it exits with 0 on the report, with 1 if the child exits before.
 */
int ready_fork(void);

/* Reports to @fd, from ready_fork() or --ready-fd and taken over (-1: none), and systemd.
 */
void ready_report(int fd);

/* Says to systemd, if it started us, that this process is the one to watch now. */
void ready_report_main(void);

/* Asks systemd, if it started us, for more time until the end. */
void ready_extend_end(void);

/* For ready_detach(), which cannot open it once the service has left its root. */
int ready_null(void);

/*
 * Leaves terminal and working directory; between ready_fork() and ready_report(). Closes
 * @null.
 */
void ready_detach(int null);

#endif
