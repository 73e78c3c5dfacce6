/* SPDX-License-Identifier: MIT */
/*
 * taken.h - a descriptor received from a client whose kind is not known yet
 *
 * It is taken from the calling thread, or was deposited on the broker. The request that
 * received it moves it to its new owner or not; what is left is closed off the request
 * path.
 */
#ifndef DMABUFFS_TAKEN_H
#define DMABUFFS_TAKEN_H

#include <stdbool.h>
#include <stdint.h>

#include <dmabuffs-ioctl.h>

#include "broker/tickets.h"
#include "buffers/buffer.h"

struct taken {
	int fd;      /* owned; -1: none, or it has a new owner */
	bool is_own; /* a description that the client does not have, see take.h */
	struct closing
		*closing; /* owned, for @fd and what else the request has to close */
};

#define TAKEN_NONE ((struct taken){-1, false, NULL})

/* A descriptor of a client. */
struct taken_source {
	int pidfd;      /* of its thread, unless take_is_by_helper() */
	int fd;         /* its number there */
	unsigned kinds; /* enum take_kind; the helper refuses others */
};

/*
 * Takes it for a request of @payer, whose thread it is. Errors: -EBADF, -EREMOTE, -EBUSY,
 * -ENOMEM; from the helper also -EBADFD, and those of open(2).
 */
int taken_from_caller(struct limits *limits, const struct payer *payer,
		      const struct taken_source *source, struct taken *ret_taken);

/* Takes the descriptor under a ticket, which was checked at the deposit. -ENOENT, -EBUSY,
 * -ENOMEM; only on success the ticket is spent. */
int taken_from_ticket(struct tickets *tickets, const struct payer *payer,
		      const uint8_t ticket[DMABUFFS_TICKET_SIZE],
		      struct taken *ret_taken);

/* Moves it into a buffer; errors as buffer_init(). */
int taken_to_buffer(struct taken *taken, bool readonly, struct buffer *ret_buffer);

/* Closes what is left of it and of @closing; does not wait for that. */
void taken_end(struct taken *taken);

#endif
