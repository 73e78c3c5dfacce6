/* SPDX-License-Identifier: MIT */
#include "broker/taken.h"

#include "buffers/buffer.h"
#include "buffers/closer.h"
#include "names/caller.h"
#include "util.h"

/* The descriptor, and one or two descriptions of its buffer that the service makes. */
#define TAKEN_ROOM 3

int taken_from_caller(struct limits *limits, const struct payer *payer, int pidfd, int fd,
		      struct taken *ret_taken)
{
	struct closing *closing;
	int r;

	if (pidfd < 0)
		return pidfd;
	r = closing_reserve(limits, payer, TAKEN_ROOM, &closing);
	if (r < 0)
		return r;
	fd = caller_take_fd(pidfd, fd);
	if (fd < 0) {
		closing_end(closing);
		return fd;
	}
	*ret_taken = (struct taken){fd, closing};
	return 0;
}

int taken_from_ticket(struct tickets *tickets, const struct payer *payer,
		      const uint8_t ticket[DMABUFFS_TICKET_SIZE], struct taken *ret_taken)
{
	struct closing *closing;
	int fd, r = closing_reserve(tickets->limits, payer, TAKEN_ROOM, &closing);

	if (r < 0)
		return r;
	fd = tickets_take(tickets, ticket);
	if (fd < 0) {
		closing_end(closing);
		return fd;
	}
	*ret_taken = (struct taken){fd, closing};
	return 0;
}

int taken_to_buffer(struct taken *taken, bool readonly, struct buffer *ret_buffer)
{
	int r = buffer_init(ret_buffer, taken->fd, readonly, taken->closing);

	if (r == 0)
		taken->fd = -1;
	return r;
}

void taken_end(struct taken *taken)
{
	closing_add(taken->closing, TAKE_FD(taken->fd));
	closing_end(TAKE_PTR(taken->closing));
}
