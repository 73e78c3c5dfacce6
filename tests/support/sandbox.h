/* SPDX-License-Identifier: MIT */
/* sandbox.h - namespaces for mounts and daemons, removed as a whole */
#ifndef DMABUFFS_TESTS_SANDBOX_H
#define DMABUFFS_TESTS_SANDBOX_H

/*
 * Runs @inside(@dir, @data) as the first process of new PID and mount namespaces, on an
 * empty file system @dir, and returns its exit status. All its processes and mounts are
 * removed when it returns, after @seconds, when this process gets SIGINT, SIGTERM or
 * SIGHUP, and when it is killed. Negative errno: it could not be run.
 */
int sandbox_run(int (*inside)(const char *dir, void *data), void *data,
		unsigned int seconds);

#endif
