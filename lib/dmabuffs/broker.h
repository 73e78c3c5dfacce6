/* SPDX-License-Identifier: MIT */
/* broker.h - the client side of the .broker socket */
#ifndef DMABUFFS_CLIENT_BROKER_H
#define DMABUFFS_CLIENT_BROKER_H

#include <stdbool.h>

#include <dmabuffs-broker.h>

#include "instance.h"

/* How long the service may take to accept, to read and to answer, each; in seconds. */
#define BROKER_TIMEOUT_S 5

/* A connection in use by one thread; fd is -1 once it failed. */
struct broker_connection {
	int fd;
	bool kept; /* it was idle before: the service may have closed it meanwhile */
};

/* What is asked: with a ticket, or, where that is NULL, with a descriptor. */
struct broker_question {
	enum dmabuffs_broker_op op;
	int fd;
	const uint8_t *ticket;
};

/* The slot of the idle connection. init: 0 or -ENOMEM; finish closes what is kept. */
int broker_slot_init(struct dmabuffs *instance);
void broker_slot_finish(struct dmabuffs *instance);

/* Takes the idle connection or makes one; put keeps it or closes it. */
int broker_get(struct dmabuffs *instance, struct broker_connection *ret_connection);
void broker_put(struct dmabuffs *instance, struct broker_connection *connection);

/*
 * One question. 0, the refusal of the service, or what went wrong on the way: -ETIMEDOUT,
 * -EPROTO (an answer that breaks the protocol), -ECONNRESET. The descriptor of
 * the answer goes to @ret_fd; with NULL there must be none.
 */
int broker_call(struct dmabuffs *instance, struct broker_connection *connection,
		const struct broker_question *question,
		struct dmabuffs_broker_reply *ret_reply, int *ret_fd);

/* The same for who needs nothing but the descriptor; with the kept connection. */
int broker_ask(struct dmabuffs *instance, const struct broker_question *question,
	       int *ret_fd);

/* Puts @fd on the broker: a ticket that is good for one call, while @connection is held.
 */
int broker_deposit(struct dmabuffs *instance, struct broker_connection *connection,
		   int fd, uint8_t ret_ticket[DMABUFFS_TICKET_SIZE]);

/* broker_connect.c: a new connection, with its timeouts set. */
int broker_connect(int root_fd, int *ret_fd);

/* broker_message.c: sends one request, receives one checked reply. */
int broker_message(int connection, const struct broker_question *question,
		   struct dmabuffs_broker_reply *ret_reply, int *ret_fd);

#endif
