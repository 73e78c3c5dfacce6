/* SPDX-License-Identifier: MIT */
#include "broker/tickets.h"

#include <string.h>
#include <time.h>

#include "buffers/reaper.h"
#include "util.h"

struct ticket {
	struct htab_node node;
	uint8_t number[DMABUFFS_TICKET_SIZE];
	int fd; /* owned; of a kind whose close cannot block, see connection.c */
	struct ticket_list *list;
	struct ticket *next;
	uint64_t made_ns; /* CLOCK_MONOTONIC */
};

/* Whoever wants it has come for it by then. */
#define STALE_NS UINT64_C(1000000000)

static uint64_t tickets_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Keyed as in table.c: timing says nothing about the numbers that exist. */
static uint64_t tickets_hash_of(const struct tickets *tickets,
				const uint8_t number[DMABUFFS_TICKET_SIZE])
{
	uint64_t hash;

	crypto_shorthash((unsigned char *)&hash, number, DMABUFFS_TICKET_SIZE,
			 tickets->key);
	return hash;
}

void tickets_init(struct tickets *tickets, struct limits *limits)
{
	*tickets = (struct tickets){.limits = limits};
	crypto_shorthash_keygen(tickets->key);
	pthread_mutex_init(&tickets->lock, NULL);
}

void tickets_finish(struct tickets *tickets)
{
	htab_finish(&tickets->by_number);
	pthread_mutex_destroy(&tickets->lock);
}

static int tickets_add_locked(struct tickets *tickets, struct ticket_list *list,
			      struct ticket *ticket)
{
	int r;

	if (list->n >= TICKETS_PER_CONNECTION)
		return -EDQUOT;
	r = limits_charge(tickets->limits, list->uid, RES_TICKETS, 1);
	if (r < 0)
		return r;
	if (htab_insert(&tickets->by_number, &ticket->node,
			tickets_hash_of(tickets, ticket->number)) < 0) {
		limits_uncharge(tickets->limits, list->uid, RES_TICKETS, 1);
		return -ENOMEM;
	}
	ticket->list = list;
	ticket->next = list->first;
	list->first = ticket;
	list->n++;
	return 0;
}

int tickets_add(struct tickets *tickets, struct ticket_list *list, int fd,
		uint8_t ret_number[DMABUFFS_TICKET_SIZE])
{
	struct ticket *ticket = calloc(1, sizeof(*ticket));
	int r;

	if (!ticket)
		return -ENOMEM;
	randombytes_buf(ticket->number, sizeof(ticket->number));
	ticket->fd = fd;
	ticket->made_ns = tickets_now_ns();
	pthread_mutex_lock(&tickets->lock);
	r = tickets_add_locked(tickets, list, ticket);
	if (r == 0)
		memcpy(ret_number, ticket->number, sizeof(ticket->number));
	pthread_mutex_unlock(&tickets->lock);
	if (r < 0)
		free(ticket);
	return r;
}

static void tickets_remove_locked(struct tickets *tickets, struct ticket *ticket)
{
	struct ticket **link = &ticket->list->first;

	while (*link != ticket)
		link = &(*link)->next;
	*link = ticket->next;
	ticket->list->n--;
	limits_uncharge(tickets->limits, ticket->list->uid, RES_TICKETS, 1);
	htab_remove(&tickets->by_number, &ticket->node);
}

int tickets_take(struct tickets *tickets, const uint8_t number[DMABUFFS_TICKET_SIZE])
{
	struct htab_node *node;
	int fd = -ENOENT;

	pthread_mutex_lock(&tickets->lock);
	node = htab_first(&tickets->by_number, tickets_hash_of(tickets, number));
	for (; node; node = htab_next(node)) {
		struct ticket *ticket = container_of(node, struct ticket, node);

		if (sodium_memcmp(ticket->number, number, DMABUFFS_TICKET_SIZE))
			continue;
		tickets_remove_locked(tickets, ticket);
		fd = ticket->fd;
		free(ticket);
		break;
	}
	pthread_mutex_unlock(&tickets->lock);
	return fd;
}

void tickets_drop_stale(struct tickets *tickets, struct ticket_list *list)
{
	uint64_t now = tickets_now_ns();
	struct ticket *ticket;

	pthread_mutex_lock(&tickets->lock);
	ticket = list->first;
	while (ticket && ticket->next)
		ticket = ticket->next;
	if (ticket && now - ticket->made_ns > STALE_NS) {
		tickets_remove_locked(tickets, ticket);
		reaper_take_fd(ticket->fd);
		free(ticket);
	}
	pthread_mutex_unlock(&tickets->lock);
}

void tickets_drop(struct tickets *tickets, struct ticket_list *list)
{
	pthread_mutex_lock(&tickets->lock);
	while (list->first) {
		struct ticket *ticket = list->first;

		tickets_remove_locked(tickets, ticket);
		reaper_take_fd(ticket->fd);
		free(ticket);
	}
	pthread_mutex_unlock(&tickets->lock);
}
