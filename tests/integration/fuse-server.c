/* SPDX-License-Identifier: MIT */
/* fuse-server.c - a minimal FUSE server on the raw protocol, for one open file */
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "child.h"
#include "fuse-server.h"
#include "harness.h"

#define FILE_INO 2

/* The kernel requires a read buffer for its largest request. */
#define REQUEST_SIZE (FUSE_MIN_READ_BUFFER + (1 << 20))

static void answer(int fuse, const struct fuse_in_header *in, int error, const void *body,
		   size_t size)
{
	struct {
		struct fuse_out_header header;
		uint8_t body[200];
	} out = {.header = {.unique = in->unique, .error = -error}};

	out.header.len = (uint32_t)(sizeof(out.header) + size);
	if (size)
		memcpy(out.body, body, size);
	/* The write fails if the requesting process has died meanwhile. */
	if (write(fuse, &out, out.header.len) < 0)
		ASSERT(errno == ENOENT);
}

static struct fuse_attr attributes(uint64_t ino)
{
	bool file = ino == FILE_INO;

	return (struct fuse_attr){.ino = ino,
				  .size = file ? 4096 : 0,
				  .mode = file ? S_IFREG | 0666 : S_IFDIR | 0755,
				  .nlink = 1};
}

static void answer_init(int fuse, const struct fuse_in_header *in)
{
	const struct fuse_init_in *init = (const void *)(in + 1);
	struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
				    .minor = MIN(init->minor, FUSE_KERNEL_MINOR_VERSION),
				    .max_readahead = init->max_readahead,
				    .max_write = 4096};

	answer(fuse, in, 0, &out, sizeof(out));
}

static void answer_request(int fuse, const struct fuse_in_header *in)
{
	struct fuse_entry_out entry = {.nodeid = FILE_INO, .attr = attributes(FILE_INO)};
	struct fuse_attr_out attr = {.attr = attributes(in->nodeid)};
	/*
	 * Without FOPEN_KEEP_CACHE, open(2) would invalidate the cache and wait for pages
	 * other processes wait for.
	 */
	struct fuse_open_out open = {.fh = 1, .open_flags = FOPEN_KEEP_CACHE};

	switch (in->opcode) {
	case FUSE_INIT:
		return answer_init(fuse, in);
	case FUSE_LOOKUP:
		return answer(fuse, in, 0, &entry, sizeof(entry));
	case FUSE_GETATTR:
		return answer(fuse, in, 0, &attr, sizeof(attr));
	case FUSE_OPEN:
		return answer(fuse, in, 0, &open, sizeof(open));
	case FUSE_RELEASE:
		return answer(fuse, in, 0, NULL, 0);
	case FUSE_FLUSH:
	case FUSE_READ:
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return;
	default:
		return answer(fuse, in, ENOSYS, NULL, 0);
	}
}

static void serve(int fuse, int peer)
{
	static union {
		struct fuse_in_header header;
		uint8_t bytes[REQUEST_SIZE];
	} request;
	bool mute = false;

	for (;;) {
		struct pollfd fds[2] = {{fuse, POLLIN, 0}, {mute ? -1 : peer, POLLIN, 0}};
		ssize_t n;

		ASSERT_OK(SYS(poll(fds, 2, -1)));
		if (fds[1].revents) {
			peer_wait(peer);
			mute = true;
			peer_signal(peer);
		}
		if (!fds[0].revents)
			continue;
		n = read(fuse, &request, sizeof(request));
		ASSERT(n > 0 || errno == EAGAIN || errno == ENOENT || errno == EINTR);
		if (n > 0 && !mute)
			answer_request(fuse, &request.header);
	}
}

void fuse_server_run(int peer, void *dir)
{
	int fuse = ASSERT_OK(SYS(open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK)));
	char options[100];

	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fuse);
	ASSERT_OK(SYS(mount("test", dir, "fuse.test", MS_NOSUID | MS_NODEV, options)));
	peer_signal(peer);
	serve(fuse, peer);
}
