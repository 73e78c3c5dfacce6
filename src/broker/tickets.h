/* SPDX-License-Identifier: MIT */
/*
 * tickets.h - descriptors that wait for somebody to come with their number
 *
 * What a client has put on the broker waits for the command that names it; what a command
 * on a context has opened waits to be fetched. A ticket is a random number that serves
 * once. It belongs to a connection or a context and ends with it. Thread safe.
 */
#ifndef DMABUFFS_TICKETS_H
#define DMABUFFS_TICKETS_H

#include <pthread.h>
#include <sodium.h>
#include <stdint.h>

#include <dmabuffs-ioctl.h>

#include "base/limits.h"
#include "htab.h"

#define TICKETS_PER_CONNECTION 16

struct ticket;

struct tickets {
	uint8_t key[crypto_shorthash_KEYBYTES]; /* fixed after tickets_init() */
	pthread_mutex_t lock;
	struct htab by_number; /* protected by lock */
	struct limits *limits; /* borrowed */
};

/*
 * What one connection has waiting, charged to @uid; else zero-initialised. Protected by
 * the tickets' lock.
 */
struct ticket_list {
	struct ticket *first;
	unsigned n;
	uid_t uid;
};

void tickets_init(struct tickets *tickets, struct limits *limits);
void tickets_finish(struct tickets *tickets);

/*
 * Makes a ticket for @fd, which is taken over on success. -EDQUOT: the connection or its
 * user has too many; -ENOSPC: the mount has; -ENOMEM.
 */
int tickets_add(struct tickets *tickets, struct ticket_list *list, int fd,
		uint8_t ret_number[DMABUFFS_TICKET_SIZE]);

/* The descriptor behind a ticket, which ends; -ENOENT. */
int tickets_take(struct tickets *tickets, const uint8_t number[DMABUFFS_TICKET_SIZE]);

/* Ends the oldest of a list if it has waited for long: nobody comes for it. */
void tickets_drop_stale(struct tickets *tickets, struct ticket_list *list);

/* Ends all of a connection. */
void tickets_drop(struct tickets *tickets, struct ticket_list *list);

#endif
