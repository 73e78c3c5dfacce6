/* SPDX-License-Identifier: MIT */
/*
 * broker.h - the .broker socket: descriptors in, descriptors out
 *
 * One thread serves all connections, and nothing it does waits for a client: sockets are
 * non-blocking, strangers' descriptors are closed elsewhere (offload.h), and what may
 * still linger in the kernel when a connection is closed is cut short by a timer signal
 * (stall_guard.h). The protocol is in dmabuffs-broker.h.
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

struct connection;

struct broker {
	/* Borrowed, fixed after broker_start(). */
	struct table *table;
	struct limits *limits;
	struct tickets *tickets;
	uint64_t mount_dev; /* device number of the mount that it serves */

	int listener, epoll, stop; /* owned; stop is an eventfd */
	pthread_t thread;

	/* Of the thread alone. */
	struct stall_guard guard;
	struct connection *oldest, *newest; /* by last use */
	bool any_parked;
	uint64_t unpark_at_ms; /* on the monotonic clock, while any_parked */
};

/*
 * Binds the socket as .broker in the directory @dir, of this mount, and serves it. FUSE
 * requests must be served already: binding makes one. 0 or -errno.
 */
int broker_start(struct broker *broker, int dir);

/* Closes everything and ends the thread. Sockets pin the mount: do it before its end. */
void broker_stop(struct broker *broker);

#endif
