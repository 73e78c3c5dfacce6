/* SPDX-License-Identifier: MIT */
/*
 * filter.h - the system calls that the service can make
 *
 * A list of what it uses. Everything else fails with ENOSYS, as on a kernel without it,
 * so that a library that probes for a call takes the older way. No call kills the
 * process: a rare one that this list lacks shall fail one request, and not take all names
 * with it.
 *
 * A build with sanitizers has no filter: their run-time starts processes and traces.
 */
#ifndef DMABUFFS_FILTER_H
#define DMABUFFS_FILTER_H

/*
 * Before any thread is started, which inherits it; needs no_new_privs. A kernel without
 * filters is logged. 0 or -errno.
 */
int filter_begin(void);

/* For all threads, once the service is ready: nor what only the start needs. */
int filter_serve(void);

/* The same for the helper, and for each of its processes that serves a socket. */
int filter_helper_begin(void);
int filter_helper_serve(void);

#endif
