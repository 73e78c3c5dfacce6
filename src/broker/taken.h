/* SPDX-License-Identifier: MIT */
/*
 * taken.h - a descriptor received from a client whose kind is not known yet
 *
 * It is taken from the calling thread, or was deposited on the broker. The request that
 * received it keeps it or refuses it; what is refused is closed off the request path.
 */
#ifndef DMABUFFS_TAKEN_H
#define DMABUFFS_TAKEN_H

#include <stdint.h>

#include <dmabuffs-ioctl.h>

#include "base/offload.h"
#include "broker/broker.h"

struct taken {
	int fd;                      /* owned; -1: none */
	struct offload *closing;     /* owned: to refuse it with; NULL: from a ticket */
	const struct broker *broker; /* borrowed */
};

/*
 * Takes descriptor @fd of the thread behind @pidfd (-errno: it cannot be named) for a
 * request of @uid. Errors: -EBADF, -EREMOTE, -EBUSY, -ENOMEM.
 */
int taken_from_caller(const struct broker *broker, uid_t uid, int pidfd, int fd,
		      struct taken *ret_taken);

/* Takes the descriptor under a ticket, which was checked at the deposit. -ENOENT. */
int taken_from_ticket(const struct broker *broker,
		      const uint8_t ticket[DMABUFFS_TICKET_SIZE],
		      struct taken *ret_taken);

/* The descriptor has a new owner. Does nothing if there is none, as taken_refuse(). */
void taken_keep(struct taken *taken);

/* Closes it; does not wait for that. */
void taken_refuse(struct taken *taken);

#endif
