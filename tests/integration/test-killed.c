/* SPDX-License-Identifier: MIT */
/* test-killed.c - clients killed at random times during any operation */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attacks/attacks.h"
#include "harness.h"

#define ROUNDS 60

static bool only_ours_is_left(void *data)
{
	return raw_count(data) == 1;
}

/* The time is random on purpose; the range lets the loops do some rounds. */
static void random_pause(void)
{
	nanosleep(&(struct timespec){.tv_nsec = random() % 3000000}, NULL);
}

static void kill_in(struct instance *instance, attack_fn *loop)
{
	struct scene scene = {.instance = instance};
	uint8_t byte;
	int fd;

	srandom((unsigned int)getpid());
	share(&scene.good, instance, PAGE, DMABUFFS_EXPORT_MODE, 0666);
	for (int i = 0; i < ROUNDS; i++) {
		struct child victims[2];

		for (int j = 0; j < 2; j++)
			child_start(&victims[j], USER(1001), loop, &scene);
		peer_wait(victims[0].peer);
		random_pause();
		child_kill(&victims[0], SIGKILL);
		child_kill(&victims[1], SIGKILL);
	}
	ASSERT(wait_until(only_ours_is_left, instance));
	fd = ASSERT_OK(raw_open(instance, scene.good.uuid, O_RDWR));
	ASSERT_EQ(pread(fd, &byte, 1, 0), 1);
	close(fd);
	unshare_buffer(&scene.good);
}

static void in_export(struct instance *instance)
{
	kill_in(instance, attack_export_loop);
}

static void in_revoke(struct instance *instance)
{
	kill_in(instance, attack_revoke_loop);
}

static void in_root_open(struct instance *instance)
{
	kill_in(instance, attack_root_loop);
}

static void in_open(struct instance *instance)
{
	kill_in(instance, attack_open_loop);
}

static void in_read_and_write(struct instance *instance)
{
	kill_in(instance, attack_read_loop);
}

static void in_exchange(struct instance *instance)
{
	kill_in(instance, attack_exchange_loop);
}

static void in_ticket(struct instance *instance)
{
	kill_in(instance, attack_ticket_loop);
}

/* The exporter exits while others repeatedly open its name. */
static void open_while_it_lives(int peer, void *data)
{
	const struct scene *scene = data;
	int result = 0;
	uint8_t byte;

	peer_signal(peer);
	while (result != -ENOENT) {
		result = raw_open(scene->instance, scene->good.uuid, O_RDONLY);
		ASSERT(result >= 0 || result == -ENOENT);
		if (result < 0)
			continue;
		ASSERT_EQ(pread(result, &byte, 1, 99), 1);
		ASSERT_EQ(byte, pattern(99));
		close(result);
	}
}

static void export_and_wait(int peer, void *data)
{
	struct shared shared;

	share(&shared, data, PAGE, DMABUFFS_EXPORT_MODE, 0666);
	peer_put(peer, shared.uuid, sizeof(shared.uuid));
	peer_wait(peer);
}

static void exporter_under_load(struct instance *instance)
{
	for (int i = 0; i < 30; i++) {
		struct scene scene = {.instance = instance};
		struct child exporter, importers[3];

		child_start(&exporter, USER(1001), export_and_wait, instance);
		peer_get(exporter.peer, scene.good.uuid, sizeof(scene.good.uuid));
		for (size_t j = 0; j < ARRAY_SIZE(importers); j++) {
			child_start(&importers[j], USER(1002), open_while_it_lives,
				    &scene);
			peer_wait(importers[j].peer);
		}
		random_pause();
		child_kill(&exporter, SIGKILL);
		for (size_t j = 0; j < ARRAY_SIZE(importers); j++)
			child_wait(&importers[j]);
	}
}

const struct test_case test_cases[] = {
	{"in_export", in_export},
	{"in_unlink", in_export, "mode=1733"},
	{"in_revoke", in_revoke},
	{"in_root_open", in_root_open},
	{"in_open", in_open},
	{"in_exchange", in_exchange},
	{"in_read_and_write", in_read_and_write, "nopassthrough"},
	{"in_ticket", in_ticket},
	{"exporter_under_load", exporter_under_load},
	{0},
};
