/* SPDX-License-Identifier: MIT */
/* accel_import.c - descriptors into a context and out of it: buffers, address spaces */
#include <fcntl.h>
#include <string.h>

#include <clock.h>
#include <dmabuffs-accel.h>
#include <util.h>

#include "accel_queue.h"
#include "broker.h"

/* ---- import ------------------------------------------------------------------------ */

/* A ticket is valid while its connection lasts, so keep that until the call returns. */
static int accel_import_by_one_ticket(struct dmabuffs *instance, int context,
				      unsigned long request, int fd,
				      struct dmabuffs_accel_import *arg)
{
	_cleanup_connection_ struct broker_connection connection = {.fd = -1};
	int r = broker_get(instance, &connection);

	if (r >= 0)
		r = broker_deposit(&connection, fd, arg->ticket);
	if (r < 0)
		return r;
	arg->flags = DMABUFFS_ACCEL_TICKET;
	arg->fd = -1;
	return dmabuffs_accel_call(context, request, arg);
}

/* -ENOENT: the service that had the ticket was replaced, and nothing was imported. */
static int accel_import_by_ticket(struct dmabuffs *instance, int context,
				  unsigned long request,
				  struct dmabuffs_accel_import *arg)
{
	int fd = arg->fd, r = -ENOENT;

	for (int i = 0; i < BROKER_TICKETS_MAX && r == -ENOENT; i++)
		r = accel_import_by_one_ticket(instance, context, request, fd, arg);
	return r;
}

static int accel_import_import(struct dmabuffs *instance, int context,
			       unsigned long request, int fd, uint32_t *ret_id)
{
	struct dmabuffs_accel_import arg = {.fd = fd};
	int r = dmabuffs_accel_call(context, request, &arg);

	if (r == -EREMOTE)
		r = accel_import_by_ticket(instance, context, request, &arg);
	if (r < 0)
		return r;

	*ret_id = arg.id;
	return 0;
}

_public_ int dmabuffs_accel_import_buffer(struct dmabuffs *instance, int context, int fd,
					  uint32_t *ret_buffer)
{
	return accel_import_import(instance, context, DMABUFFS_ACCEL_IOC_BUFFER_IMPORT,
				   fd, ret_buffer);
}

_public_ int dmabuffs_accel_import_asid(struct dmabuffs *instance, int context,
					const dmabuffs_uuid *uuid, uint32_t *ret_asid)
{
	_cleanup_close_ int opened = instance_open_name(instance, uuid, O_RDWR);

	if (opened < 0)
		return opened;
	return accel_import_import(instance, context, DMABUFFS_ACCEL_IOC_ASID_IMPORT,
				   opened, ret_asid);
}

#define TICKET_LIMIT_MS 1500
#define TICKET_STEP_MS  5

static int accel_import_get_ticket(int context, struct dmabuffs_accel_open *arg)
{
	const struct timespec step = timespec_of_ns(TICKET_STEP_MS * NS_PER_MS);
	int r = dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_OPEN, arg);

	/* Tickets of others occupy the limit; unused ones expire after a second. */
	for (int ms = 0; r == -EDQUOT && ms < TICKET_LIMIT_MS; ms += TICKET_STEP_MS) {
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &step, NULL);
		r = dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_OPEN, arg);
	}
	return r;
}

/*
 * Another ticket, if there is none to fetch under the first: it was used up by a request
 * whose reply was lost, or the service that made it was replaced.
 */
int accel_fetch(struct dmabuffs *instance, int context, uint32_t id, int access,
		int *ret_fd)
{
	int r = -ENOENT;

	for (int i = 0; i < BROKER_TICKETS_MAX && r == -ENOENT; i++) {
		struct dmabuffs_accel_open arg = {.id = id, .access = (uint32_t)access};
		const struct broker_question question = {
			.op = DMABUFFS_BROKER_FETCH,
			.ticket = arg.ticket,
		};

		r = accel_import_get_ticket(context, &arg);
		if (r < 0)
			return r;
		r = broker_ask(instance, &question, ret_fd);
	}
	return r;
}

_public_ int dmabuffs_accel_buffer_fd(struct dmabuffs *instance, int context,
				      uint32_t buffer, int *ret_fd)
{
	int r = accel_fetch(instance, context, buffer, O_RDWR, ret_fd);

	return r == -EACCES ? accel_fetch(instance, context, buffer, O_RDONLY, ret_fd)
			    : r;
}

_public_ int dmabuffs_accel_export_asid(int context, uint32_t asid,
					const struct dmabuffs_export_options *options,
					dmabuffs_uuid *ret_uuid)
{
	struct dmabuffs_accel_export arg = {.asid = asid};
	int r = export_read_options(options, &arg.flags, &arg.mode, arg.label);

	if (r < 0)
		return r;
	r = dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_ASID_EXPORT, &arg);
	if (r < 0)
		return r;

	memcpy(ret_uuid->bytes, arg.uuid, sizeof(ret_uuid->bytes));
	return 0;
}

/* ---- the address space of this process --------------------------------------------- */

static int accel_import_bind_by_two_tickets(struct dmabuffs *instance, int context,
					    int mem, int maps,
					    struct dmabuffs_accel_sva *arg)
{
	_cleanup_connection_ struct broker_connection connection = {.fd = -1};
	int r = broker_get(instance, &connection);

	if (r >= 0)
		r = broker_deposit(&connection, mem, arg->mem_ticket);
	if (r >= 0)
		r = broker_deposit(&connection, maps, arg->maps_ticket);
	if (r < 0)
		return r;
	arg->flags |= DMABUFFS_ACCEL_TICKET;
	arg->mem = arg->maps = -1;
	return dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_ASID_SVA, arg);
}

/*
 * Both again, if one was lost: -ENOENT as of an import (or there is no such set);
 * -ECONNRESET: the first one, with the connection of both.
 */
static int accel_import_bind_by_tickets(struct dmabuffs *instance, int context,
					struct dmabuffs_accel_sva *arg)
{
	int mem = arg->mem, maps = arg->maps, r = -ENOENT;

	for (int i = 0; i < BROKER_TICKETS_MAX && (r == -ENOENT || r == -ECONNRESET); i++)
		r = accel_import_bind_by_two_tickets(instance, context, mem, maps, arg);
	return r;
}

_public_ int dmabuffs_accel_bind_self(struct dmabuffs *instance, int context,
				      uint32_t flags, uint32_t set, uint32_t *ret_asid)
{
	_cleanup_close_ int mem = -1;
	_cleanup_close_ int maps = -1;
	struct dmabuffs_accel_sva arg;
	int r;

	if (flags & DMABUFFS_ACCEL_TICKET)
		return -EINVAL;
	mem = (int)SYSCALL(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
	if (mem < 0)
		return mem;
	maps = (int)SYSCALL(open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
	if (maps < 0)
		return maps;
	arg = (struct dmabuffs_accel_sva){
		.flags = flags, .mem = mem, .maps = maps, .set = set};
	r = dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_ASID_SVA, &arg);
	if (r == -EREMOTE)
		r = accel_import_bind_by_tickets(instance, context, &arg);
	if (r < 0)
		return r;

	*ret_asid = arg.id;
	return 0;
}
