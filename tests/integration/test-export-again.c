/* SPDX-License-Identifier: MIT */
/* test-export-again.c - repeated exports of one buffer, and tickets */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "child.h"
#include "harness.h"
#include "raw.h"

static bool same(const uint8_t a[16], const uint8_t b[16])
{
	return memcmp(a, b, 16) == 0;
}

static void same_root(struct instance *instance)
{
	struct shared shared;
	uint8_t uuid[16];
	char path[64];
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_OK(raw_export_fd(shared.root, shared.fd, 0, 0, uuid));
	ASSERT(same(uuid, shared.uuid));
	/* Duplicates and other descriptions of the buffer are the same buffer. */
	fd = ASSERT_OK(SYS(dup(shared.fd)));
	ASSERT_OK(raw_export_fd(shared.root, fd, 0, 0, uuid));
	ASSERT(same(uuid, shared.uuid));
	close(fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", shared.fd);
	fd = ASSERT_OK(SYS(open(path, O_RDWR)));
	ASSERT_OK(raw_export_fd(shared.root, fd, 0, 0, uuid));
	ASSERT(same(uuid, shared.uuid));
	close(fd);
	/* Duplicates of the root descriptor are the same root. */
	fd = ASSERT_OK(SYS(dup(shared.root)));
	ASSERT_OK(raw_export_fd(fd, shared.fd, 0, 0, uuid));
	ASSERT(same(uuid, shared.uuid));
	close(fd);
	ASSERT_EQ(raw_count(instance), 1);
	unshare_buffer(&shared);
}

static void another_root(struct instance *instance)
{
	struct shared first, second;

	share(&first, instance, PAGE, 0, 0);
	share_fd(&second, instance, first.fd, DMABUFFS_EXPORT_MODE, 0644);
	ASSERT(!same(first.uuid, second.uuid));
	ASSERT_EQ(raw_count(instance), 2);
	ASSERT_OK(raw_unlink(instance, first.uuid));
	ASSERT_OK(raw_exists(instance, second.uuid));
	close(second.root);
	close(first.root);
	close(first.fd);
}

static void other_terms(struct instance *instance)
{
	struct dmabuffs_export request;
	struct shared shared;
	uint8_t uuid[16] = {0};

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_MODE, 0640);
	ASSERT_ERR(raw_export_fd(shared.root, shared.fd, 0, 0, uuid), EEXIST);
	ASSERT_ERR(
		raw_export_fd(shared.root, shared.fd, DMABUFFS_EXPORT_MODE, 0644, uuid),
		EEXIST);
	ASSERT_ERR(raw_export_fd(shared.root, shared.fd,
				 DMABUFFS_EXPORT_MODE | DMABUFFS_EXPORT_PERSIST, 0640,
				 uuid),
		   EEXIST);
	ASSERT_ERR(raw_export_fd(shared.root, shared.fd,
				 DMABUFFS_EXPORT_MODE | DMABUFFS_EXPORT_READONLY, 0640,
				 uuid),
		   EEXIST);
	raw_request(&request, shared.fd);
	request.flags = DMABUFFS_EXPORT_MODE;
	request.mode = 0640;
	strcpy((char *)request.label, "other");
	ASSERT_ERR(raw_export(shared.root, &request), EEXIST);
	ASSERT_EQ(raw_count(instance), 1);
	ASSERT_OK(
		raw_export_fd(shared.root, shared.fd, DMABUFFS_EXPORT_MODE, 0640, uuid));
	ASSERT(same(uuid, shared.uuid));
	unshare_buffer(&shared);
}

static void after_unlink(struct instance *instance)
{
	struct shared shared;
	uint8_t uuid[16];

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_OK(raw_unlink(instance, shared.uuid));
	/* The new export may also differ in flags and mode. */
	ASSERT_OK(
		raw_export_fd(shared.root, shared.fd, DMABUFFS_EXPORT_MODE, 0644, uuid));
	ASSERT(!same(uuid, shared.uuid));
	ASSERT_ERR(raw_exists(instance, shared.uuid), ENOENT);
	memcpy(shared.uuid, uuid, sizeof(uuid));
	unshare_buffer(&shared);
}

static void freed_buffer(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance));
	uint8_t uuids[20][16];

	/* A new buffer with a reused inode number is not the old buffer. */
	for (int i = 0; i < 20; i++) {
		int fd = raw_memfd(PAGE);

		ASSERT_OK(raw_export_fd(root, fd, 0, 0, uuids[i]));
		close(fd);
		ASSERT_OK(raw_unlink(instance, uuids[i]));
		for (int j = 0; j < i; j++)
			ASSERT(!same(uuids[i], uuids[j]));
	}
	close(root);
}

static int ticket_export(int root, const uint8_t ticket[16],
			 struct dmabuffs_export *request)
{
	raw_request(request, -1);
	request->flags = DMABUFFS_EXPORT_TICKET;
	memcpy(request->ticket, ticket, sizeof(request->ticket));
	return raw_export(root, request);
}

