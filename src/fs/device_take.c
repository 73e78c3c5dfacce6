/* SPDX-License-Identifier: MIT */
/* device_take.c - a caller's descriptors for a context: buffers, and its own memory */

#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "broker/opened.h"
#include "broker/procfs.h"
#include "buffers/closer.h"
#include "fs/fs_ioctl.h"
#include "sized.h"
#include "util.h"

/* Either a descriptor or a ticket, selected by the flag; the other must be unset. */
static int device_take_check_source(uint32_t flags, int fd,
				    const uint8_t ticket[DMABUFFS_TICKET_SIZE])
{
	if (flags & DMABUFFS_ACCEL_TICKET)
		return fd == -1 ? 0 : -EINVAL;
	if (!sized_is_zero(ticket, DMABUFFS_TICKET_SIZE))
		return -EINVAL;
	return fd < 0 ? -EBADF : 0;
}

static int device_take_source(struct command_call *call, uint32_t flags, int fd,
			      const uint8_t ticket[DMABUFFS_TICKET_SIZE],
			      struct taken *ret_taken)
{
	return command_take(call, fd, flags & DMABUFFS_ACCEL_TICKET ? ticket : NULL,
			    ret_taken);
}

int device_take_import(struct command_call *call, struct taken *ret_taken)
{
	const struct dmabuffs_accel_import *arg = &call->arg.import;
	int r;

	if (arg->flags & ~DMABUFFS_ACCEL_TICKET)
		return -EOPNOTSUPP;
	r = device_take_check_source(arg->flags, arg->fd, arg->ticket);
	return r < 0 ? r
		     : device_take_source(call, arg->flags, arg->fd, arg->ticket,
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

int device_import_buffer(struct command_call *call)
{
	struct taken taken;
	int fd, r = device_take_import(call, &taken);

	if (r < 0)
		return r;
	fd = device_take_own_buffer(call, &taken);
	r = fd;
	if (fd >= 0)
		r = accel_buffer_import(call->file->context, fd, &call->arg.import.id);
	if (r < 0)
		closing_add(taken.closing, fd);
	taken_end(&taken);
	return r;
}

/* ---- the caller's own memory ------------------------------------------------------- */

struct binding {
	struct command_call *call;
	struct taken mem, maps;
};

static void device_take_end_binding(struct binding *binding, int result)
{
	struct command_call *call = binding->call;

	if (result < 0)
		log_info("cannot bind the address space of pid %d: %s", call->ctx->pid,
			 strerror(-result));
	else /* the address space has both */
		binding->mem.fd = binding->maps.fd = -1;
	taken_end(&binding->mem);
	taken_end(&binding->maps);
	free(binding);
}

static int device_take_bind_files(struct binding *binding)
{
	struct dmabuffs_accel_sva *sva = &binding->call->arg.sva;
	struct accel_asid_create arg = {
		.flags = sva->flags & ~DMABUFFS_ACCEL_TICKET,
		.set = sva->set,
	};
	int r;

	if (!procfs_has(binding->mem.fd, binding->call->ctx->pid) ||
	    !procfs_has(binding->maps.fd, binding->call->ctx->pid))
		return -EBADFD;
	r = accel_asid_create_sva(binding->call->file->context, &arg, binding->mem.fd,
				  binding->maps.fd);
	if (r == 0)
		sva->id = arg.id;
	return r;
}

/* The caller can keep the locks of its address space, so this can take any time. */
static void device_take_bind_work(void *arg)
{
	struct binding *binding = arg;
	struct command_call *call = binding->call;
	int r = device_take_bind_files(binding);

	device_take_end_binding(binding, r);
	command_reply(call, r);
}

static int device_take_both(struct binding *binding)
{
	struct command_call *call = binding->call;
	const struct dmabuffs_accel_sva *sva = &call->arg.sva;
	int r = device_take_source(call, sva->flags, sva->mem, sva->mem_ticket,
				   &binding->mem);

	return r < 0 ? r
		     : device_take_source(call, sva->flags, sva->maps, sva->maps_ticket,
					  &binding->maps);
}

static int device_take_check_sva(const struct dmabuffs_accel_sva *sva)
{
	int r;

	if (sva->flags & ~(DMABUFFS_ACCEL_TICKET | ACCEL_ASID_VISIBLE))
		return -EOPNOTSUPP;
	r = device_take_check_source(sva->flags, sva->mem, sva->mem_ticket);
	return r < 0 ? r
		     : device_take_check_source(sva->flags, sva->maps, sva->maps_ticket);
}

int device_bind_sva(struct command_call *call)
{
	struct binding *binding;
	int r = device_take_check_sva(&call->arg.sva);

	if (r < 0)
		return r;
	binding = calloc(1, sizeof(*binding));
	if (!binding)
		return -ENOMEM;
	binding->call = call;
	binding->mem = binding->maps = TAKEN_NONE;
	r = device_take_both(binding);
	if (r == 0)
		r = command_offload(call, call->ctx->uid, device_take_bind_work, binding);
	if (r < 0)
		device_take_end_binding(binding, r);
	return r;
}
