/* SPDX-License-Identifier: MIT */
/* fake-broker.h - a broker in a plain directory, whose replies the test defines */
#ifndef DMABUFFS_TESTS_FAKE_BROKER_H
#define DMABUFFS_TESTS_FAKE_BROKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "instance.h"

/*
 * Replies to a request that came with @fd (FETCH, READY: -1) on @connection, the
 * @number-th of the broker, from 1. The fake broker closes both. False: close the
 * connection.
 */
typedef bool (*fake_answer)(int connection, unsigned int number, int fd);

#define FAKE_CONNECTIONS 256 /* at once, at most */

struct fake_broker {
	char path[300];
	int listener;
	_Atomic(fake_answer) answer;
	/* So many more connections end with their first request unread. */
	_Atomic unsigned int unread;
	_Atomic unsigned int connections;
	_Atomic unsigned int requests;
	_Atomic uint32_t op;      /* of the last request */
	_Atomic uint8_t ticket;   /* its first byte */
	struct dmabuffs instance; /* a client of this broker */

	pthread_mutex_t lock;
	pthread_cond_t restarted;
	bool dead;                  /* protected by lock, as the next one */
	int open[FAKE_CONNECTIONS]; /* descriptor + 1, or 0 */
};

/* @deep: below a directory whose path is longer than a socket address. */
void fake_broker_start(struct fake_broker *broker, fake_answer answer, bool deep);
void fake_broker_stop(struct fake_broker *broker);

/*
 * As when the service is killed: its connections end, and until the restart nobody
 * accepts from the socket, which lives on.
 */
void fake_broker_kill(struct fake_broker *broker);
void fake_broker_restart(struct fake_broker *broker);

/* As when it is gone for good: the socket of a killed broker is closed. */
void fake_broker_bury(struct fake_broker *broker);

/* Sends @bytes of @data with @count copies of @fd, unless the connection has ended. */
void fake_send(int connection, const void *data, size_t bytes, int fd,
	       unsigned int count);

/* A correct reply to EXCHANGE. */
bool fake_answer_echo(int connection, unsigned int number, int fd);

#endif
