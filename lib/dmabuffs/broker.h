/* SPDX-License-Identifier: MIT */
/* broker.h - the client side of the .broker socket */
#ifndef DMABUFFS_CLIENT_BROKER_H
#define DMABUFFS_CLIENT_BROKER_H

#include <errno.h>
#include <stdbool.h>

#include <clock.h>
#include <dmabuffs-broker.h>

#include "instance.h"

/*
 * Limit in seconds for the service to accept, to read and to reply, each; a request is
 * not repeated later than this after the first attempt.
 */
#define BROKER_TIMEOUT_S 5

/*
 * So many connections of a request may end before its reply. There is a bound because
 * the request itself can be what ends them.
 */
#define BROKER_LOST_MAX 8

/*
 * One call asks for so many tickets at most: each ends with the service that made it, and
 * one that has just taken over can be killed, too. There is a bound because -ENOENT has
 * other reasons.
 */
#define BROKER_TICKETS_MAX 4

/* A connection in use by one thread; fd is -1 once it failed. */
struct broker_connection {
	struct dmabuffs *instance;
	int fd;
	bool kept;  /* it was idle before: the service may have closed it meanwhile */
	bool bound; /* a ticket may depend on it: it cannot be replaced */
};

/* A request: with a ticket or, if that is NULL, with a descriptor. */
struct broker_question {
	enum dmabuffs_broker_op op;
	int fd;
	const uint8_t *ticket;
};

/* The slot of the idle connection. init: 0 or -ENOMEM; finish closes what is kept. */
int broker_slot_init(struct dmabuffs *instance);
void broker_slot_finish(struct dmabuffs *instance);

/* Takes the idle connection or makes one; put keeps it or closes it. fd -1 is allowed. */
int broker_get(struct dmabuffs *instance, struct broker_connection *ret_connection);
void broker_put(struct broker_connection *connection);
#define _cleanup_connection_ __attribute__((cleanup(broker_put)))

/*
 * Sends one request, and again over another connection if the service refuses this one as
 * one too many, or if it ends before the reply: the service has closed it while it was
 * idle, or was killed, and the next one accepts from the same socket. @ret_fd receives
 * the descriptor of the reply; with NULL there must be none.
 *
 * 0, the error that the service returns, or one of the connection: -ENOTCONN (no service
 * listens: at once), -ETIMEDOUT, -EPROTO (the reply breaks the protocol), -ECONNRESET
 * (BROKER_LOST_MAX connections have ended, or one that is bound), -EUSERS (too many
 * connections, for BROKER_TIMEOUT_S).
 *
 * It is not known whether a request without a reply was executed. Each can be repeated:
 * EXCHANGE and READY change nothing, and a TICKET ends with its connection. A FETCH that
 * was executed has used up its ticket: -ENOENT, and the caller asks for another one.
 */
int broker_call(struct broker_connection *connection,
		const struct broker_question *question,
		struct dmabuffs_broker_reply *ret_reply, int *ret_fd);

/* The same over the kept connection, for callers that need only the descriptor. */
int broker_ask(struct dmabuffs *instance, const struct broker_question *question,
	       int *ret_fd);

/*
 * Deposits @fd: the ticket is valid for one call while @connection stays open. It ends
 * with the service, too; the call then fails with -ENOENT, and the caller deposits again.
 */
int broker_deposit(struct broker_connection *connection, int fd,
		   uint8_t ret_ticket[DMABUFFS_TICKET_SIZE]);

/*
 * The timeout of a socket starts anew when a signal interrupts the wait, so a program
 * with a periodic timer would wait without end. Interruptions count until the same time
 * has passed.
 */
static inline bool broker_may_wait_on(uint64_t since_ms)
{
	return errno == EINTR && now_ms() - since_ms <= BROKER_TIMEOUT_S * 1000;
}

/* broker_connect.c: a new connection, with its timeouts set. */
int broker_connect(int root_fd, int *ret_fd);

/* broker_message.c: sends one request, receives one checked reply. */
int broker_message(int connection, const struct broker_question *question,
		   struct dmabuffs_broker_reply *ret_reply, int *ret_fd);

#endif
