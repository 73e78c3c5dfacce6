/* SPDX-License-Identifier: MIT */
/*
 * test-accel-tickets.c - descriptors deposited for device ioctls, and fetched from them
 *
 *
 * A refused call must not leak: after each case the harness checks the daemon's
 * descriptors.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "harness.h"
#include "raw-accel.h"

/* ---- tickets ----------------------------------------------------------------------- */

static int sva_by_tickets(int context, const uint8_t *mem, const uint8_t *maps)
{
	struct dmabuffs_accel_sva arg = {
		.mem = -1, .maps = -1, .flags = DMABUFFS_ACCEL_TICKET};

	memcpy(arg.mem_ticket, mem, sizeof(arg.mem_ticket));
	memcpy(arg.maps_ticket, maps, sizeof(arg.maps_ticket));
	return raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_SVA, &arg);
}

static void tickets(struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance));
	int connection = ASSERT_OK(raw_connect(instance)), fd = raw_memfd(PAGE);
	uint8_t ticket[DMABUFFS_TICKET_SIZE], zero[DMABUFFS_TICKET_SIZE] = {0};

	ASSERT_ERR(raw_accel_import_ticket(context, zero), ENOENT);
	ASSERT_OK(raw_ticket(connection, fd, ticket));
	ticket[3] ^= 1;
	ASSERT_ERR(raw_accel_import_ticket(context, ticket), ENOENT);
	ticket[3] ^= 1;
	ASSERT_OK(raw_accel_import_ticket(context, ticket));
	ASSERT_ERR(raw_accel_import_ticket(context, ticket), ENOENT);
	ASSERT_OK(raw_ticket(connection, fd, ticket));
	close(connection);
	/* The ticket is removed once the service sees that the connection closed. */
	connection = ASSERT_OK(raw_connect(instance));
	while (raw_accel_import_ticket(context, ticket) >= 0)
		ASSERT_OK(raw_ticket(connection, fd, ticket));
	close(fd);
	close(connection);
	close(context);
}

/* A request cannot have both a ticket and a descriptor. */
static void tickets_and_descriptors(struct instance *instance)
{
	struct dmabuffs_accel_import import = {.fd = raw_memfd(PAGE)};
	struct dmabuffs_accel_sva sva = {.flags = DMABUFFS_ACCEL_TICKET};
	int context = ASSERT_OK(raw_context(instance));

	import.ticket[15] = 1;
	ASSERT_ERR(raw_accel(context, DMABUFFS_ACCEL_IOC_BUFFER_IMPORT, &import), EINVAL);
	ASSERT_ERR(raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_IMPORT, &import), EINVAL);
	import.flags = DMABUFFS_ACCEL_TICKET;
	ASSERT_ERR(raw_accel(context, DMABUFFS_ACCEL_IOC_BUFFER_IMPORT, &import), EINVAL);
	ASSERT_ERR(raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_IMPORT, &import), EINVAL);
	ASSERT_ERR(raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_SVA, &sva), EINVAL);
	sva.mem = -1;
	ASSERT_ERR(raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_SVA, &sva), EINVAL);
	sva.flags = 0;
	sva.maps_ticket[0] = 1;
	sva.mem = import.fd;
	ASSERT_ERR(raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_SVA, &sva), EINVAL);
	close(import.fd);
	close(context);
}

/* Tickets of a kind that the ioctl does not accept. */
static void tickets_of_other_kinds(struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance));
	int connection = ASSERT_OK(raw_connect(instance));
	uint8_t ticket[DMABUFFS_TICKET_SIZE], other[DMABUFFS_TICKET_SIZE];
	uint32_t asid = (uint32_t)ASSERT_OK(raw_accel_asid(context, 0));
	int maps = raw_open_proc(getpid(), "maps", O_RDONLY);
	int files[] = {raw_open_proc(getpid(), "mem", O_RDWR), maps,
		       ASSERT_OK(raw_accel_export(instance, context, asid, NULL))};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		ASSERT_OK(raw_ticket(connection, files[i], ticket));
		ASSERT_ERR(raw_accel_import_ticket(context, ticket), EBADFD);
		ASSERT_ERR(raw_accel_import_ticket(context, ticket), ENOENT);
		ASSERT_OK(raw_ticket(connection, files[i], ticket));
		ASSERT_OK(raw_ticket(connection, maps, other));
		if (i == 0)
			ASSERT_OK(sva_by_tickets(context, ticket, other));
		else
			ASSERT_ERR(sva_by_tickets(context, ticket, other), EBADFD);
		/* A ticket cannot be used for two arguments. */
		ASSERT_OK(raw_ticket(connection, files[i], ticket));
		ASSERT_ERR(sva_by_tickets(context, ticket, ticket), ENOENT);
		close(files[i]);
		maps = raw_open_proc(getpid(), "maps", O_RDONLY);
	}
	close(maps);
	close(connection);
	close(context);
}

