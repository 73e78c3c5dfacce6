/* SPDX-License-Identifier: MIT */
/* test-hostile-clients.c - broker clients that violate the protocol */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "child.h"
#include "harness.h"
#include "raw.h"

struct scene {
	const struct instance *instance;
	struct shared good;
};

static int use_service(void *data)
{
	const struct scene *scene = data;
	int connection = ASSERT_OK(raw_connect(scene->instance));
	int opened = ASSERT_OK(raw_open(scene->instance, scene->good.uuid, O_RDONLY));
	uint64_t start = now_ms();

	for (int i = 0; i < 20; i++)
		close(ASSERT_OK(raw_exchange(connection, opened)));
	ASSERT(now_ms() - start < PROMPT_MS);
	close(opened);
	close(connection);
	return 0;
}

static void scene_start(struct scene *scene, const struct instance *instance)
{
	scene->instance = instance;
	share(&scene->good, instance, PAGE, DMABUFFS_EXPORT_MODE, 0666);
}

static void scene_end(struct scene *scene)
{
	for (int i = 0; i < 3; i++)
		ASSERT_OK(child_call(USER(1002), use_service, scene));
	unshare_buffer(&scene->good);
}

static bool wait_for_close(int connection)
{
	struct pollfd pollfd = {.fd = connection, .events = POLLRDHUP};

	return poll(&pollfd, 1, WAIT_MS) == 1;
}

/* Sends requests until the socket is full, without reading replies. */
static void never_read(int peer, void *data)
{
	const struct scene *scene = data;
	struct dmabuffs_broker_request request = {.size = sizeof(request),
						  .op = DMABUFFS_BROKER_EXCHANGE};
	int connection = ASSERT_OK(raw_connect(scene->instance));
	int opened = ASSERT_OK(raw_open(scene->instance, scene->good.uuid, O_RDWR));
	int n = 0, result = 0;

	while (result >= 0 && n < 100000) {
		ASSERT(wait_ready(connection, POLLOUT, WAIT_MS));
		result = raw_send(connection, &request, sizeof(request), &opened, 1);
		n++;
	}
	/* The service closes the connection; queued replies may be lost. */
	ASSERT(result == -EPIPE || result == -ECONNRESET);
	ASSERT(wait_for_close(connection));
	test_note("closed after %d requests", n);
	peer_signal(peer);
	peer_wait(peer);
}

static void replies_not_read(struct instance *instance)
{
	struct scene scene;
	struct child child;

	scene_start(&scene, instance);
	child_start(&child, USER(1001), never_read, &scene);
	peer_wait(child.peer);
	ASSERT_OK(child_call(USER(1002), use_service, &scene));
	child_kill(&child, SIGKILL);
	scene_end(&scene);
}

/* Fills each connection with unread replies. */
static void pile_up(int peer, void *data)
{
	const struct scene *scene = data;
	struct dmabuffs_broker_request request = {.size = sizeof(request),
						  .op = DMABUFFS_BROKER_EXCHANGE};
	int opened = ASSERT_OK(raw_open(scene->instance, scene->good.uuid, O_RDWR));

	for (int i = 0; i < 10; i++) {
		int connection = ASSERT_OK(raw_connect(scene->instance));

		ASSERT_OK(SYS(fcntl(connection, F_SETFL, O_NONBLOCK)));
		for (int j = 0; j < 1000; j++)
			if (raw_send(connection, &request, sizeof(request), &opened, 1) <
			    0)
				break;
	}
	peer_signal(peer);
	pause();
}

static void stopped_clients(struct instance *instance)
{
	struct scene scene;
	struct child child;

	scene_start(&scene, instance);
	child_start(&child, USER(1001), pile_up, &scene);
	peer_wait(child.peer);
	ASSERT_OK(SYS(kill(child.pid, SIGSTOP)));
	ASSERT_OK(child_call(USER(1002), use_service, &scene));
	child_kill(&child, SIGKILL);
	scene_end(&scene);
}

/* Shuts down each direction of a connection, before and after a message. */
static void half_dead(struct instance *instance)
{
	static const int ways[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};
	struct dmabuffs_broker_request request = {.size = sizeof(request),
						  .op = DMABUFFS_BROKER_EXCHANGE};
	struct scene scene;
	int opened;

	scene_start(&scene, instance);
	opened = ASSERT_OK(raw_open(instance, scene.good.uuid, O_RDWR));
	for (int i = 0; i < 60; i++) {
		int connection = ASSERT_OK(raw_connect(instance));

		if (i & 1)
			raw_send(connection, &request, sizeof(request), &opened, 1);
		shutdown(connection, ways[i % 3]);
		if (i & 2)
			raw_send(connection, &request, sizeof(request), &opened, 1);
		close(connection);
	}
	close(opened);
	scene_end(&scene);
}

/* After SHUT_WR a client still receives its replies. */
static void half_closed(struct instance *instance)
{
	struct dmabuffs_broker_request request = {.size = sizeof(request),
						  .op = DMABUFFS_BROKER_EXCHANGE};
	struct dmabuffs_broker_reply reply;
	int connection = ASSERT_OK(raw_connect(instance));
	struct scene scene;
	int opened, fd;

	scene_start(&scene, instance);
	opened = ASSERT_OK(raw_open(instance, scene.good.uuid, O_RDWR));
	ASSERT_OK(raw_send(connection, &request, sizeof(request), &opened, 1));
	ASSERT_OK(SYS(shutdown(connection, SHUT_WR)));
	ASSERT_OK(raw_receive(connection, &reply, &fd));
	ASSERT(fd >= 0);
	close(fd);
	ASSERT_ERR(raw_receive(connection, &reply, &fd), ECONNRESET);
	close(connection);
	close(opened);
	scene_end(&scene);
}

/* Empty messages read like an end of file, with or without a descriptor. */
static void empty_messages(struct instance *instance)
{
	struct scene scene;
	int connection, opened;

	scene_start(&scene, instance);
	opened = ASSERT_OK(raw_open(instance, scene.good.uuid, O_RDWR));
	for (int i = 0; i < 10; i++) {
		connection = ASSERT_OK(raw_connect(instance));
		ASSERT_OK(raw_send(connection, "", 0, &opened, i % 2));
		close(connection);
	}
	close(opened);
	scene_end(&scene);
}

/* Sends many requests and exits before they are served. */
static void ask_and_die(int peer, void *data)
{
	const struct scene *scene = data;
	struct dmabuffs_broker_request request = {.size = sizeof(request)};
	int opened = ASSERT_OK(raw_open(scene->instance, scene->good.uuid, O_RDWR));
	int connection = ASSERT_OK(raw_connect(scene->instance));

	for (uint32_t i = 0; i < 5; i++) {
		request.op = 1 + i % 2;
		raw_send(connection, &request, sizeof(request),
			 i % 2 ? &scene->good.fd : &opened, 1);
	}
	kill(getpid(), SIGKILL);
}

static void gone_before_the_answer(struct instance *instance)
{
	struct scene scene;

	scene_start(&scene, instance);
	for (int i = 0; i < 50; i++) {
		struct child child;

		child_start(&child, USER(1001), ask_and_die, &scene);
		child_kill(&child, 0);
	}
	scene_end(&scene);
}

const struct test_case test_cases[] = {
	{"replies_not_read", replies_not_read},
	{"stopped_clients", stopped_clients},
	{"half_dead", half_dead},
	{"half_closed", half_closed},
	{"empty_messages", empty_messages},
	{"gone_before_the_answer", gone_before_the_answer},
	{0},
};
