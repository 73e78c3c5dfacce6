/* SPDX-License-Identifier: MIT */
/* client.c - system calls of a client, without a library */
#include "client.h"

#include <dmabuffs-broker.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <uuid.h>

#include "../support/fd-message.h"

#define PAGE 4096

struct dmabuffs_export client_prepare_export(int fd, unsigned int mode)
{
	return (struct dmabuffs_export){
		.size = sizeof(struct dmabuffs_export),
		.flags = DMABUFFS_EXPORT_MODE,
		.fd = fd,
		.mode = mode,
	};
}

/* As libdmabuffs does: a frozen memfd saves the service a thread. */
static void freeze(int fd)
{
	fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL);
	fchmod(fd, 0700);
}

int client_export(int root, struct dmabuffs_export *argument)
{
	freeze(argument->fd);
	return ioctl(root, DMABUFFS_IOC_EXPORT, argument) < 0 ? -errno : 0;
}

int client_open(int root, const uint8_t uuid[DMABUFFS_UUID_SIZE], int *ret_fd)
{
	char name[UUID_STR_LEN];
	int fd;

	uuid_unparse_lower(uuid, name);
	fd = openat(root, name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int client_unlink(int root, const uint8_t uuid[DMABUFFS_UUID_SIZE])
{
	char name[UUID_STR_LEN];

	uuid_unparse_lower(uuid, name);
	return unlinkat(root, name, 0) < 0 ? -errno : 0;
}

int client_touch(int root, const char *name)
{
	int fd = openat(root, name, O_RDWR | O_CLOEXEC), r = 0;
	void *page;

	if (fd < 0)
		return -errno;
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		r = -errno;
	else
		(void)munmap(page, PAGE);
	close_keep_errno(fd);
	return r;
}

int client_connect_broker(const char *mount, int *ret_socket)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", mount,
		     DMABUFFS_BROKER_NAME) >= (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		close_keep_errno(fd);
		return -errno;
	}
	*ret_socket = fd;
	return 0;
}

int client_exchange(int socket, int opened, int *ret_fd)
{
	const struct dmabuffs_broker_request request = {
		.size = sizeof(request),
		.op = DMABUFFS_BROKER_EXCHANGE,
	};
	struct dmabuffs_broker_reply reply;
	int r = client_send_fd(socket, &request, sizeof(request), opened), fd = -1;

	if (r >= 0)
		r = client_receive_fd(socket, &reply, sizeof(reply), &fd);
	if (r < 0)
		return r;
	if (reply.error < 0 || fd < 0) {
		close_keep_errno(fd);
		return reply.error < 0 ? reply.error : -EPROTO;
	}
	*ret_fd = fd;
	return 0;
}

/* Room for one descriptor, aligned as the kernel requires. */
int client_send_fd(int socket, const void *message, size_t size, int fd)
{
	int n = send_fds(socket, message, size, &fd, 1);

	return n < 0 ? n : 0;
}

int client_receive_fd(int socket, void *message, size_t size, int *ret_fd)
{
	size_t n_fds;
	int fd = -1, n = receive_fds(socket, message, size, &fd, 1, &n_fds);

	if (n < 0)
		return n;
	if ((size_t)n != size) {
		close_keep_errno(fd);
		return n == 0 ? -ECONNRESET : -EPROTO;
	}
	*ret_fd = fd;
	return 0;
}
