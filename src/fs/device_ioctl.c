/* SPDX-License-Identifier: MIT */
/*
 * device_ioctl.c - the commands of devices and contexts
 *
 * The core checks and does; here stands which command is which call of it.
 */

#include <fcntl.h>
#include <string.h>

#include "base/offload.h"
#include "buffers/reaper.h"
#include "fs/fs_ioctl.h"
#include "util.h"

/* ---- the directory ----------------------------------------------------------------- */

static int device_ioctl_query_device(struct command_call *call)
{
	struct accel_device_info *info = &call->arg.device_info;
	struct devices *devices = &call->service->devices;
	uint64_t ino;

	if (info->flags)
		return -EOPNOTSUPP;
	if (strnlen(info->name, sizeof(info->name)) == sizeof(info->name))
		return -EINVAL;
	ino = devices_find(devices, info->name);
	if (!ino)
		return -ENOENT;
	accel_device_query(devices_by_ino(devices, ino), info);
	return 0;
}

/* ---- what is more than a call of the core ------------------------------------------ */

/* The struct says how many commands follow; the rest of it did not come. */
static int device_ioctl_submit(struct command_call *call)
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
	if (r == 0 && arg->access != O_RDWR) {
		reaper_take_fd(*ret_fd);
		r = -EACCES;
	}
	return r;
}

static int device_ioctl_open_for_fetch(struct command_call *call)
{
	struct dmabuffs_accel_open *arg = &call->arg.open;
	struct tickets *tickets = &call->service->tickets;
	struct ticket_list *list = &call->file->tickets;
	int fd, r;

	if (arg->flags)
		return -EOPNOTSUPP;
	if (arg->access != O_RDONLY && arg->access != O_RDWR)
		return -EINVAL;
	r = device_ioctl_open_object(call->file->context, arg, &fd);
	if (r < 0)
		return r;
	r = tickets_add(tickets, list, fd, arg->ticket);
	/* Of a caller who died, perhaps: it must not stand in the way of all others. */
	if (r == -EDQUOT) {
		tickets_drop_stale(tickets, list);
		r = tickets_add(tickets, list, fd, arg->ticket);
	}
	if (r < 0)
		reaper_take_fd(fd);
	return r;
}

static void device_ioctl_revoke_work(void *arg)
{
	struct command_call *call = arg;

	command_reply(call, accel_buffer_revoke(call->file->context, &call->arg.object));
}

/* Who holds the memory can keep its inode locked. */
static int device_ioctl_revoke_buffer(struct command_call *call)
{
	struct offload *offload;
	int r = offload_reserve(&call->service->limits, call->ctx->uid, &offload);

	if (r == 0)
		r = offload_start(offload, device_ioctl_revoke_work, call);
	return r < 0 ? r : COMMAND_PENDING;
}

/* ---- calls of the core ------------------------------------------------------------- */

/* X(function, command, member of the argument union, size of its first version) */
#define CORE_CALLS(X)                                                                    \
	X(device_get_info, DEVICE_INFO, device_info, 272)                                \
	X(buffer_alloc, BUFFER_ALLOC, buffer_alloc, 24)                                  \
	X(buffer_free, BUFFER_FREE, object, 16)                                          \
	X(buffer_get_info, BUFFER_INFO, buffer_info, 24)                                 \
	X(asid_create, ASID_CREATE, asid_create, 16)                                     \
	X(asid_destroy, ASID_DESTROY, object, 16)                                        \
	X(asid_get_info, ASID_INFO, asid_info, 40)                                       \
	X(asid_map, ASID_MAP, asid_map, 40)                                              \
	X(asid_unmap, ASID_UNMAP, asid_unmap, 32)                                        \
	X(asid_copy, ASID_COPY, asid_copy, 40)                                           \
	X(set_create, SET_CREATE, set_create, 16)                                        \
	X(set_destroy, SET_DESTROY, object, 16)                                          \
	X(set_get_info, SET_INFO, set_info, 24)                                          \
	X(set_bind, SET_BIND, set_entry, 24)                                             \
	X(set_unbind, SET_UNBIND, set_entry, 24)                                         \
	X(set_lookup, SET_LOOKUP, set_entry, 24)                                         \
	X(set_next, SET_NEXT, set_entry, 24)                                             \
	X(queue_create, QUEUE_CREATE, queue_create, 24)                                  \
	X(queue_destroy, QUEUE_DESTROY, object, 16)                                      \
	X(queue_attach, QUEUE_ATTACH, queue_attach, 16)                                  \
	X(queue_detach, QUEUE_DETACH, queue_attach, 16)                                  \
	X(queue_reset, QUEUE_RESET, object, 16)                                          \
	X(queue_get_info, QUEUE_INFO, queue_info, 72)                                    \
	X(fence_create, FENCE_CREATE, fence, 24)                                         \
	X(fence_destroy, FENCE_DESTROY, object, 16)                                      \
	X(fence_signal, FENCE_SIGNAL, fence, 24)                                         \
	X(fence_query, FENCE_QUERY, fence, 24)

#define HANDLER(function, command, member, min)                                          \
	static int do_##function(struct command_call *call)                              \
	{                                                                                \
		return accel_##function(call->file->context, &call->arg.member);         \
	}
CORE_CALLS(HANDLER)

#define ROW(function, command, member, min)                                              \
	{_IOC_NR(DMABUFFS_ACCEL_IOC_##command), ON_CONTEXT, min,                         \
	 sizeof(((struct command_call *)0)->arg.member), do_##function},

static const struct command device_ioctl_commands[] = {
	{_IOC_NR(DMABUFFS_ACCEL_IOC_DEVICE_INFO), ON_DEVICES, 272,
	 sizeof(struct accel_device_info), device_ioctl_query_device},
	{_IOC_NR(DMABUFFS_ACCEL_IOC_BUFFER_IMPORT), ON_CONTEXT, 32,
	 sizeof(struct dmabuffs_accel_import), device_import_buffer},
	{_IOC_NR(DMABUFFS_ACCEL_IOC_BUFFER_REVOKE), ON_CONTEXT, 16,
	 sizeof(struct accel_object), device_ioctl_revoke_buffer},
	{_IOC_NR(DMABUFFS_ACCEL_IOC_OPEN), ON_CONTEXT, 32,
	 sizeof(struct dmabuffs_accel_open), device_ioctl_open_for_fetch},
	{_IOC_NR(DMABUFFS_ACCEL_IOC_ASID_SVA), ON_CONTEXT, 56,
	 sizeof(struct dmabuffs_accel_sva), device_bind_sva},
	{_IOC_NR(DMABUFFS_ACCEL_IOC_ASID_EXPORT), ON_CONTEXT, 96,
	 sizeof(struct dmabuffs_accel_export), device_export_asid},
	{_IOC_NR(DMABUFFS_ACCEL_IOC_ASID_IMPORT), ON_CONTEXT, 32,
	 sizeof(struct dmabuffs_accel_import), device_import_asid},
	{_IOC_NR(DMABUFFS_ACCEL_IOC_QUEUE_SUBMIT), ON_CONTEXT,
	 offsetof(struct accel_queue_submit, commands), sizeof(struct accel_queue_submit),
	 device_ioctl_submit},
	CORE_CALLS(ROW)};

const struct command *device_command(unsigned number, enum place place)
{
	for (size_t i = 0; i < ARRAY_SIZE(device_ioctl_commands); i++)
		if (device_ioctl_commands[i].number == number &&
		    device_ioctl_commands[i].place == place)
			return &device_ioctl_commands[i];
	return NULL;
}