static void by_ticket(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance));
	int connection = ASSERT_OK(raw_connect(instance));
	struct dmabuffs_export request;
	uint8_t ticket[16], zero[16] = {0}, byte;
	int fd = raw_memfd(2 * PAGE);

	ASSERT_OK(raw_ticket(connection, fd, ticket));
	ASSERT(!same(ticket, zero));
	close(fd);
	ASSERT_OK(ticket_export(root, ticket, &request));
	ASSERT_EQ(request.bytes, 2 * PAGE);
	fd = ASSERT_OK(raw_open(instance, request.uuid, O_RDWR));
	ASSERT_EQ(pread(fd, &byte, 1, 5000), 1);
	ASSERT_EQ(byte, pattern(5000));
	close(fd);
	/* The ticket is used up. The name remains without the connection. */
	ASSERT_ERR(ticket_export(root, ticket, &request), ENOENT);
	close(connection);
	ASSERT_EQ(raw_count(instance), 1);
	close(root);
}

static void same_by_ticket(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	struct dmabuffs_export request;
	struct shared shared;
	uint8_t ticket[16];

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_OK(raw_ticket(connection, shared.fd, ticket));
	ASSERT_OK(ticket_export(shared.root, ticket, &request));
	ASSERT(same(request.uuid, shared.uuid));
	close(connection);
	unshare_buffer(&shared);
}

static void unknown_ticket(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance));
	struct dmabuffs_export request;
	uint8_t ticket[16] = {1, 2, 3};

	ASSERT_ERR(ticket_export(root, ticket, &request), ENOENT);
	memset(ticket, 0, sizeof(ticket));
	ASSERT_ERR(ticket_export(root, ticket, &request), ENOENT);
	close(root);
}

static void ticket_fields(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance));
	int connection = ASSERT_OK(raw_connect(instance));
	struct dmabuffs_export request;
	uint8_t ticket[16];
	int fd = raw_memfd(PAGE);

	/* A ticket without its flag, and a ticket with a descriptor. */
	ASSERT_OK(raw_ticket(connection, fd, ticket));
	raw_request(&request, fd);
	memcpy(request.ticket, ticket, sizeof(ticket));
	ASSERT_ERR(raw_export(root, &request), EINVAL);
	request.flags = DMABUFFS_EXPORT_TICKET;
	ASSERT_ERR(raw_export(root, &request), EINVAL);
	/* Neither request used up the ticket. */
	ASSERT_OK(ticket_export(root, ticket, &request));
	close(connection);
	close(root);
}

struct ticket_loss {
	const struct instance *instance;
	int root;
};

/* A ticket is removed once the service notices that its connection closed. */
static bool ticket_is_lost(void *data)
{
	struct ticket_loss *loss = data;
	int connection = ASSERT_OK(raw_connect(loss->instance));
	struct dmabuffs_export request;
	uint8_t ticket[16];
	int fd = raw_memfd(PAGE), result;

	ASSERT_OK(raw_ticket(connection, fd, ticket));
	close(connection);
	/* A round trip on another connection gives the service time to notice. */
	connection = ASSERT_OK(raw_connect(loss->instance));
	ASSERT_ERR(raw_exchange(connection, fd), EBADFD);
	result = ticket_export(loss->root, ticket, &request);
	close(connection);
	close(fd);
	ASSERT(result == 0 || result == -ENOENT);
	return result == -ENOENT;
}

static void ticket_dies_with_connection(struct instance *instance)
{
	struct ticket_loss loss = {instance, ASSERT_OK(raw_root(instance))};

	ASSERT(wait_until(ticket_is_lost, &loss));
	close(loss.root);
}

static void unused_tickets(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance));
	int connection = ASSERT_OK(raw_connect(instance));
	int other = ASSERT_OK(raw_connect(instance));
	struct dmabuffs_export request;
	uint8_t first[16], ticket[16];
	int fd = raw_memfd(PAGE), result, n = 1;

	ASSERT_OK(raw_ticket(connection, fd, first));
	while ((result = raw_ticket(connection, fd, ticket)) == 0 && n < 10000)
		n++;
	ASSERT_ERR(result, EDQUOT);
	/* The limit is per connection, and a used ticket makes room. */
	ASSERT_OK(raw_ticket(other, fd, ticket));
	ASSERT_OK(ticket_export(root, first, &request));
	ASSERT_OK(raw_ticket(connection, fd, ticket));
	ASSERT_ERR(raw_ticket(connection, fd, ticket), EDQUOT);
	close(other);
	close(connection);
	close(root);
}

const struct test_case test_cases[] = {
	{"same_root", same_root},
	{"another_root", another_root},
	{"other_terms", other_terms},
	{"after_unlink", after_unlink},
	{"freed_buffer", freed_buffer},
	{"by_ticket", by_ticket},
	{"same_by_ticket", same_by_ticket},
	{"unknown_ticket", unknown_ticket},
	{"ticket_fields", ticket_fields},
	{"ticket_dies_with_connection", ticket_dies_with_connection},
	{"unused_tickets", unused_tickets},
	{0},
};
