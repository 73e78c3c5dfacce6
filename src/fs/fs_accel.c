/* SPDX-License-Identifier: MIT */
/* fs_accel.c - the directory .accel, and contexts as open files */

#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "base/log.h"
#include "base/offload.h"
#include "base/request.h"
#include "devices/device_file.h"
#include "fs/fs_ioctl.h"
#include "fs/fs_user.h"
#include "store/poison.h"
#include "crash_point.h"
#include "util.h"

bool fs_is_accel(uint64_t ino)
{
	return ino >= INO_ACCEL && ino < INO_FIRST_DEVICE + DEVICES_MAX;
}

void fs_accel_list(const struct devices *devices, struct listing *listing, off_t offset)
{
	struct accel_device_info info = {.size = sizeof(info)};
	bool fits = true;

	for (size_t i = (size_t)offset - 2; fits && i < devices->n; i++) {
		accel_device_query(devices->list[i], &info);
		fits = listing_add(listing, info.name, INO_FIRST_DEVICE + i, S_IFREG,
				   i + 3);
	}
}

/* ---- contexts ---------------------------------------------------------------------- */

/* One request. */
struct accel_opening {
	fuse_req_t req;
	struct devices *devices;
	struct accel_device *device;
	struct payer payer;
	uint64_t unique; /* for request_set(), of another thread */
	struct fuse_file_info fi;
	struct device_file *file; /* valid on success */
};

static int fs_accel_try_open(void *arg)
{
	struct accel_opening *opening = arg;

	return device_file_open(opening->devices, opening->device, &opening->payer,
				&opening->file);
}

static void fs_accel_reply_open(struct accel_opening *opening, int result)
{
	struct fuse_file_info *fi = &opening->fi;
	fuse_req_t req = opening->req;
	uint32_t slot;

	if (result < 0) {
		log_info("cannot open device for pid %d uid %u: %s",
			 fuse_req_ctx(req)->pid, user_uid(req), strerror(-result));
		reply_error(req, result);
		return;
	}
	slot = opening->file->slot; /* the client can close it at once */
	fi->fh = opening->file->handle;
	fi->direct_io = 1;
	fi->nonseekable = 1;
	if (fuse_reply_open(req, fi) < 0)
		device_file_close(opening->file);
	CRASH_POINT("accel-replied");
	ledger_replied(opening->devices->state->ledger, LEDGER_ACCEL, slot,
		       request_unique());
}

static void fs_accel_open_work(void *arg)
{
	struct accel_opening *opening = arg;
	struct devices *devices = opening->devices;
	uid_t person = limits_process_person(devices->limits, &opening->payer);

	request_set(opening->unique);
	fs_accel_reply_open(opening, device_room_retry(&devices->flushed, person,
						       fs_accel_try_open, opening));
	if (request_is_resent())
		poison_end(devices->state->ledger, request_unique());
	request_set(0);
	free(opening);
}

/* False: it cannot. */
static bool fs_accel_open_later(const struct accel_opening *opening)
{
	struct accel_opening *own = malloc(sizeof(*own));
	struct offload *offload;
	int r = -ENOMEM;

	if (own) {
		*own = *opening;
		r = offload_reserve(own->devices->limits, &own->payer, &offload);
	}
	if (r == 0)
		r = offload_start(offload, fs_accel_open_work, own);
	if (r < 0)
		free(own);
	else
		request_hand_over();
	return r == 0;
}

static void fs_accel_open_device(struct accel_opening *opening)
{
	bool may_come = flushed_any(&opening->devices->flushed);
	int r = fs_accel_try_open(opening);

	if (may_come && device_room_is_short(r) && fs_accel_open_later(opening))
		return;
	fs_accel_reply_open(opening, r);
}

/* By a predecessor, which did not reply. */
static bool fs_accel_was_opened(struct accel_opening *opening)
{
	if (request_is_resent())
		opening->file = device_file_find_made(opening->devices, request_unique());
	return opening->file;
}

void fs_accel_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct service *service = service_of(req);
	struct accel_opening opening = {
		.req = req,
		.devices = &service->devices,
		.device = devices_by_ino(&service->devices, ino),
		.unique = request_get(),
		.fi = *fi,
	};
	int r = user_payer(req, &opening.payer);

	if (fs_accel_was_opened(&opening)) {
		fs_accel_reply_open(&opening, 0);
		return;
	}
	if (!opening.device)
		r = -ENXIO;
	else if ((fi->flags & O_ACCMODE) != O_RDWR)
		r = -EACCES;
	if (r < 0)
		fs_accel_reply_open(&opening, r);
	else
		fs_accel_open_device(&opening);
}

static struct device_file *fs_accel_file(fuse_req_t req, const struct fuse_file_info *fi)
{
	return device_file_find(&service_of(req)->devices, fi->fh);
}

/* Only a context is opened without noflush. */
void fs_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct device_file *file = fs_is_accel(ino) ? fs_accel_file(req, fi) : NULL;

	if (file)
		device_file_flush(file);
	reply_error(req, 0);
}

void fs_accel_release(fuse_req_t req, struct fuse_file_info *fi)
{
	struct device_file *file = fs_accel_file(req, fi);

	if (file)
		device_file_close(file);
	reply_error(req, 0);
}

static void fs_accel_read_file(fuse_req_t req, size_t size, struct device_file *file)
{
	struct accel_event events[ACCEL_EVENTS_MAX]; /* all that a context keeps */
	size_t n = MIN(size / sizeof(events[0]), ARRAY_SIZE(events));

	if (!n) {
		reply_error(req, -EINVAL);
		return;
	}
	device_file_use(file);
	n = accel_events_read(file->context, events, n);
	if (n)
		fuse_reply_buf(req, (const char *)events, n * sizeof(events[0]));
	else
		reply_error(req, -EAGAIN);
}

/* Never blocks: a client could keep a blocked request for any time. */
void fs_accel_read(fuse_req_t req, size_t size, struct fuse_file_info *fi)
{
	struct device_file *file = fs_accel_file(req, fi);

	if (file)
		fs_accel_read_file(req, size, file);
	else
		reply_error(req, -EOWNERDEAD);
}

static void fs_accel_poll(fuse_req_t req, struct device_file *file,
			  struct fuse_pollhandle *poll)
{
	device_file_use(file);
	/* Registered before the check, so that an event in between is not missed. */
	if (poll)
		device_file_set_poll(file, poll);
	fuse_reply_poll(req, accel_events_pending(file->context) ? POLLIN : 0);
}

void fs_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
	     struct fuse_pollhandle *poll)
{
	bool is_context = devices_by_ino(&service_of(req)->devices, ino);
	struct device_file *file = is_context ? fs_accel_file(req, fi) : NULL;

	if (file) {
		fs_accel_poll(req, file, poll);
		return;
	}
	if (poll)
		fuse_pollhandle_destroy(poll);
	/* Not ENOSYS: nobody could wait for the end of the service any more. */
	fuse_reply_poll(req, is_context ? POLLERR : POLLIN | POLLOUT);
}
