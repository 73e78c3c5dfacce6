/* SPDX-License-Identifier: MIT */
/* export.c - give a buffer a name */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "broker.h"

/* What others could do with a memfd through /proc/PID/fd. */
#define OTHERS_MODE ((mode_t)(S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH))

/*
 * Does to a memfd what the service would do otherwise, only slower: it cannot know how
 * long that takes for a stranger's. Failures are for the service to judge. A file that
 * has a name is no memfd, and not ours to change.
 */
static void export_freeze_memfd(int fd, uint32_t flags)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || fstat(fd, &st) < 0 || st.st_nlink)
		return;
	if (flags & DMABUFFS_EXPORT_PERSIST && !(seals & F_SEAL_GROW))
		(void)fcntl(fd, F_ADD_SEALS, F_SEAL_GROW);
	if (!(flags & DMABUFFS_EXPORT_READONLY) && !(seals & F_SEAL_SEAL))
		(void)fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL);
	if (st.st_mode & OTHERS_MODE)
		(void)fchmod(fd, st.st_mode & 07777 & ~OTHERS_MODE);
}

int copy_label(const char *label, uint8_t ret_label[DMABUFFS_LABEL_SIZE])
{
	size_t length = label ? strlen(label) : 0;

	if (length >= DMABUFFS_LABEL_SIZE)
		return -EINVAL;
	if (length)
		memcpy(ret_label, label, length);
	return 0;
}

static int export_fill_request(struct dmabuffs_export *request, int fd,
			       const struct dmabuffs_export_options *options)
{
	*request = (struct dmabuffs_export){.size = sizeof(*request), .fd = fd};
	if (!options)
		return 0;
	if (options->flags & DMABUFFS_EXPORT_TICKET)
		return -EINVAL;
	request->flags = options->flags;
	request->mode = options->mode;

	return copy_label(options->label, request->label);
}

/* The ticket dies with its connection, so that is held until the name is made. */
static int export_by_ticket(struct dmabuffs *instance, struct dmabuffs_export *request)
{
	struct broker_connection connection;
	int r = broker_get(instance, &connection);

	if (r < 0)
		return r;
	r = broker_deposit(instance, &connection, request->fd, request->ticket);
	if (r >= 0) {
		request->flags |= DMABUFFS_EXPORT_TICKET;
		request->fd = -1;
		r = instance_ioctl(instance, DMABUFFS_IOC_EXPORT, request);
	}
	broker_put(instance, &connection);
	return r;
}

_public_ int dmabuffs_export(struct dmabuffs *instance, int fd,
			     const struct dmabuffs_export_options *options,
			     dmabuffs_uuid *ret_uuid)
{
	struct dmabuffs_export request;
	int r = export_fill_request(&request, fd, options);

	if (r < 0)
		return r;
	export_freeze_memfd(fd, request.flags);
	r = instance_ioctl(instance, DMABUFFS_IOC_EXPORT, &request);
	if (r == -EREMOTE)
		r = export_by_ticket(instance, &request);
	if (r < 0)
		return r;

	memcpy(ret_uuid->bytes, request.uuid, sizeof(ret_uuid->bytes));
	return 0;
}
