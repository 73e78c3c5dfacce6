/* SPDX-License-Identifier: MIT */
/* identify.c - who this process is on a mount with the option idmap */
#include <fcntl.h>
#include <sys/ioctl.h>

#include <util.h>

#include "instance.h"

#define IDENTIFY_TRIES  8
#define IDENTIFY_TOKENS 4 /* of one call: see BROKER_TICKETS_MAX */

static int identify_by_one_token(const struct dmabuffs *instance, int fd)
{
	struct dmabuffs_token token = {.size = sizeof(token)};
	_cleanup_close_ int handle =
		(int)SYSCALL(openat(instance->root_fd, DMABUFFS_IDMAP_NAME,
				    O_TMPFILE | O_WRONLY | O_CLOEXEC, 0));
	int r = handle;

	if (r >= 0)
		r = (int)SYSCALL(ioctl(handle, DMABUFFS_IOC_TOKEN, &token));
	if (r >= 0)
		r = (int)SYSCALL(ioctl(fd, DMABUFFS_IOC_IDENTIFY, &token));
	return r;
}

/*
 * On failure nothing has changed: a description that was identified before still is.
 * -ENOENT: the service that made the token was replaced; the next one makes another.
 */
int instance_identify(const struct dmabuffs *instance, int fd)
{
	int r = -ENOENT;

	for (int i = 0; i < IDENTIFY_TOKENS && r == -ENOENT; i++)
		r = identify_by_one_token(instance, fd);
	return r;
}

/*
 * Another thread of another user can identify the shared description for itself in
 * between; a few times in a row, not always.
 */
int instance_command(struct dmabuffs *instance, unsigned long request, void *argument)
{
	int r = (int)SYSCALL(ioctl(instance->control_fd, request, argument));

	for (int tries = 0; r == -EOVERFLOW && tries < IDENTIFY_TRIES; tries++) {
		/* What is open for reading only cannot be identified. */
		r = instance->refusal ? instance->refusal
				      : instance_identify(instance, instance->control_fd);
		if (r < 0)
			break;
		r = (int)SYSCALL(ioctl(instance->control_fd, request, argument));
	}
	return r;
}