/* The last reference to a context is in a message that the service has received. */
static void contexts_in_messages(struct instance *instance)
{
	struct dmabuffs_broker_request request = {.size = sizeof(request)};
	struct raw_remains remains;
	uint8_t ticket[DMABUFFS_TICKET_SIZE];

	raw_remember(&remains, instance);
	for (uint32_t i = 0; i < 10; i++) {
		int connection = ASSERT_OK(raw_connect(instance));
		int context = ASSERT_OK(raw_context(instance));

		ASSERT_OK(raw_accel_queue(context, i & 1, ACCEL_RING_MIN));
		ASSERT_ERR(raw_ticket(connection, context, ticket), EBADFD);
		ASSERT_ERR(raw_exchange(connection, context), EBADFD);
		request.op = 1 + i % 3;
		ASSERT_OK(raw_send(connection, &request, sizeof(request), &context, 1));
		close(context);
		if (i & 4)
			close(connection);
		ASSERT(wait_until(raw_is_as_before, &remains));
		if (!(i & 4))
			close(connection);
	}
}

/* ---- fetch ------------------------------------------------------------------------- */

static void fetch(struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance));
	int connection = ASSERT_OK(raw_connect(instance)), fd;
	uint32_t buffer = (uint32_t)ASSERT_OK(raw_accel_alloc(context, PAGE));
	uint8_t ticket[DMABUFFS_TICKET_SIZE], zero[DMABUFFS_TICKET_SIZE] = {0};

	ASSERT_ERR(raw_fetch(connection, zero), ENOENT);
	ASSERT_OK(raw_accel_open(context, buffer, O_RDWR, ticket));
	ticket[0] ^= 0x80;
	ASSERT_ERR(raw_fetch(connection, ticket), ENOENT);
	ticket[0] ^= 0x80;
	fd = ASSERT_OK(raw_fetch(connection, ticket));
	ASSERT_ERR(raw_fetch(connection, ticket), ENOENT);
	close(fd);
	/* The ticket is removed once the service notices that the context was closed. */
	ASSERT_OK(raw_accel_open(context, buffer, O_RDWR, ticket));
	close(context);
	context = ASSERT_OK(raw_context(instance));
	while ((fd = raw_fetch(connection, ticket)) >= 0) {
		int next = ASSERT_OK(raw_context(instance));

		close(fd);
		buffer = (uint32_t)ASSERT_OK(raw_accel_alloc(context, PAGE));
		ASSERT_OK(raw_accel_open(context, buffer, O_RDWR, ticket));
		close(context);
		context = next;
	}
	ASSERT_ERR(fd, ENOENT);
	close(context);
	close(connection);
}

static void fetch_messages(struct instance *instance)
{
	struct dmabuffs_broker_request request = {.size = sizeof(request),
						  .op = DMABUFFS_BROKER_FETCH};
	int connection = ASSERT_OK(raw_connect(instance)), memfd = raw_memfd(PAGE), fd;
	int fds[2] = {memfd, memfd};
	struct dmabuffs_broker_reply reply;

	for (int n = 1; n <= 2; n++) {
		ASSERT_OK(raw_send(connection, &request, sizeof(request), fds, n));
		ASSERT_ERR(raw_receive(connection, &reply, &fd), EINVAL);
	}
	request.reserved = 1;
	ASSERT_OK(raw_send(connection, &request, sizeof(request), NULL, 0));
	ASSERT_ERR(raw_receive(connection, &reply, &fd), EINVAL);
	request.reserved = 0;
	request.flags = 1;
	ASSERT_OK(raw_send(connection, &request, sizeof(request), NULL, 0));
	ASSERT_ERR(raw_receive(connection, &reply, &fd), EOPNOTSUPP);
	request.flags = 0;
	/*
	 * The first protocol version has no ticket field, which reads as an invalid zero
	 * ticket.
	 */
	request.size = 16;
	ASSERT_OK(raw_send(connection, &request, 16, NULL, 0));
	ASSERT_ERR(raw_receive(connection, &reply, &fd), ENOENT);
	request.size = sizeof(request);
	request.ticket[0] = 1;
	request.op = DMABUFFS_BROKER_TICKET;
	ASSERT_OK(raw_send(connection, &request, sizeof(request), fds, 1));
	ASSERT_ERR(raw_receive(connection, &reply, &fd), EINVAL);
	request.op = DMABUFFS_BROKER_EXCHANGE;
	ASSERT_OK(raw_send(connection, &request, sizeof(request), fds, 1));
	ASSERT_ERR(raw_receive(connection, &reply, &fd), EINVAL);
	close(memfd);
	close(connection);
}

