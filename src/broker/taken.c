/* SPDX-License-Identifier: MIT */
#include "broker/taken.h"

#include "buffers/buffer.h"
#include "buffers/reaper.h"
#include "names/caller.h"
#include "fd_identity.h"
#include "util.h"

int taken_from_caller(struct broker *broker, uid_t uid, int pidfd, int fd,
		      struct taken *ret_taken)
{
	struct offload *job;
	int r;

	if (pidfd < 0)
		return pidfd;
	r = offload_reserve_close(broker->limits, uid, &job);
	if (r < 0)
		return r;
	fd = caller_take_fd(pidfd, fd);
	if (fd < 0) {
		offload_cancel(job);
		return fd;
	}
	*ret_taken = (struct taken){fd, job, broker->mount_dev};
	return 0;
}

int taken_from_ticket(struct broker *broker, const uint8_t ticket[DMABUFFS_TICKET_SIZE],
		      struct taken *ret_taken)
{
	int fd = tickets_take(broker->tickets, ticket);

	if (fd < 0)
		return fd;
	*ret_taken = (struct taken){fd, NULL, broker->mount_dev};
	return 0;
}

void taken_keep(struct taken *taken)
{
	taken->fd = -1;
	offload_cancel(taken->job);
	taken->job = NULL;
}

/* Files of our own mount close at once: they have no FLUSH, and RELEASE is not waited
 * for. */
static bool taken_is_ours(const struct taken *taken)
{
	uint64_t dev, ino;

	return fd_identity(taken->fd, &dev, &ino) == 0 && dev == taken->mount_dev;
}

void taken_refuse(struct taken *taken)
{
	int fd = taken->fd;

	if (fd < 0)
		return;
	if (taken_is_ours(taken)) {
		close(fd);
	} else if (taken->job && buffer_kind(fd) < 0) {
		offload_close(taken->job, &fd, 1);
		taken->job = NULL;
	} else {
		reaper_take_fd(fd);
	}
	taken_keep(taken);
}
