/* SPDX-License-Identifier: MIT */
/* connection.h - one connection to the broker: receives requests, sends replies */
#ifndef DMABUFFS_CONNECTION_H
#define DMABUFFS_CONNECTION_H

#include "broker/broker.h"
#include "list.h"

struct connection {
	int fd;    /* owned */
	uid_t uid; /* of the peer, as SO_PEERCRED has it; charged for what is received */
	pid_t pid; /* of the peer when it connected; 0: no number here; see procfs.h */
	struct ticket_list tickets;
	struct list by_use; /* in broker.connections */
	bool throttled;     /* not polled: too many descriptors of its user are closing */
};

/*
 * Serves messages that have arrived, up to a number, so that no connection starves the
 * others. 0; -EBUSY: throttle it, see offload_reserve_close(); -EPIPE: close it.
 */
int connection_serve(struct broker *broker, struct connection *connection);

#endif
