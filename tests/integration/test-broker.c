/* SPDX-License-Identifier: MIT */
/* test-broker.c - broker messages, mostly malformed ones */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "harness.h"
#include "raw.h"

#define MAX_FDS 253

/* A connection, and an opened name to check that it still works. */
struct talk {
	struct shared shared;
	int connection;
	int opened;
};

static void talk_start(struct talk *talk, struct instance *instance)
{
	share(&talk->shared, instance, PAGE, 0, 0);
	talk->connection = ASSERT_OK(raw_connect(instance));
	talk->opened = ASSERT_OK(raw_open(instance, talk->shared.uuid, O_RDWR));
}

static void talk_end(struct talk *talk)
{
	close(talk->opened);
	close(talk->connection);
	unshare_buffer(&talk->shared);
}

/* Returns the reply's error; afterwards the connection must serve a valid request. */
static int answer(struct talk *talk, const void *message, size_t size, const int *fds,
		  int n_fds)
{
	struct dmabuffs_broker_reply reply;
	int result, fd;

	ASSERT_OK(raw_send(talk->connection, message, size, fds, n_fds));
	result = raw_receive(talk->connection, &reply, &fd);
	if (fd >= 0)
		close(fd);
	close(ASSERT_OK(raw_exchange(talk->connection, talk->opened)));
	return result;
}

static void wrong_number_of_descriptors(struct instance *instance)
{
	static const int counts[] = {0, 2, 3, 16, MAX_FDS};
	struct dmabuffs_broker_request request = {.size = sizeof(request)};
	struct talk talk;
	int fds[MAX_FDS];

	talk_start(&talk, instance);
	for (int i = 0; i < MAX_FDS; i++)
		fds[i] = i % 3 ? talk.opened : talk.shared.fd;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		request.op = DMABUFFS_BROKER_EXCHANGE;
		ASSERT_ERR(answer(&talk, &request, sizeof(request), fds, counts[i]),
			   EINVAL);
		request.op = DMABUFFS_BROKER_TICKET;
		ASSERT_ERR(answer(&talk, &request, sizeof(request), fds, counts[i]),
			   EINVAL);
	}
	talk_end(&talk);
}

/* The size of a request in the first version, without a ticket. */
#define FIRST_SIZE 16

static void short_messages(struct instance *instance)
{
	struct dmabuffs_broker_request request = {.op = DMABUFFS_BROKER_EXCHANGE};
	struct talk talk;

	talk_start(&talk, instance);
	for (uint32_t size = 1; size < sizeof(request); size++) {
		request.size = sizeof(request);
		ASSERT_ERR(answer(&talk, &request, size, &talk.opened, 1), EINVAL);
		if (size >= FIRST_SIZE)
			continue;
		request.size = size;
		ASSERT_ERR(answer(&talk, &request, size, &talk.opened, 1), EINVAL);
		ASSERT_ERR(answer(&talk, &request, size, NULL, 0), EINVAL);
	}
	talk_end(&talk);
}

static void wrong_size_field(struct instance *instance)
{
	static const uint32_t sizes[] = {0, 1, 15, 33, 64, 0x10000, 0xffffffff};
	struct dmabuffs_broker_request request = {.op = DMABUFFS_BROKER_EXCHANGE};
	struct talk talk;

	talk_start(&talk, instance);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		request.size = sizes[i];
		ASSERT_ERR(answer(&talk, &request, sizeof(request), &talk.opened, 1),
			   EINVAL);
	}
	talk_end(&talk);
}

static void longer_messages(struct instance *instance)
{
	union {
		struct dmabuffs_broker_request request;
		uint8_t bytes[64];
	} message = {.request.op = DMABUFFS_BROKER_EXCHANGE};
	struct talk talk;

	talk_start(&talk, instance);
	for (uint32_t size = 34; size <= sizeof(message); size += 11) {
		message.request.size = size;
		ASSERT_OK(answer(&talk, &message, size, &talk.opened, 1));
		message.bytes[size - 1] = 1;
		ASSERT_ERR(answer(&talk, &message, size, &talk.opened, 1), E2BIG);
		message.bytes[size - 1] = 0;
	}
	talk_end(&talk);
}

static void huge_message(struct instance *instance)
{
	static uint8_t bytes[100000];
	struct dmabuffs_broker_request request = {.size = sizeof(bytes),
						  .op = DMABUFFS_BROKER_EXCHANGE};
	struct talk talk;
	int result;

	talk_start(&talk, instance);
	memset(bytes, 0xff, sizeof(bytes));
	memcpy(bytes, &request, sizeof(request));
	result = answer(&talk, bytes, sizeof(bytes), &talk.opened, 1);
	ASSERT(result == -E2BIG || result == -EINVAL);
	talk_end(&talk);
}

