/* SPDX-License-Identifier: MIT */
#include "broker/taken.h"

#include "broker/opened.h"
#include "buffers/buffer.h"
#include "buffers/reaper.h"
#include "names/caller.h"
#include "util.h"

int taken_from_caller(const struct broker *broker, uid_t uid, int pidfd, int fd,
		      struct taken *ret_taken)
{
	struct offload *closing;
	int r;

	if (pidfd < 0)
		return pidfd;
	r = offload_reserve_close(broker->limits, uid, &closing);
	if (r < 0)
		return r;
	fd = caller_take_fd(pidfd, fd);
	if (fd < 0) {
		offload_cancel(closing);
		return fd;
	}
	*ret_taken = (struct taken){fd, closing, broker};
	return 0;
}

int taken_from_ticket(const struct broker *broker,
		      const uint8_t ticket[DMABUFFS_TICKET_SIZE], struct taken *ret_taken)
{
	int fd = tickets_take(broker->tickets, ticket);

	if (fd < 0)
		return fd;
	*ret_taken = (struct taken){fd, NULL, broker};
	return 0;
}

void taken_keep(struct taken *taken)
{
	taken->fd = -1;
	offload_cancel(taken->closing);
	taken->closing = NULL;
}

void taken_refuse(struct taken *taken)
{
	int fd = taken->fd;

	if (fd < 0)
		return;
	/* Closing a file of our mount sends no FLUSH, and RELEASE is not waited for. */
	if (opened_is_ours(taken->broker, fd)) {
		close(fd);
	} else if (taken->closing && buffer_kind(fd) < 0) {
		offload_close(taken->closing, &fd, 1);
		taken->closing = NULL;
	} else {
		reaper_take_fd(fd);
	}
	taken_keep(taken);
}
