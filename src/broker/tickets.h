/* SPDX-License-Identifier: MIT */
/*
 * tickets.h - descriptors stored under a random number until a client names it
 *
 * A client deposits a descriptor on the broker for the command that names the ticket; a
 * command on a context stores one for the client to fetch. A ticket is good once. It is
 * dropped with the connection or context it belongs to. Thread safe.
 */
#ifndef DMABUFFS_TICKETS_H
#define DMABUFFS_TICKETS_H

#include <pthread.h>
#include <stdint.h>

#include <dmabuffs-ioctl.h>

#include "base/keyed_hash.h"
#include "base/limits.h"
#include "htab.h"
#include "list.h"

#define TICKETS_PER_CONNECTION 16

struct ticket;

struct tickets {
	struct hash_key key; /* fixed after tickets_init() */
	pthread_mutex_t lock;
	struct htab by_number; /* protected by lock */
	struct limits *limits; /* borrowed */
};

/*
 * The tickets of one connection or context, the oldest first. Protected by the tickets'
 * lock.
 */
struct ticket_list {
	struct list tickets;
	unsigned n;
	uid_t uid; /* charged for them */
};

void tickets_init(struct tickets *tickets, struct limits *limits);
void tickets_finish(struct tickets *tickets);

void ticket_list_init(struct ticket_list *list, uid_t uid);

/*
 * Makes a ticket for @fd, which is taken over on success. -EDQUOT: the list or its user
 * has too many; -ENOSPC: the mount has; -ENOMEM.
 */
int tickets_add(struct tickets *tickets, struct ticket_list *list, int fd,
		uint8_t ret_number[DMABUFFS_TICKET_SIZE]);

/* Removes a ticket and returns its descriptor; -ENOENT. */
int tickets_take(struct tickets *tickets, const uint8_t number[DMABUFFS_TICKET_SIZE]);

/* Drops the oldest ticket of a list if it was not fetched within a second. */
void tickets_drop_stale(struct tickets *tickets, struct ticket_list *list);

/* TICKETS_FRESH: a command may be about to name one, which takes less than a second. */
enum tickets_state { TICKETS_NONE, TICKETS_STALE, TICKETS_FRESH };
enum tickets_state tickets_state(struct tickets *tickets, const struct ticket_list *list);

/* Drops all tickets of a list. */
void tickets_drop(struct tickets *tickets, struct ticket_list *list);

#endif
