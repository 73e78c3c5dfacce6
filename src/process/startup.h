/* SPDX-License-Identifier: MIT */
/*
 * startup.h - the steps of the start that need requests to be served already
 *
 * Binding the broker's socket makes a FUSE request, so a thread does it beside the loop.
 * Then it starts the watch of lifetime.h and reports readiness.
 */
#ifndef DMABUFFS_STARTUP_H
#define DMABUFFS_STARTUP_H

#include <pthread.h>
#include <stdbool.h>

#include "fs/service.h"
#include "process/lifetime.h"

struct startup {
	/* Set by the caller. */
	struct service *service; /* borrowed */
	struct loop *loop;       /* borrowed */

	/* Set by startup_prepare(); owned. */
	int tree;     /* a private clone of the mount; -1: the broker's socket is bound */
	int listener; /* that socket, from a predecessor */
	int null;     /* for ready_detach(); -1: none */

	/* Fixed once the loop has returned. */
	bool bound;             /* the broker serves */
	bool notifier_is_stuck; /* see parts_stop() */

	struct lifetime lifetime;
	pthread_t thread;
};

/* Opens what the thread will need of the root and namespaces of the start. 0 or -errno.
 */
int startup_prepare(struct startup *startup);

/* The same for a successor; takes the broker's socket over. */
int startup_continue(struct startup *startup, int listener);

/* Starts the thread. 0 or -errno. */
int startup_begin(struct startup *startup);

/* After the loop: ends the thread, the broker and the watch. */
void startup_end(struct startup *startup);

#endif
