/* SPDX-License-Identifier: MIT */
/* test-connections.c - many broker connections, and idle ones */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "child.h"
#include "harness.h"
#include "raw.h"

#define MANY 10000

static bool closed_by_service(int connection)
{
	char byte;

	return wait_ready(connection, POLLIN, WAIT_MS) &&
	       recv(connection, &byte, 1, MSG_DONTWAIT) <= 0;
}

static void least_recently_used_goes(struct instance *instance)
{
	int connections[4], fifth, opened;
	struct shared shared;

	share(&shared, instance, PAGE, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	for (size_t i = 0; i < ARRAY_SIZE(connections); i++) {
		connections[i] = ASSERT_OK(raw_connect(instance));
		close(ASSERT_OK(raw_exchange(connections[i], opened)));
	}
	close(ASSERT_OK(raw_exchange(connections[0], opened)));
	fifth = ASSERT_OK(raw_connect(instance));
	close(ASSERT_OK(raw_exchange(fifth, opened)));
	ASSERT(closed_by_service(connections[1]));
	close(ASSERT_OK(raw_exchange(connections[0], opened)));
	close(ASSERT_OK(raw_exchange(connections[2], opened)));
	close(ASSERT_OK(raw_exchange(connections[3], opened)));
	for (size_t i = 0; i < ARRAY_SIZE(connections); i++)
		close(connections[i]);
	close(fifth);
	close(opened);
	unshare_buffer(&shared);
}

/* A ticket that a command is about to name keeps its connection; an idle one goes. */
static void one_under_way_stays(struct instance *instance)
{
	int connections[5], opened, root = ASSERT_OK(raw_root(instance));
	struct dmabuffs_export request = {
		.size = sizeof(request), .flags = DMABUFFS_EXPORT_TICKET, .fd = -1};
	int memfd = ASSERT_OK(raw_memfd(PAGE));
	struct shared shared;

	share(&shared, instance, PAGE, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	for (size_t i = 0; i < ARRAY_SIZE(connections); i++) {
		connections[i] = ASSERT_OK(raw_connect(instance));
		if (i == 0)
			ASSERT_OK(raw_ticket(connections[0], memfd, request.ticket));
		else
			close(ASSERT_OK(raw_exchange(connections[i], opened)));
	}
	ASSERT(closed_by_service(connections[1]));
	ASSERT_OK(raw_export(root, &request));
	close(ASSERT_OK(raw_exchange(connections[0], opened)));
	for (size_t i = 0; i < ARRAY_SIZE(connections); i++)
		close(connections[i]);
	close(root);
	close(memfd);
	close(opened);
	unshare_buffer(&shared);
}

static void connect_thousands(int peer, void *data)
{
	struct dmabuffs_broker_reply reply;
	int connection = -1, fd;

	for (int i = 0; i < 2000; i++)
		connection = ASSERT_OK(raw_connect(data));
	ASSERT_ERR(raw_receive(connection, &reply, &fd), EUSERS);
	ASSERT(closed_by_service(connection));
	peer_signal(peer);
	peer_wait(peer);
}

/* More than can wait are refused in words. */
static void one_too_many(struct instance *instance)
{
	struct rlimit limit = {3000, 3000};
	struct shared shared;
	struct child child;
	int opened;

	ASSERT_OK(SYS(setrlimit(RLIMIT_NOFILE, &limit)));
	share(&shared, instance, PAGE, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	child_start(&child, USER(1001), connect_thousands, instance);
	peer_wait(child.peer);
	close(ASSERT_OK(raw_exchange(ASSERT_OK(raw_connect(instance)), opened)));
	child_kill(&child, SIGKILL);
	close(opened);
	unshare_buffer(&shared);
}

static void connect_five(int peer, void *data)
{
	int connections[5];

	for (size_t i = 0; i < ARRAY_SIZE(connections); i++)
		connections[i] = ASSERT_OK(raw_connect(data));
	ASSERT(closed_by_service(connections[0]));
	peer_signal(peer);
	peer_wait(peer);
}

static void each_user_has_his_own(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	struct shared shared;
	struct child first, second;
	int opened;

	share(&shared, instance, PAGE, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	child_start(&first, USER(1001), connect_five, instance);
	peer_wait(first.peer);
	child_start(&second, USER(1002), connect_five, instance);
	peer_wait(second.peer);
	close(ASSERT_OK(raw_exchange(connection, opened)));
	child_kill(&first, SIGKILL);
	child_kill(&second, SIGKILL);
	close(opened);
	close(connection);
	unshare_buffer(&shared);
}

static void say_nothing(int peer, void *data)
{
	for (int i = 0; i < MANY; i++)
		ASSERT_OK(raw_connect(data));
	peer_signal(peer);
	peer_wait(peer);
}

static uint64_t exchange_ms(int connection, int opened)
{
	uint64_t start = now_ms();

	close(ASSERT_OK(raw_exchange(connection, opened)));
	return now_ms() - start;
}

static uint64_t new_connection_ms(const struct instance *instance, int opened)
{
	uint64_t start = now_ms();
	int connection = ASSERT_OK(raw_connect(instance));

	close(ASSERT_OK(raw_exchange(connection, opened)));
	close(connection);
	return now_ms() - start;
}

/* Exchanges over old and new connections until all others are connected. */
static void serve_meanwhile(const struct instance *instance, int peer, int opened)
{
	int connection = ASSERT_OK(raw_connect(instance)), n = 0;
	uint64_t worst = 0;

	do {
		worst = MAX(worst, exchange_ms(connection, opened));
		worst = MAX(worst, new_connection_ms(instance, opened));
		n++;
	} while (n < 50 || !wait_ready(peer, POLLIN, 0));
	test_note("%d exchanges meanwhile, the slowest took %d ms", 2 * n, (int)worst);
	ASSERT(worst < PROMPT_MS);
	close(connection);
}

static void ten_thousand_silent_ones(struct instance *instance)
{
	struct rlimit limit = {MANY + 1000, MANY + 1000};
	struct shared shared;
	struct child child;
	int opened;

	ASSERT_OK(SYS(setrlimit(RLIMIT_NOFILE, &limit)));
	share(&shared, instance, PAGE, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	child_start(&child, USER(1001), say_nothing, instance);
	serve_meanwhile(instance, child.peer, opened);
	peer_wait(child.peer);
	ASSERT(exchange_ms(ASSERT_OK(raw_connect(instance)), opened) < PROMPT_MS);
	child_kill(&child, SIGKILL);
	close(opened);
	unshare_buffer(&shared);
}

static void connect_many(int peer, void *data)
{
	for (int i = 0; i < 150; i++)
		ASSERT_OK(raw_connect(data));
	peer_signal(peer);
	peer_wait(peer);
}

/* Together the users exceed the connection limit of the service. */
static void many_users(struct instance *instance)
{
	struct child children[40];
	struct shared shared;
	int opened;

	share(&shared, instance, PAGE, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	for (unsigned int i = 0; i < ARRAY_SIZE(children); i++) {
		child_start(&children[i], USER(3001 + i), connect_many, instance);
		peer_wait(children[i].peer);
		ASSERT(new_connection_ms(instance, opened) < PROMPT_MS);
	}
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		child_kill(&children[i], SIGKILL);
	close(opened);
	unshare_buffer(&shared);
}

static void come_and_go(struct instance *instance)
{
	struct shared shared;
	int opened;

	share(&shared, instance, PAGE, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	for (int i = 0; i < 2000; i++)
		close(ASSERT_OK(raw_connect(instance)));
	ASSERT(new_connection_ms(instance, opened) < PROMPT_MS);
	close(opened);
	unshare_buffer(&shared);
}

const struct test_case test_cases[] = {
	{"least_recently_used_goes", least_recently_used_goes,
	 "max-connections-per-uid=4"},
	{"one_under_way_stays", one_under_way_stays, "max-connections-per-uid=4"},
	{"one_too_many", one_too_many, "max-connections-per-uid=4"},
	{"each_user_has_his_own", each_user_has_his_own, "max-connections-per-uid=4"},
	{"ten_thousand_silent_ones", ten_thousand_silent_ones},
	{"many_users", many_users},
	{"come_and_go", come_and_go},
	{0},
};
