/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "broker-client.h"
#include "fd_identity.h"
#include "fixture.h"

#define MAX_FDS 253

void client_init(struct broker *broker, struct tickets *tickets)
{
	int memfd = new_memfd(1);
	uint64_t ino;

	*broker = (struct broker){
		.table = &fixture_table,
		.limits = &fixture_limits,
		.tickets = tickets,
	};
	tickets_init(tickets, &fixture_limits);
	/*
	 * The file system of memfds is that of the buffers; the mount must be another
	 * one.
	 */
	close(memfd);
	memfd = open("/tmp", O_PATH | O_CLOEXEC);
	cr_assert(zero(int, fd_identity(memfd, &broker->mount_dev, &ino)));
	close(memfd);
}

int client_open_name(struct broker *broker, int access, struct export **ret_export)
{
	char path[] = "/tmp/dmabuffs-test-XXXXXX";
	int created = mkstemp(path), fd = open(path, access | O_CLOEXEC);
	uint64_t dev, ino;

	unlink(path);
	close(created);
	cr_assert(zero(int, fd_identity(fd, &dev, &ino)));
	cr_assert(eq(u64, dev, broker->mount_dev));
	fixture_table.next_id = ino;
	*ret_export = fixture_add(UID_A, 0);
	cr_assert(eq(u64, (*ret_export)->id, ino));
	cr_assert(table_open(&fixture_table, *ret_export));
	return fd;
}

void client_close_name(struct broker *broker, int fd, struct export *export)
{
	close(fd);
	table_close(broker->table, export);
	table_unname(broker->table, export);
	table_put(broker->table, export);
}

int client_send(int socket, const void *data, size_t size, int fd, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec iov = {(void *)data, size};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
	int fds[MAX_FDS];

	for (size_t i = 0; i < n_fds; i++)
		fds[i] = fd;
	if (n_fds) {
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, n_fds * sizeof(int));
	}
	return sendmsg(socket, &header, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int client_request(int socket, unsigned op, int fd)
{
	const struct dmabuffs_broker_request request = {.size = sizeof(request),
							.op = op};

	return client_send(socket, &request, sizeof(request), fd, 1);
}

int client_receive(int socket, struct dmabuffs_broker_reply *ret_reply, int *ret_fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} control;
	struct iovec iov = {ret_reply, sizeof(*ret_reply)};
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	ssize_t n = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);

	if (n <= 0)
		return n < 0 ? -errno : -EPIPE;
	cr_assert(eq(long, n, sizeof(*ret_reply)));
	cr_assert(eq(u32, ret_reply->size, sizeof(*ret_reply)));
	cr_assert(zero(int, header.msg_flags &(MSG_TRUNC | MSG_CTRUNC)));
	*ret_fd = -1;
	cmsg = CMSG_FIRSTHDR(&header);
	if (cmsg) {
		cr_assert(eq(sz, cmsg->cmsg_len, CMSG_LEN(sizeof(int))),
			  "one descriptor");
		memcpy(ret_fd, CMSG_DATA(cmsg), sizeof(*ret_fd));
	}
	return 0;
}
