/* SPDX-License-Identifier: MIT */
/*
 * broker.h - the .broker socket: descriptors in, descriptors out
 *
 * One thread serves all connections and waits for no client: sockets are non-blocking,
 * whatever clients have sent is closed elsewhere (closer.h), and a wait in the kernel is
 * interrupted by a timer signal (stall_guard.h). The protocol is
 * in dmabuffs-broker.h.
 */
#ifndef DMABUFFS_BROKER_SERVER_H
#define DMABUFFS_BROKER_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "broker/stall_guard.h"
#include "broker/tickets.h"
#include "names/table.h"
#include "htab.h"
#include "list.h"

struct closing;
struct connection;

struct broker {
	/* Borrowed, fixed after broker_start(). */
	struct table *table;
	struct limits *limits;
	struct tickets *tickets;
	uint64_t mount_dev; /* device number of the mount that it serves */

	int listener, epoll, stop; /* owned; stop is an eventfd */
	pthread_t thread;

	/* Used by the thread alone. */
	struct stall_guard guard;
	struct htab persons;     /* struct person, who have the connections */
	struct list connections; /* admitted ones, the least recently used first */
	struct list throttled;   /* those that are not polled now */
	struct list waiting;     /* struct person, with connections not admitted yet */
	/* For the next one that is accepted, see admission_prepare(). */
	struct connection *spare;
	struct closing *spare_closing;
	/* Connections that are not admitted carry too many descriptors: see rights.h. */
	bool refuses_rights;
	bool can_refuse_rights; /* fixed; where it cannot, it accepts no more than: */
	uint64_t most_unadmitted;
	/* Times are on the monotonic clock. */
	uint64_t retry_at_ms; /* while any is throttled */
	uint64_t all_busy_until_ms;
	/* 0: the listener is polled; else when it is again: accept(2) has failed. */
	uint64_t accept_at_ms;
};

/*
 * Binds the socket as .broker in the directory @dir, the root of this mount, and starts
 * the thread. FUSE requests must be served already: bind(2) makes one. 0 or -errno.
 */
int broker_start(struct broker *broker, int dir);

/* The same with the socket that a predecessor bound, which is taken over on success. */
int broker_continue(struct broker *broker, int listener);

/* Closes everything and joins the thread. Before the unmount: sockets pin the mount. */
void broker_stop(struct broker *broker);

#endif
