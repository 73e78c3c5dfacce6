/* SPDX-License-Identifier: MIT */
/*
 * test-hostile-files.c - descriptors whose last close(2) may block
 *
 *
 * The service must close each descriptor it receives, which may be a file of a FUSE
 * server that does not reply to FLUSH, or a TCP socket that lingers. That server also
 * decides how long fstat(2) and fcntl(2) take. Other clients must not be affected.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "attacks/attacks.h"
#include "harness.h"

static void by_export(struct instance *instance, bool silent)
{
	struct scene scene;
	struct child child;

	scene_start(&scene, instance);
	child_start(&child, USER(1001), attack_export_hostile, &scene);
	peer_wait(child.peer);
	if (silent)
		scene_fall_silent(&scene);
	peer_signal(child.peer);
	peer_wait(child.peer);
	scene_expect_service(&scene);
	scene_kill_server(&scene);
	child_kill(&child, SIGKILL);
	scene_end(&scene);
}

static void flushless_export(struct instance *instance)
{
	by_export(instance, false);
}

static void silent_export(struct instance *instance)
{
	by_export(instance, true);
}

/* As many users as a range of subordinate uids permits. */
static void many_hostile_users(struct instance *instance)
{
	struct child children[40];
	struct scene scene;

	scene_start(&scene, instance);
	for (unsigned int i = 0; i < ARRAY_SIZE(children); i++) {
		child_start(&children[i], USER(3001 + i), attack_export_hostile, &scene);
		peer_wait(children[i].peer);
		peer_signal(children[i].peer);
		peer_wait(children[i].peer);
	}
	scene_expect_service(&scene);
	scene_kill_server(&scene);
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		child_kill(&children[i], SIGKILL);
	scene_end(&scene);
}

static void by_broker(struct instance *instance, bool silent)
{
	struct scene scene;
	struct child child;

	scene_start(&scene, instance);
	child_start(&child, USER(1001), attack_send_hostile, &scene);
	peer_wait(child.peer);
	if (silent)
		scene_fall_silent(&scene);
	peer_signal(child.peer);
	peer_wait(child.peer);
	scene_expect_service(&scene);
	scene_kill_server(&scene);
	child_kill(&child, SIGKILL);
	scene_end(&scene);
}

static void flushless_to_broker(struct instance *instance)
{
	by_broker(instance, false);
}

static void silent_to_broker(struct instance *instance)
{
	by_broker(instance, true);
}

/* The hostile client also gets its reply in time. */
static void answer_to_hostile(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	uint8_t ticket[DMABUFFS_TICKET_SIZE];
	struct scene scene;
	uint64_t start;
	int fd;

	scene_start(&scene, instance);
	fd = ASSERT_OK(SYS(open(scene.file, O_RDWR)));
	start = now_ms();
	ASSERT_ERR(raw_exchange(connection, fd), EBADFD);
	ASSERT_ERR(raw_ticket(connection, fd, ticket), EBADFD);
	ASSERT(now_ms() - start < PROMPT_MS);
	/* Killing the server unblocks close(2) in the daemon and here. */
	scene_end(&scene);
	close(fd);
	close(connection);
}

static void lingering_sockets(struct instance *instance)
{
	struct scene scene;
	struct child children[3];

	scene_start(&scene, instance);
	for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
		child_start(&children[i], USER(1001), attack_send_lingering, &scene);
		peer_wait(children[i].peer);
	}
	scene_expect_service(&scene);
	/* Killing the children closes the peers; the reset ends the lingering. */
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		child_kill(&children[i], SIGKILL);
	scene_end(&scene);
}

/* Files of the service's own mount: it would have to reply to their FLUSH and RELEASE. */
static void own_files_in_flight(struct instance *instance)
{
	struct scene scene;
	struct child child;

	scene_start(&scene, instance);
	child_start(&child, USER(1001), attack_send_own_files, &scene);
	peer_wait(child.peer);
	scene_expect_service(&scene);
	child_kill(&child, SIGKILL);
	scene_end(&scene);
}

const struct test_case test_cases[] = {
	{"flushless_export", flushless_export},
	{"silent_export", silent_export},
	{"many_hostile_users", many_hostile_users},
	{"flushless_isolated", flushless_export, "isolate"},
	{"silent_isolated", silent_export, "isolate"},
	{"many_users_isolated", many_hostile_users, "isolate"},
	{"flushless_to_broker", flushless_to_broker},
	{"silent_to_broker", silent_to_broker},
	{"answer_to_hostile", answer_to_hostile},
	{"lingering_sockets", lingering_sockets},
	{"own_files_in_flight", own_files_in_flight},
	{0},
};
