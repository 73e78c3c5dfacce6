/* SPDX-License-Identifier: MIT */
/* device_take.c - a caller's descriptors for a context: buffers, and its own memory */

#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "base/wire.h"
#include "broker/opened.h"
#include "broker/procfs.h"
#include "buffers/closer.h"
#include "fs/fs_ioctl.h"
#include "fs/fs_user.h"
#include "util.h"

int device_take_import(struct command_call *call, unsigned kinds, struct taken *ret_taken)
{
	const struct dmabuffs_accel_import *arg = &call->arg.import;
	bool by_ticket = arg->flags & DMABUFFS_ACCEL_TICKET;
	int r;

	if (arg->flags & ~DMABUFFS_ACCEL_TICKET)
		return -EOPNOTSUPP;
	r = wire_check_source(by_ticket, arg->fd, arg->ticket);
	return r < 0 ? r
		     : command_take(call, arg->fd, by_ticket ? arg->ticket : NULL, kinds,
				    ret_taken);
}

/* ---- buffers ----------------------------------------------------------------------- */

/* Opens the buffer behind an opened name, with no more access than the file has. */
static int device_take_open_named(const struct opened *opened)
{
	return buffer_has_memory(&opened->export->buffer) ? opened_open_buffer(opened)
							  : -EBADFD;
}

/* Returns a descriptor of its buffer that the service owns. */
static int device_take_own_buffer(struct command_call *call, struct taken *taken)
{
	_cleanup_(opened_put) struct opened opened = {NULL};
	struct buffer buffer = {.fd = -1};
	int r;

	if (opened_get(&call->service->broker, taken->fd, &opened) == 0)
		return device_take_open_named(&opened);
	r = taken_to_buffer(taken, (fcntl(taken->fd, F_GETFL) & O_ACCMODE) == O_RDONLY,
			    &buffer);
	/* The memory behind a device of a driver cannot be mapped here. */
	if (r == 0 && !buffer_has_memory(&buffer)) {
		closing_add_buffer(taken->closing, &buffer);
		r = -EBADFD;
	}
	return r < 0 ? r : buffer.fd;
}

static int device_take_try_import(struct command_call *call)
{
	int fd = call->kept.buffer.fd;

	return fd < 0 ? fd
		      : accel_buffer_import(call->file->context, fd,
					    &call->arg.import.id);
}

static void device_take_end_import(struct command_call *call, int result)
{
	struct taken *taken = &call->kept.buffer.taken;

	if (result < 0)
		closing_add(taken->closing, call->kept.buffer.fd);
	taken_end(taken);
}

int device_import_buffer(struct command_call *call)
{
	struct taken *taken = &call->kept.buffer.taken;
	int r = device_take_import(call, TAKE_BUFFER | TAKE_NAME, taken);

	if (r < 0)
		return r;
	call->kept.buffer.fd = device_take_own_buffer(call, taken);
	return device_room_call(call, device_take_try_import, device_take_end_import);
}

/* ---- the caller's own memory ------------------------------------------------------- */

static void device_take_end_binding(struct command_call *call, int result)
{
	if (result < 0)
		log_info("cannot bind the address space of pid %d: %s", call->ctx->pid,
			 strerror(-result));
	else /* the address space has both */
		call->kept.sva.mem.fd = call->kept.sva.maps.fd = -1;
	taken_end(&call->kept.sva.mem);
	taken_end(&call->kept.sva.maps);
}

static int device_take_bind_files(struct command_call *call)
{
	int mem = call->kept.sva.mem.fd, maps = call->kept.sva.maps.fd;
	struct dmabuffs_accel_sva *sva = &call->arg.sva;
	struct accel_asid_create arg = {
		.flags = sva->flags & ~DMABUFFS_ACCEL_TICKET,
		.set = sva->set,
	};
	int r;

	if (!procfs_has(mem, call->ctx->pid) || !procfs_has(maps, call->ctx->pid))
		return -EBADFD;
	r = accel_asid_create_sva(call->file->context, &arg, mem, maps);
	if (r == 0)
		sva->id = arg.id;
	return r;
}

static int device_take_try_bind(void *arg)
{
	return device_take_bind_files(arg);
}

/* The caller can keep the locks of its address space, so this can take any time. */
static void device_take_bind_work(void *arg)
{
	struct command_call *call = arg;
	struct flushed *flushed = &call->service->devices.flushed;
	bool may_come = flushed_any(flushed);
	int r = device_take_bind_files(call);

	if (may_come && device_room_is_short(r))
		r = device_room_retry(flushed, call->file->flush.person,
				      device_take_try_bind, call);
	device_take_end_binding(call, r);
	command_reply(call, r);
}

static int device_take_both(struct command_call *call)
{
	const struct dmabuffs_accel_sva *sva = &call->arg.sva;
	bool by_ticket = sva->flags & DMABUFFS_ACCEL_TICKET;
	int r = command_take(call, sva->mem, by_ticket ? sva->mem_ticket : NULL,
			     TAKE_MEMORY, &call->kept.sva.mem);

	return r < 0 ? r
		     : command_take(call, sva->maps, by_ticket ? sva->maps_ticket : NULL,
				    TAKE_MEMORY, &call->kept.sva.maps);
}

static int device_take_check_sva(const struct dmabuffs_accel_sva *sva)
{
	bool by_ticket = sva->flags & DMABUFFS_ACCEL_TICKET;
	int r;

	if (sva->flags & ~(DMABUFFS_ACCEL_TICKET | ACCEL_ASID_VISIBLE))
		return -EOPNOTSUPP;
	r = wire_check_source(by_ticket, sva->mem, sva->mem_ticket);
	return r < 0 ? r : wire_check_source(by_ticket, sva->maps, sva->maps_ticket);
}

int device_bind_sva(struct command_call *call)
{
	struct payer payer;
	int r = device_take_check_sva(&call->arg.sva);

	if (r < 0)
		return r;
	call->kept.sva.mem = call->kept.sva.maps = TAKEN_NONE;
	r = device_take_both(call);
	if (r == 0)
		r = user_payer(call->req, &payer);
	if (r == 0)
		r = command_offload(call, &payer, device_take_bind_work);
	if (r < 0)
		device_take_end_binding(call, r);
	return r;
}
