/* SPDX-License-Identifier: MIT */
/*
 * device_ioctl.c - commands of devices and contexts that are more than a call of libaccel
 */

#include <fcntl.h>
#include <string.h>

#include "buffers/closer.h"
#include "fs/fs_ioctl.h"
#include "fs/fs_user.h"
#include "util.h"

/* ---- the directory ----------------------------------------------------------------- */

static struct accel_device *device_ioctl_find(const struct devices *devices,
					      const struct accel_device_info *info)
{
	uint64_t ino = devices_find(devices, info->name);

	if (!(info->flags & DMABUFFS_ACCEL_NEXT))
		return devices_by_ino(devices, ino);
	if (!info->name[0])
		return devices_by_ino(devices, INO_FIRST_DEVICE);
	return ino ? devices_by_ino(devices, ino + 1) : NULL;
}

int device_query(struct command_call *call)
{
	struct accel_device_info *info = &call->arg.device_info;
	struct accel_device *device;
	uint32_t size = info->size;

	if (info->flags & ~DMABUFFS_ACCEL_NEXT)
		return -EOPNOTSUPP;
	if (strnlen(info->name, sizeof(info->name)) == sizeof(info->name))
		return -EINVAL;
	device = device_ioctl_find(&call->service->devices, info);
	if (!device)
		return -ENOENT;
	info->size = sizeof(*info); /* of call->arg, not of the client's struct */
	accel_device_query(device, info);
	info->size = size;
	return 0;
}

/* ---- contexts ---------------------------------------------------------------------- */

/* A request carries only the first @count elements of the array. */
int device_submit(struct command_call *call)
{
	struct accel_queue_submit *arg = &call->arg.queue_submit;
	size_t head = offsetof(struct accel_queue_submit, commands);

	if (arg->count > ACCEL_SUBMIT_MAX ||
	    arg->size < head + arg->count * sizeof(arg->commands[0]))
		return -EINVAL;
	call->reply_size = MIN(call->reply_size, head);
	return accel_queue_submit(call->file->context, arg);
}

static int device_ioctl_open_object(struct accel_context *context,
				    const struct dmabuffs_accel_open *arg, int *ret_fd)
{
	int r = accel_buffer_open(context, arg->id, (int)arg->access, ret_fd);

	if (r != -ENOENT)
		return r;
	r = accel_queue_open_ring(context, arg->id, ret_fd);
	return r == 0 && arg->access != O_RDWR ? -EACCES : r;
}

static int device_ioctl_add_ticket(struct command_call *call, int fd)
{
	struct dmabuffs_accel_open *arg = &call->arg.open;
	struct tickets *tickets = &call->service->tickets;
	struct ticket_list *list = &call->file->tickets;
	int r = tickets_add(tickets, list, fd, arg->ticket);

	/* Tickets of callers that exited must not block those of others. */
	if (r == -EDQUOT) {
		tickets_drop_stale(tickets, list);
		r = tickets_add(tickets, list, fd, arg->ticket);
	}
	return r;
}

static int device_ioctl_try_open(struct command_call *call)
{
	struct payer payer;
	struct closing *closing;
	int fd = -1, r = user_payer(call->req, &payer);

	if (r == 0)
		r = closing_reserve(&call->service->limits, &payer, 1, &closing);
	if (r < 0)
		return r;
	r = device_ioctl_open_object(call->file->context, &call->arg.open, &fd);
	if (r == 0)
		r = device_ioctl_add_ticket(call, fd);
	if (r < 0)
		closing_add(closing, fd);
	closing_end(closing);
	return r;
}

int device_open_for_fetch(struct command_call *call)
{
	const struct dmabuffs_accel_open *arg = &call->arg.open;

	if (arg->flags)
		return -EOPNOTSUPP;
	if (arg->access != O_RDONLY && arg->access != O_RDWR)
		return -EINVAL;
	return device_room_call(call, device_ioctl_try_open, NULL);
}

static void device_ioctl_revoke_work(void *arg)
{
	struct command_call *call = arg;

	command_reply(call, accel_buffer_revoke(call->file->context, &call->arg.object));
}

/* A process that has the memory open can keep its inode locked. */
int device_revoke_buffer(struct command_call *call)
{
	struct payer payer;
	int r = user_payer(call->req, &payer);

	return r < 0 ? r : command_offload(call, &payer, device_ioctl_revoke_work);
}