static void garbage(struct instance *instance)
{
	struct talk talk;
	uint32_t seed = 4711;
	uint8_t bytes[200];

	talk_start(&talk, instance);
	for (int i = 0; i < 300; i++) {
		size_t size = 1 + (size_t)i % sizeof(bytes);

		for (size_t j = 0; j < size; j++)
			bytes[j] = (uint8_t)((seed = seed * 1103515245 + 12345) >> 16);
		ASSERT(answer(&talk, bytes, size, &talk.opened, i % 2) < 0);
	}
	talk_end(&talk);
}

static void unknown_operations(struct instance *instance)
{
	static const uint32_t ops[] = {0, 5, 6, 0x80000001, 0xffffffff};
	struct dmabuffs_broker_request request = {.size = sizeof(request)};
	struct talk talk;

	talk_start(&talk, instance);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		request.op = ops[i];
		ASSERT_ERR(answer(&talk, &request, sizeof(request), &talk.opened, 1),
			   ENOTTY);
	}
	talk_end(&talk);
}

static void unknown_flags(struct instance *instance)
{
	struct dmabuffs_broker_request request = {.size = sizeof(request)};
	struct talk talk;

	talk_start(&talk, instance);
	for (int bit = 0; bit < 32; bit++) {
		request.flags = 1U << bit;
		request.op = DMABUFFS_BROKER_EXCHANGE;
		ASSERT_ERR(answer(&talk, &request, sizeof(request), &talk.opened, 1),
			   EOPNOTSUPP);
		request.op = DMABUFFS_BROKER_TICKET;
		ASSERT_ERR(answer(&talk, &request, sizeof(request), &talk.shared.fd, 1),
			   EOPNOTSUPP);
	}
	request.flags = 0;
	request.reserved = 1;
	ASSERT_ERR(answer(&talk, &request, sizeof(request), &talk.shared.fd, 1), EINVAL);
	talk_end(&talk);
}

static void answers_in_order(struct instance *instance)
{
	struct dmabuffs_broker_request request = {.size = sizeof(request)};
	struct dmabuffs_broker_reply reply;
	struct talk talk;
	int fd;

	talk_start(&talk, instance);
	for (int i = 0; i < 8; i++) {
		request.op = i % 2 ? DMABUFFS_BROKER_EXCHANGE : DMABUFFS_BROKER_TICKET;
		ASSERT_OK(raw_send(talk.connection, &request, sizeof(request),
				   i % 2 ? &talk.opened : &talk.shared.fd, 1));
		request.op = 99;
		ASSERT_OK(raw_send(talk.connection, &request, sizeof(request),
				   &talk.opened, 1));
	}
	for (int i = 0; i < 8; i++) {
		ASSERT_OK(raw_receive(talk.connection, &reply, &fd));
		ASSERT_EQ(fd >= 0, i % 2);
		if (fd >= 0)
			close(fd);
		ASSERT_ERR(raw_receive(talk.connection, &reply, &fd), ENOTTY);
	}
	talk_end(&talk);
}

/* Control messages of other protocols. */
static void other_control_messages(struct instance *instance)
{
	struct dmabuffs_broker_request request = {.size = sizeof(request),
						  .op = DMABUFFS_BROKER_EXCHANGE};
	struct ucred credentials = {.pid = getpid()};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(credentials))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(credentials)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_CREDENTIALS}};
	struct iovec data = {.iov_base = &request, .iov_len = sizeof(request)};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	struct dmabuffs_broker_reply reply;
	struct talk talk;
	int fd;

	talk_start(&talk, instance);
	memcpy(CMSG_DATA(&control.header), &credentials, sizeof(credentials));
	ASSERT_OK(SYS(sendmsg(talk.connection, &message, 0)));
	ASSERT_ERR(raw_receive(talk.connection, &reply, &fd), EINVAL);
	close(ASSERT_OK(raw_exchange(talk.connection, talk.opened)));
	talk_end(&talk);
}

static void many_connections(struct instance *instance)
{
	int connections[20], opened;
	struct shared shared;

	share(&shared, instance, PAGE, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	for (size_t i = 0; i < ARRAY_SIZE(connections); i++)
		connections[i] = ASSERT_OK(raw_connect(instance));
	for (int round = 0; round < 5; round++)
		for (size_t i = 0; i < ARRAY_SIZE(connections); i++)
			close(ASSERT_OK(raw_exchange(connections[i], opened)));
	for (size_t i = 0; i < ARRAY_SIZE(connections); i++)
		close(connections[i]);
	close(opened);
	unshare_buffer(&shared);
}

const struct test_case test_cases[] = {
	{"wrong_number_of_descriptors", wrong_number_of_descriptors},
	{"short_messages", short_messages},
	{"wrong_size_field", wrong_size_field},
	{"longer_messages", longer_messages},
	{"huge_message", huge_message},
	{"garbage", garbage},
	{"unknown_operations", unknown_operations},
	{"unknown_flags", unknown_flags},
	{"answers_in_order", answers_in_order},
	{"other_control_messages", other_control_messages},
	{"many_connections", many_connections},
	{0},
};
