/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../support/fd-message.h"

int client_open_root(const char *mount_point)
{
	int fd = open(mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int client_export(int root, int fd, uint32_t flags, struct client_uuid *ret_uuid,
		  uint64_t *ret_bytes)
{
	struct dmabuffs_export export = {
		.size = sizeof(export),
		.flags = flags | DMABUFFS_EXPORT_MODE,
		.fd = fd,
		.mode = 0666,
	};

	if (ioctl(root, DMABUFFS_IOC_EXPORT, &export) < 0)
		return -errno;
	memcpy(ret_uuid->bytes, export.uuid, sizeof(ret_uuid->bytes));
	*ret_bytes = export.bytes;
	return 0;
}

/* 8-4-4-4-12 lower-case digits: a dash precedes the bytes 4, 6, 8 and 10. */
static void format_uuid(const struct client_uuid *uuid, char text[37])
{
	unsigned int i;

	for (i = 0; i < sizeof(uuid->bytes); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*text++ = '-';
		text += sprintf(text, "%02x", uuid->bytes[i]);
	}
}

int client_open(int root, const struct client_uuid *uuid, int access)
{
	char name[37];
	int fd;

	format_uuid(uuid, name);
	fd = openat(root, name, access | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int client_info(int file, struct dmabuffs_info *ret_info)
{
	struct dmabuffs_info info = {.size = sizeof(info)};

	if (ioctl(file, DMABUFFS_IOC_INFO, &info) < 0)
		return -errno;
	*ret_info = info;
	return 0;
}

int client_connect(const char *mount_point)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, r;

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", mount_point,
		 DMABUFFS_BROKER_NAME);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static int send_request(int broker, int file)
{
	struct dmabuffs_broker_request request = {
		.size = sizeof(request),
		.op = DMABUFFS_BROKER_EXCHANGE,
	};

	return send_fds(broker, &request, sizeof(request), &file, 1);
}

/* Returns the descriptor, or -ENOMSG for a reply without one. */
static int receive_reply(int broker, struct dmabuffs_broker_reply *reply)
{
	size_t n_fds;
	int fd = -1, n = receive_fds(broker, reply, sizeof(*reply), &fd, 1, &n_fds);

	if (n < 0)
		return n;
	if ((size_t)n != sizeof(*reply))
		return -EPROTO;
	return n_fds == 1 ? fd : -ENOMSG;
}

int client_exchange(int broker, int file, struct dmabuffs_broker_reply *ret_reply)
{
	struct dmabuffs_broker_reply reply = {0};
	int r, fd;

	r = send_request(broker, file);
	if (r < 0)
		return r;
	fd = receive_reply(broker, &reply);
	if (fd >= 0 && reply.error == 0) {
		*ret_reply = reply;
		return fd;
	}
	/* A refusal must not carry a descriptor. */
	if (fd >= 0) {
		close(fd);
		return -EPROTO;
	}
	return fd == -ENOMSG && reply.error < 0 ? reply.error : fd;
}