/* FETCH returns descriptors from device calls only, not deposited ones. */
static void fetch_of_deposits(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	uint8_t ticket[DMABUFFS_TICKET_SIZE];
	struct shared shared;
	int files[2];

	share(&shared, instance, PAGE, 0, 0);
	files[0] = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	files[1] = raw_open_proc(getpid(), "mem", O_RDWR);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		ASSERT_OK(raw_ticket(connection, files[i], ticket));
		ASSERT_ERR(raw_fetch(connection, ticket), ENOENT);
		close(files[i]);
	}
	close(connection);
	unshare_buffer(&shared);
}

#define TICKETS_OF_A_CONTEXT 16

/* Beyond the limit of unfetched tickets, a new one replaces the oldest after a delay. */
struct one_more {
	int context;
	uint32_t buffer;
	uint8_t *ticket;
};

static bool is_granted(void *data)
{
	struct one_more *more = data;

	return raw_accel_open(more->context, more->buffer, O_RDWR, more->ticket) == 0;
}

static void open_too_many(struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance));
	int connection = ASSERT_OK(raw_connect(instance));
	uint32_t buffer = (uint32_t)ASSERT_OK(raw_accel_alloc(context, PAGE));
	uint8_t tickets_got[TICKETS_OF_A_CONTEXT + 1][DMABUFFS_TICKET_SIZE];
	size_t n = ARRAY_SIZE(tickets_got);
	struct one_more more = {context, buffer, tickets_got[n - 1]};

	for (size_t i = 0; i < n - 1; i++)
		ASSERT_OK(raw_accel_open(context, buffer, O_RDWR, tickets_got[i]));
	ASSERT_ERR(raw_accel_open(context, buffer, O_RDWR, tickets_got[n - 1]), EDQUOT);
	/* Unfetched tickets delay further requests only for a moment. */
	ASSERT(wait_until(is_granted, &more));
	ASSERT_ERR(raw_fetch(connection, tickets_got[0]), ENOENT);
	for (size_t i = 1; i < n; i++)
		close(ASSERT_OK(raw_fetch(connection, tickets_got[i])));
	close(connection);
	close(context);
}

static void open_for_more(struct instance *instance)
{
	static const uint32_t access[] = {O_WRONLY,         O_ACCMODE, O_RDWR | O_APPEND,
					  O_RDWR | O_TRUNC, O_PATH,    UINT32_MAX};
	int context = ASSERT_OK(raw_context(instance)), memfd = raw_memfd(PAGE), fd;
	uint32_t queue = (uint32_t)ASSERT_OK(raw_accel_queue(context, 0, ACCEL_RING_MIN));
	uint8_t ticket[DMABUFFS_TICKET_SIZE];
	char path[64];
	uint32_t buffer;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	fd = ASSERT_OK(SYS(open(path, O_RDONLY | O_CLOEXEC)));
	buffer = (uint32_t)ASSERT_OK(raw_accel_import(context, fd));
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(access); i++) {
		ASSERT_ERR(raw_accel_open(context, buffer, access[i], ticket), EINVAL);
		ASSERT_ERR(raw_accel_open(context, queue, access[i], ticket), EINVAL);
	}
	ASSERT_ERR(raw_accel_open(context, buffer, O_RDWR, ticket), EACCES);
	ASSERT_ERR(raw_accel_open(context, queue, O_RDONLY, ticket), EACCES);
	fd = ASSERT_OK(raw_accel_fd(instance, context, buffer, O_RDONLY));
	ASSERT(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	close(fd);
	close(memfd);
	close(context);
}

const struct test_case test_cases[] = {
	{"tickets", tickets},
	{"tickets_and_descriptors", tickets_and_descriptors},
	{"tickets_of_other_kinds", tickets_of_other_kinds},
	{"contexts_in_messages", contexts_in_messages},
	{"fetch", fetch},
	{"fetch_messages", fetch_messages},
	{"fetch_of_deposits", fetch_of_deposits},
	{"open_too_many", open_too_many},
	{"open_for_more", open_for_more},
	{0},
};
