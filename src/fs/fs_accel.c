/* SPDX-License-Identifier: MIT */
/* fs_accel.c - the directory .accel, and contexts as open files */

#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "base/log.h"
#include "devices/device_file.h"
#include "fs/fs.h"
#include "fs/fs_user.h"
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

void fs_accel_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct service *service = service_of(req);
	struct accel_device *device = devices_by_ino(&service->devices, ino);
	struct payer payer;
	struct device_file *file;
	int r = user_payer(req, &payer);

	if (!device)
		r = -ENXIO;
	else if ((fi->flags & O_ACCMODE) != O_RDWR)
		r = -EACCES;
	if (r == 0)
		r = device_file_open(&service->devices, device, &payer, &file);
	if (r < 0) {
		log_info("cannot open device for pid %d uid %u: %s",
			 fuse_req_ctx(req)->pid, user_uid(req), strerror(-r));
		reply_error(req, r);
		return;
	}
	fi->fh = (uintptr_t)file;
	fi->direct_io = 1;
	fi->nonseekable = 1;
	fi->noflush = 1;
	if (fuse_reply_open(req, fi) < 0)
		device_file_close(file);
}

void fs_accel_release(fuse_req_t req, struct fuse_file_info *fi)
{
	device_file_close((struct device_file *)(uintptr_t)fi->fh);
	reply_error(req, 0);
}

/* Never blocks: a client could keep a blocked request for any time. */
void fs_accel_read(fuse_req_t req, size_t size, struct fuse_file_info *fi)
{
	struct device_file *file = (struct device_file *)(uintptr_t)fi->fh;
	struct accel_event events[ACCEL_EVENTS_MAX]; /* all that a context keeps */
	size_t n = MIN(size / sizeof(events[0]), ARRAY_SIZE(events));

	if (!n) {
		reply_error(req, -EINVAL);
		return;
	}
	n = accel_events_read(file->context, events, n);
	if (n)
		fuse_reply_buf(req, (const char *)events, n * sizeof(events[0]));
	else
		reply_error(req, -EAGAIN);
}

void fs_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
	     struct fuse_pollhandle *poll)
{
	struct device_file *file = (struct device_file *)(uintptr_t)fi->fh;

	if (!devices_by_ino(&service_of(req)->devices, ino)) {
		if (poll)
			fuse_pollhandle_destroy(poll);
		/* Not ENOSYS: nobody could wait for the end of the service any more. */
		fuse_reply_poll(req, POLLIN | POLLOUT);
		return;
	}
	/* Registered before the check, so that an event in between is not missed. */
	if (poll)
		device_file_set_poll(file, poll);
	fuse_reply_poll(req, accel_events_pending(file->context) ? POLLIN : 0);
}
