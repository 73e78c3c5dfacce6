/* SPDX-License-Identifier: MIT */
/*
 * device_room.c - calls that find no room while contexts of their person are closed
 *
 * They wait for that (flushed.h) in a thread each, which is charged to the user, and are
 * made again.
 */
#include "devices/flushed.h"
#include "fs/fs_ioctl.h"
#include "fs/fs_user.h"
#include "util.h"

/* A release takes milliseconds; longer is one that does not come. */
#define RELEASE_MS 4000

bool device_room_is_short(int result)
{
	return result == -EDQUOT || result == -ENOSPC || result == -EBUSY;
}

int device_room_retry(struct flushed *flushed, uid_t person, int (*take)(void *arg),
		      void *arg)
{
	struct flush_wait wait;
	int r;

	flushed_begin_wait(flushed, person, RELEASE_MS, &wait);
	do
		r = take(arg);
	while (device_room_is_short(r) && flushed_wait(flushed, &wait));
	flushed_end_wait(flushed, &wait);
	return r;
}

static int device_room_take(void *arg)
{
	struct command_call *call = arg;

	return call->room.take(call);
}

static void device_room_end(struct command_call *call, int result)
{
	if (call->room.end)
		call->room.end(call, result);
}

static void device_room_work(void *arg)
{
	struct command_call *call = arg;
	int r = device_room_retry(&call->service->devices.flushed,
				  call->file->flush.person, device_room_take, call);

	device_room_end(call, r);
	command_reply(call, r);
}

static int device_room_offload(struct command_call *call)
{
	struct payer payer;
	int r = user_payer(call->req, &payer);

	return r < 0 ? r : command_offload(call, &payer, device_room_work);
}

int device_room_call(struct command_call *call, int (*take)(struct command_call *call),
		     void (*end)(struct command_call *call, int result))
{
	bool may_come = flushed_any(&call->service->devices.flushed);
	int r = take(call);

	call->room.take = take;
	call->room.end = end;
	if (may_come && device_room_is_short(r) &&
	    device_room_offload(call) == COMMAND_PENDING)
		return COMMAND_PENDING;
	device_room_end(call, r);
	return r;
}
