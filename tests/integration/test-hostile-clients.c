/* SPDX-License-Identifier: MIT */
/* test-hostile-clients.c - broker clients that violate the protocol */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "attacks/attacks.h"
#include "harness.h"

static void scene_close(struct scene *scene)
{
	scene_expect_service(scene);
	scene_end(scene);
}

static void replies_not_read(struct instance *instance)
{
	struct scene scene;
	struct child child;

	scene_start(&scene, instance);
	child_start(&child, USER(1001), attack_never_read, &scene);
	peer_wait(child.peer);
	peer_wait(child.peer);
	scene_expect_service(&scene);
	child_kill(&child, SIGKILL);
	scene_close(&scene);
}

static void stopped_clients(struct instance *instance)
{
	struct scene scene;
	struct child child;

	scene_start(&scene, instance);
	child_start(&child, USER(1001), attack_pile_up, &scene);
	peer_wait(child.peer);
	ASSERT_OK(SYS(kill(child.pid, SIGSTOP)));
	scene_expect_service(&scene);
	child_kill(&child, SIGKILL);
	scene_close(&scene);
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
	scene_close(&scene);
}

/* Others are served while a client repeats this. */
static void beside(struct instance *instance, attack_fn *attack)
{
	struct scene scene;
	struct child child;

	scene_start(&scene, instance);
	child_start(&child, USER(1001), attack, &scene);
	peer_wait(child.peer);
	scene_expect_service(&scene);
	child_kill(&child, SIGKILL);
	scene_close(&scene);
}

static void half_dead(struct instance *instance)
{
	beside(instance, attack_half_dead);
}

static void empty_messages(struct instance *instance)
{
	beside(instance, attack_empty_messages);
}

static void garbage_messages(struct instance *instance)
{
	beside(instance, attack_garbage_messages);
}

static void gone_before_the_answer(struct instance *instance)
{
	struct scene scene;

	scene_start(&scene, instance);
	for (int i = 0; i < 50; i++) {
		struct child child;

		child_start(&child, USER(1001), attack_ask_and_die, &scene);
		child_kill(&child, 0);
	}
	scene_close(&scene);
}

const struct test_case test_cases[] = {
	{"replies_not_read", replies_not_read},
	{"stopped_clients", stopped_clients},
	{"half_dead", half_dead},
	{"half_closed", half_closed},
	{"empty_messages", empty_messages},
	{"garbage_messages", garbage_messages},
	{"gone_before_the_answer", gone_before_the_answer},
	{0},
};
