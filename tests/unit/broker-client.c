/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "../support/fd-message.h"
#include "broker-client.h"
#include "fd_identity.h"
#include "fixture.h"

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
	atomic_store(&fixture_ledger()->header->next_id, ino);
	*ret_export = fixture_add(UID_A, 0);
	cr_assert(eq(u64, (*ret_export)->id, ino));
	cr_assert(table_open(&fixture_table, *ret_export));
	return fd;
}

void client_close_name(struct broker *broker, int fd, struct export *export)
{
	close(fd);
	table_close(broker->table, export);
	table_unname(broker->table, export, DMABUFFS_ENDED_UNLINKED);
	table_put(broker->table, export);
}

int client_send(int socket, const void *data, size_t size, int fd, size_t n_fds)
{
	int n = send_fd_copies(socket, data, size, fd, n_fds);

	return n < 0 ? n : 0;
}

int client_request(int socket, unsigned op, int fd)
{
	const struct dmabuffs_broker_request request = {.size = sizeof(request),
							.op = op};

	return client_send(socket, &request, sizeof(request), fd, 1);
}

int client_receive(int socket, struct dmabuffs_broker_reply *ret_reply, int *ret_fd)
{
	size_t n_fds;
	int fd = -1,
	    n = receive_fds(socket, ret_reply, sizeof(*ret_reply), &fd, 1, &n_fds);

	if (n == 0)
		return -EPIPE;
	cr_assert(ne(int, n, -EMSGSIZE), "more than one descriptor, or bytes");
	if (n < 0)
		return n;
	cr_assert(eq(int, n, sizeof(*ret_reply)));
	cr_assert(eq(u32, ret_reply->size, sizeof(*ret_reply)));
	*ret_fd = fd;
	return 0;
}
