/* SPDX-License-Identifier: MIT */
/*
 * taken.h - a descriptor of a client's, until it is known what it is
 *
 * It comes out of the calling thread or was put on the broker. Whoever has no use for it
 * gives it back here, where it is closed without anybody waiting for it.
 */
#ifndef DMABUFFS_TAKEN_H
#define DMABUFFS_TAKEN_H

#include <stdint.h>

#include <dmabuffs-ioctl.h>

#include "base/offload.h"
#include "broker/broker.h"

struct taken {
	int fd;              /* owned; -1: none */
	struct offload *job; /* owned; NULL: from a ticket, see below */
	uint64_t mount_dev;
};

/*
 * Takes descriptor @fd of the thread behind @pidfd (-errno: it cannot be named) for a
 * request of @uid. Errors: -EBADF, -EREMOTE, -EBUSY, -ENOMEM.
 */
int taken_from_caller(struct broker *broker, uid_t uid, int pidfd, int fd,
		      struct taken *ret_taken);

/* Takes what a ticket stands for; it was looked at when it was put there. -ENOENT. */
int taken_from_ticket(struct broker *broker, const uint8_t ticket[DMABUFFS_TICKET_SIZE],
		      struct taken *ret_taken);

/* The descriptor has a new owner. */
void taken_keep(struct taken *taken);

/* Closes it. */
void taken_refuse(struct taken *taken);

#endif
