/* SPDX-License-Identifier: MIT */
/* loops.c - ordinary calls without a pause, of clients that are killed at any step */
#include <fcntl.h>
#include <sys/mman.h>

#include "../harness.h"
#include "attacks.h"

void attack_export_loop(int peer, void *data)
{
	const struct scene *scene = data;
	int root = ASSERT_OK(raw_root(scene->instance));
	int fd = raw_memfd(PAGE);
	uint8_t uuid[16];

	peer_signal(peer);
	for (;;) {
		ASSERT_OK(raw_export_fd(root, fd, 0, 0, uuid));
		ASSERT_OK(raw_remove(scene->instance, root, uuid));
	}
}

void attack_revoke_loop(int peer, void *data)
{
	const struct scene *scene = data;
	int root = ASSERT_OK(raw_root(scene->instance));
	uint8_t uuid[16];

	peer_signal(peer);
	for (;;) {
		int fd = raw_memfd(PAGE);

		ASSERT_OK(raw_export_fd(root, fd, 0, 0, uuid));
		ASSERT_OK(raw_revoke(root, uuid));
		close(fd);
	}
}

void attack_root_loop(int peer, void *data)
{
	const struct scene *scene = data;
	uint8_t uuid[16];
	int fd = raw_memfd(PAGE);

	peer_signal(peer);
	for (;;) {
		int root = ASSERT_OK(raw_root(scene->instance));

		ASSERT_OK(raw_export_fd(root, fd, 0, 0, uuid));
		close(root);
		ASSERT_OK(raw_count(scene->instance));
	}
}

void attack_open_loop(int peer, void *data)
{
	const struct scene *scene = data;
	struct dmabuffs_info info;
	void *address;

	peer_signal(peer);
	for (;;) {
		int fd = ASSERT_OK(raw_open(scene->instance, scene->good.uuid, O_RDWR));

		ASSERT_OK(raw_map(fd, PAGE, PROT_READ, &address));
		ASSERT_OK(raw_info(fd, &info));
		close(fd);
		munmap(address, PAGE);
	}
}

void attack_exchange_loop(int peer, void *data)
{
	const struct scene *scene = data;

	peer_signal(peer);
	for (;;) {
		int connection = ASSERT_OK(raw_connect(scene->instance));
		int fd = ASSERT_OK(raw_open(scene->instance, scene->good.uuid, O_RDWR));

		for (int i = 0; i < 5; i++)
			close(ASSERT_OK(raw_exchange(connection, fd)));
		close(fd);
		close(connection);
	}
}

void attack_read_loop(int peer, void *data)
{
	const struct scene *scene = data;
	uint8_t bytes[PAGE];

	peer_signal(peer);
	for (;;) {
		int fd = ASSERT_OK(raw_open(scene->instance, scene->good.uuid, O_RDWR));

		ASSERT_EQ(pread(fd, bytes, sizeof(bytes), 0), (ssize_t)sizeof(bytes));
		ASSERT_EQ(pwrite(fd, bytes, sizeof(bytes), 0), (ssize_t)sizeof(bytes));
		close(fd);
	}
}

void attack_ticket_loop(int peer, void *data)
{
	const struct scene *scene = data;
	int root = ASSERT_OK(raw_root(scene->instance));
	int connection = ASSERT_OK(raw_connect(scene->instance));
	struct dmabuffs_export request;

	peer_signal(peer);
	for (;;) {
		int fd = raw_memfd(PAGE);

		raw_request(&request, -1);
		request.flags = DMABUFFS_EXPORT_TICKET;
		ASSERT_OK(raw_ticket(connection, fd, request.ticket));
		ASSERT_OK(raw_export(root, &request));
		ASSERT_OK(raw_remove(scene->instance, root, request.uuid));
		close(fd);
	}
}
