/* SPDX-License-Identifier: MIT */
/* sandbox.h - a place for mounts and daemons that leaves nothing behind */
#ifndef DMABUFFS_BENCH_SANDBOX_H
#define DMABUFFS_BENCH_SANDBOX_H

/*
 * Runs @inside(@dir, @data) as the first process of new PID and mount namespaces, with
 * @dir an empty file system of its own, and returns what it returned, an exit status.
 * Whatever it starts or mounts ends with it: when it returns, after @seconds, when this
 * process gets SIGINT, SIGTERM or SIGHUP, and when it is killed. Negative errno: it could
 * not be run.
 */
int sandbox_run(int (*inside)(const char *dir, void *data), void *data,
		unsigned int seconds);

#endif
