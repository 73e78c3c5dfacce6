/* SPDX-License-Identifier: MIT */
/* export.c - give a buffer a name */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sized.h>

#include "broker.h"

/* The size of the first published version, and a bound for all later ones. */
#define OPTIONS_SIZE_FIRST                                                               \
	(offsetof(struct dmabuffs_export_options, label) + sizeof(const char *))
#define OPTIONS_SIZE_MAX 4096

/* Access of other users to a memfd through /proc/PID/fd. */
#define OTHERS_MODE ((mode_t)(S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH))

/*
 * Pinned memory of an accelerator, whose seals may have to stay open. Only a hint: the
 * service knows its devices, and freezes what is not theirs.
 */
static bool export_is_device_memory(int fd, int seals)
{
	static const char name[] = "/memfd:accel-memory (deleted)";
	char path[40], link[sizeof(name) + 1];
	ssize_t n;

	if (!(seals & F_SEAL_SHRINK))
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, link, sizeof(link));
	return n == sizeof(name) - 1 && !memcmp(link, name, sizeof(name) - 1);
}

/*
 * Freezes a memfd here because the service would have to do it off its request path: how
 * long that takes is up to the users of the memfd. Failures are ignored; the service
 * checks the result. A file with a link is not a memfd and must not be changed.
 */
static void export_freeze_memfd(int fd, uint32_t flags)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || fstat(fd, &st) < 0 || st.st_nlink)
		return;
	if (flags & DMABUFFS_EXPORT_PERSIST && !(seals & F_SEAL_GROW))
		(void)fcntl(fd, F_ADD_SEALS, F_SEAL_GROW);
	if (!(flags & DMABUFFS_EXPORT_READONLY) && !(seals & F_SEAL_SEAL) &&
	    !export_is_device_memory(fd, seals))
		(void)fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL);
	if (st.st_mode & OTHERS_MODE)
		(void)fchmod(fd, st.st_mode & 07777 & ~OTHERS_MODE);
}

static int export_copy_label(const char *label, uint8_t ret_label[DMABUFFS_LABEL_SIZE])
{
	size_t length = label ? strlen(label) : 0;

	if (length >= DMABUFFS_LABEL_SIZE)
		return -EINVAL;
	if (length)
		memcpy(ret_label, label, length);
	return 0;
}

int export_read_options(const struct dmabuffs_export_options *options,
			uint32_t *ret_flags, uint32_t *ret_mode,
			uint8_t ret_label[DMABUFFS_LABEL_SIZE])
{
	struct dmabuffs_export_options known = {0};
	int r = 0;

	if (options)
		r = sized_take(options, OPTIONS_SIZE_MAX, OPTIONS_SIZE_FIRST, &known,
			       sizeof(known));
	if (r >= 0 && (known.reserved || known.flags & DMABUFFS_EXPORT_TICKET))
		r = -EINVAL;
	if (r >= 0)
		r = export_copy_label(known.label, ret_label);
	if (r < 0)
		return r;

	*ret_flags = known.flags;
	*ret_mode = known.mode;
	return 0;
}

/* A ticket is valid while its connection lasts, so keep that until the export returns. */
static int export_by_one_ticket(struct dmabuffs *instance, int fd,
				struct dmabuffs_export *request)
{
	_cleanup_connection_ struct broker_connection connection = {.fd = -1};
	int r = broker_get(instance, &connection);

	if (r >= 0)
		r = broker_deposit(&connection, fd, request->ticket);
	if (r < 0)
		return r;
	request->flags |= DMABUFFS_EXPORT_TICKET;
	request->fd = -1;
	return instance_change(instance, DMABUFFS_IOC_EXPORT, request);
}

/* -ENOENT: the service that had the ticket was replaced, and nothing was exported. */
static int export_by_ticket(struct dmabuffs *instance, struct dmabuffs_export *request)
{
	int fd = request->fd, r = -ENOENT;

	for (int i = 0; i < BROKER_TICKETS_MAX && r == -ENOENT; i++)
		r = export_by_one_ticket(instance, fd, request);
	return r;
}

_public_ int dmabuffs_export(struct dmabuffs *instance, int fd,
			     const struct dmabuffs_export_options *options,
			     dmabuffs_uuid *ret_uuid)
{
	struct dmabuffs_export request = {.size = sizeof(request), .fd = fd};
	int r = export_read_options(options, &request.flags, &request.mode,
				    request.label);

	if (r < 0)
		return r;
	export_freeze_memfd(fd, request.flags);
	r = instance_change(instance, DMABUFFS_IOC_EXPORT, &request);
	if (r == -EREMOTE)
		r = export_by_ticket(instance, &request);
	if (r < 0)
		return r;

	memcpy(ret_uuid->bytes, request.uuid, sizeof(ret_uuid->bytes));
	return 0;
}
