/* SPDX-License-Identifier: MIT */
#include "broker/tickets.h"

#include <string.h>

#include "buffers/closer.h"
#include "clock.h"
#include "locked.h"
#include "util.h"

struct ticket {
	struct htab_node node;
	uint8_t number[DMABUFFS_TICKET_SIZE];
	int fd;                  /* owned */
	struct closing *closing; /* owned, to drop it with */
	struct ticket_list *owner;
	struct list in_owner; /* in owner->tickets */
	uint64_t made_ns;
};

/* A client names a ticket, or fetches what is under it, right after it was made. */
#define STALE_NS UINT64_C(1000000000)

void tickets_init(struct tickets *tickets, struct limits *limits)
{
	*tickets = (struct tickets){.limits = limits};
	hash_key_init(&tickets->key);
	pthread_mutex_init(&tickets->lock, NULL);
}

void tickets_finish(struct tickets *tickets)
{
	htab_finish(&tickets->by_number);
	pthread_mutex_destroy(&tickets->lock);
}

void ticket_list_init(struct ticket_list *list, uid_t uid)
{
	*list = (struct ticket_list){.uid = uid};
	list_init(&list->tickets);
}

static int tickets_add_locked(struct tickets *tickets, struct ticket_list *list,
			      struct ticket *ticket)
{
	int r;

	ASSERT_LOCKED(&tickets->lock);
	if (list->n >= TICKETS_PER_CONNECTION)
		return -EDQUOT;
	r = limits_charge(tickets->limits, list->uid, RES_TICKETS, 1);
	if (r < 0)
		return r;
	if (htab_insert(&tickets->by_number, &ticket->node,
			keyed_hash(&tickets->key, ticket->number,
				   sizeof(ticket->number))) < 0) {
		limits_uncharge(tickets->limits, list->uid, RES_TICKETS, 1);
		return -ENOMEM;
	}
	ticket->owner = list;
	list_add_tail(&list->tickets, &ticket->in_owner);
	list->n++;
	return 0;
}

static struct ticket *tickets_new(const struct tickets *tickets, uid_t uid)
{
	struct ticket *ticket = calloc(1, sizeof(*ticket));

	if (!ticket)
		return NULL;
	ticket->closing = closing_new(tickets->limits, uid, 1);
	if (!ticket->closing) {
		free(ticket);
		return NULL;
	}
	return ticket;
}

/* Closes what was handed to ticket->closing. */
static void tickets_free(struct ticket *ticket)
{
	closing_end(ticket->closing);
	free(ticket);
}

int tickets_add(struct tickets *tickets, struct ticket_list *list, int fd,
		uint8_t ret_number[DMABUFFS_TICKET_SIZE])
{
	struct ticket *ticket = tickets_new(tickets, list->uid);
	int r;

	if (!ticket)
		return -ENOMEM;
	randombytes_buf(ticket->number, sizeof(ticket->number));
	ticket->fd = fd;
	ticket->made_ns = now_ns();
	pthread_mutex_lock(&tickets->lock);
	r = tickets_add_locked(tickets, list, ticket);
	if (r == 0)
		memcpy(ret_number, ticket->number, sizeof(ticket->number));
	pthread_mutex_unlock(&tickets->lock);
	if (r < 0)
		tickets_free(ticket);
	return r;
}

static void tickets_remove_locked(struct tickets *tickets, struct ticket *ticket)
{
	ASSERT_LOCKED(&tickets->lock);
	list_remove(&ticket->in_owner);
	ticket->owner->n--;
	htab_remove(&tickets->by_number, &ticket->node);
}

static void tickets_drop_locked(struct tickets *tickets, struct ticket *ticket)
{
	uid_t uid = ticket->owner->uid;

	tickets_remove_locked(tickets, ticket);
	if (closing_charge_ended(ticket->closing, uid))
		limits_uncharge(tickets->limits, uid, RES_TICKETS, 1);
	else
		closing_charge(ticket->closing, uid, RES_TICKETS, 1);
	closing_add(ticket->closing, ticket->fd);
	tickets_free(ticket);
}

int tickets_take(struct tickets *tickets, const uint8_t number[DMABUFFS_TICKET_SIZE])
{
	SCOPED_LOCK(&tickets->lock);
	struct ticket *ticket;
	int fd;

	htab_for_each_hash(ticket, &tickets->by_number,
			   keyed_hash(&tickets->key, number, DMABUFFS_TICKET_SIZE), node)
		if (!sodium_memcmp(ticket->number, number, DMABUFFS_TICKET_SIZE))
			break;
	if (!ticket)
		return -ENOENT;
	limits_uncharge(tickets->limits, ticket->owner->uid, RES_TICKETS, 1);
	tickets_remove_locked(tickets, ticket);
	fd = ticket->fd;
	tickets_free(ticket);
	return fd;
}

void tickets_drop_stale(struct tickets *tickets, struct ticket_list *list)
{
	SCOPED_LOCK(&tickets->lock);
	struct ticket *oldest = list_first(&list->tickets, struct ticket, in_owner);

	if (oldest && now_ns() - oldest->made_ns > STALE_NS)
		tickets_drop_locked(tickets, oldest);
}

enum tickets_state tickets_state(struct tickets *tickets, const struct ticket_list *list)
{
	enum tickets_state state = TICKETS_NONE;

	pthread_mutex_lock(&tickets->lock);
	if (!list_is_empty(&list->tickets)) {
		const struct ticket *newest =
			container_of(list->tickets.prev, struct ticket, in_owner);

		state = now_ns() - newest->made_ns > STALE_NS ? TICKETS_STALE
							      : TICKETS_FRESH;
	}
	pthread_mutex_unlock(&tickets->lock);
	return state;
}

void tickets_drop(struct tickets *tickets, struct ticket_list *list)
{
	SCOPED_LOCK(&tickets->lock);
	struct ticket *ticket, *after;

	list_for_each_safe(ticket, after, &list->tickets, in_owner)
		tickets_drop_locked(tickets, ticket);
}
