/* SPDX-License-Identifier: MIT */
/* connection.h - one connection to the broker: reads a message, answers it */
#ifndef DMABUFFS_CONNECTION_H
#define DMABUFFS_CONNECTION_H

#include "broker/broker.h"

struct connection {
	int fd;    /* owned */
	uid_t uid; /* who connected, from the kernel; charged for it */
	pid_t pid; /* and his process then, 0: not nameable; see procfs.h */
	struct ticket_list tickets;
	struct connection *older, *newer;
	bool parked; /* not read: too many of its user's descriptors are being closed */
};

/*
 * Serves what has arrived, up to a number of messages, so that all have their turn. 0;
 * -EBUSY: it must wait, see offload.h; -EPIPE: it is to be closed.
 */
int connection_serve(struct broker *broker, struct connection *connection);

#endif
