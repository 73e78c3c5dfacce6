/* SPDX-License-Identifier: MIT */
#include "broker/taken.h"

#include "buffers/buffer.h"
#include "broker/take.h"
#include "buffers/closer.h"
#include "names/caller.h"
#include "util.h"

/* The descriptor, and one or two descriptions of its buffer that the service makes. */
#define TAKEN_ROOM 3

/* As this process can, or as the helper can, which looks at it first. */
static int taken_take(const struct taken_source *source, pid_t tid, uid_t person,
		      struct take *ret_take)
{
	int fd;

	if (tid <= 0)
		return -EREMOTE;
	if (take_is_by_helper())
		return take_by_helper(tid, source->fd, source->kinds, person, ret_take);
	if (source->pidfd < 0)
		return source->pidfd;
	fd = caller_take_fd(source->pidfd, source->fd);
	if (fd < 0)
		return fd;
	ret_take->fd = fd;
	return 0;
}

int taken_from_caller(struct limits *limits, const struct payer *payer,
		      const struct taken_source *source, struct taken *ret_taken)
{
	struct closing *closing;
	struct take take = TAKE_NONE;
	int r;

	r = closing_reserve(limits, payer, TAKEN_ROOM, &closing);
	if (r < 0)
		return r;
	closing_yield(closing);
	r = taken_take(source, payer->pid, closing_person(closing), &take);
	if (r < 0) {
		closing_end(closing);
		return r;
	}
	*ret_taken = (struct taken){take.fd, take.is_own, closing};
	return 0;
}

int taken_from_ticket(struct tickets *tickets, const struct payer *payer,
		      const uint8_t ticket[DMABUFFS_TICKET_SIZE], struct taken *ret_taken)
{
	struct closing *closing;
	int fd, r = closing_reserve(tickets->limits, payer, TAKEN_ROOM, &closing);

	if (r < 0)
		return r;
	closing_yield(closing);
	fd = tickets_take(tickets, ticket);
	if (fd < 0) {
		closing_end(closing);
		return fd;
	}
	*ret_taken = (struct taken){fd, false, closing};
	return 0;
}

int taken_to_buffer(struct taken *taken, bool readonly, struct buffer *ret_buffer)
{
	int r = taken->is_own
			? buffer_init_own(ret_buffer, taken->fd, readonly, taken->closing)
			: buffer_init(ret_buffer, taken->fd, readonly, taken->closing);

	if (r == 0)
		taken->fd = -1;
	return r;
}

void taken_end(struct taken *taken)
{
	closing_add(taken->closing, TAKE_FD(taken->fd));
	closing_end(TAKE_PTR(taken->closing));
}
