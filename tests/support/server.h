/* SPDX-License-Identifier: MIT */
/* server.h - daemons of a program, each on its own mount point */
#ifndef DMABUFFS_TESTS_SERVER_H
#define DMABUFFS_TESTS_SERVER_H

#include <sys/types.h>

#include <util.h>

struct server {
	pid_t pid;   /* 0: not started */
	char *mount; /* owned */
	int root;    /* its open root directory; -1: not open */
};

#define SERVER_INIT ((struct server){.root = -1})

/* What serves @mount, in a child process; writes a byte to @ready_fd when it does. */
typedef int (*server_fn)(const char *mount, const char *options, int ready_fd);

/*
 * Starts a child with @serve, whose result is its exit status, on the new directory
 * @dir/@name, and waits until it serves.
 */
int server_start(struct server *server, const char *dir, const char *name,
		 server_fn serve, const char *options) _must_check_;

/*
 * Starts $DMABUFFSD with the mount @options (NULL: none) on the new directory @dir/@name,
 * and waits until it serves.
 */
int server_start_daemon(struct server *server, const char *dir, const char *name,
			const char *options) _must_check_;

/* Stops it and waits for its exit; allowed for one that was not started. */
void server_stop(struct server *server);

/* Returns the anonymous memory of a daemon in bytes. */
int server_heap(const struct server *server, double *ret_bytes) _must_check_;

#endif
