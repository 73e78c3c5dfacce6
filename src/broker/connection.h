/* SPDX-License-Identifier: MIT */
/* connection.h - one connection to the broker: receives requests, sends replies */
#ifndef DMABUFFS_CONNECTION_H
#define DMABUFFS_CONNECTION_H

#include "broker/broker.h"
#include "list.h"

struct connection {
	int fd;                  /* owned */
	struct closing *closing; /* owned, to close it with */
	/* Of the peer, as SO_PEERCRED has it, or UID_UNKNOWN; charged for what is
	   received. */
	uid_t uid;
	pid_t pid; /* of the peer when it connected; 0: no number here; see procfs.h */
	struct ticket_list tickets;
	struct person *person; /* owned reference; NULL: it is just to be refused */
	struct list by_use;    /* in broker.connections or broker.throttled */
	struct list in_person; /* in person->connections or person->waiting */
	uint64_t since_ms; /* when it was accepted, or admitted, on the monotonic clock */
	bool admitted;     /* charged as RES_CONNECTIONS */
	bool counted;      /* before that: charged as RES_UNADMITTED */
	bool served;       /* it has sent a request */
	bool expected;     /* it has asked whether it may send one with a descriptor */
	bool throttled;    /* not polled: too many descriptors of its user are closing */
};

/* Polls it, and stops that. watch: 0 or -errno. */
int connection_watch(const struct broker *broker, struct connection *connection);
void connection_unwatch(const struct broker *broker, const struct connection *connection);

/*
 * Serves messages that have arrived, up to a number, so that no connection starves the
 * others. 0; -EBUSY: throttle it, see closing_reserve(); -EPIPE: close it.
 */
int connection_serve(struct broker *broker, struct connection *connection);

/*
 * Replies @error, whether its first request was sent or not, and ends it: the peer reads
 * that reply and then the end. The caller closes it.
 */
void connection_refuse(struct broker *broker, struct connection *connection, int error);

/*
 * Hands its socket over to be closed, for that closes what the peer has sent and nobody
 * has received. Its charge is given back then, or at once if its user has few of these.
 * One that was not admitted, and has no unread descriptors, is closed at once.
 */
void connection_close(struct broker *broker, struct connection *connection);

#endif
