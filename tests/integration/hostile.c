/* SPDX-License-Identifier: MIT */
/* hostile.c - a hostile FUSE server, and other clients that must not be affected */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "fuse-server.h"
#include "../support/process.h"
#include "harness.h"
#include "hostile.h"

void scene_start(struct scene *scene, const struct instance *instance)
{
	scene->instance = instance;
	snprintf(scene->dir, sizeof(scene->dir), "%s/hostile", test_work_dir);
	snprintf(scene->file, sizeof(scene->file), "%s/%s", scene->dir, FUSE_SERVER_FILE);
	ASSERT_OK(SYS(mkdir(scene->dir, 0755)));
	child_start(&scene->server, NULL, fuse_server_run, scene->dir);
	peer_wait(scene->server.peer);
	share(&scene->good, instance, PAGE, DMABUFFS_EXPORT_MODE, 0666);
	scene->board = mmap(NULL, sizeof(*scene->board), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT(scene->board != MAP_FAILED);
	scene->seed = (unsigned int)getpid();
}

void scene_fall_silent(struct scene *scene)
{
	peer_signal(scene->server.peer);
	peer_wait(scene->server.peer);
}

void scene_kill_server(struct scene *scene)
{
	child_kill(&scene->server, SIGKILL);
	scene->server.pid = 0;
	umount2(scene->dir, MNT_DETACH);
}

void scene_end(struct scene *scene)
{
	if (scene->server.pid)
		scene_kill_server(scene);
	unshare_buffer(&scene->good);
	munmap(scene->board, sizeof(*scene->board));
}

static void import(const struct instance *instance, const uint8_t uuid[16],
		   int connection)
{
	int opened = ASSERT_OK(raw_open(instance, uuid, O_RDWR));
	uint8_t byte;

	ASSERT_EQ(pread(opened, &byte, 1, 3), 1);
	ASSERT_EQ(byte, pattern(3));
	ASSERT_EQ(pwrite(opened, &byte, 1, 3), 1);
	close(ASSERT_OK(raw_exchange(connection, opened)));
	close(opened);
}

static int use_service(void *data)
{
	const struct scene *scene = data;
	int connection = ASSERT_OK(raw_connect(scene->instance));
	struct shared shared;

	share(&shared, scene->instance, PAGE, 0, 0);
	import(scene->instance, shared.uuid, connection);
	import(scene->instance, scene->good.uuid, connection);
	unshare_buffer(&shared);
	return 0;
}

/* Repeated, since only one of several service threads may be blocked. */
void scene_expect_service(struct scene *scene)
{
	for (int i = 0; i < 10; i++) {
		uint64_t start = now_ms(), took;

		ASSERT_OK(child_call(USER(1002), use_service, scene));
		took = now_ms() - start;
		if (took > PROMPT_MS)
			test_fail(__FILE__, __LINE__, "another client waited %d ms",
				  (int)took);
	}
}

bool sleeps_in(void *data)
{
	const struct sleeper *sleeper = data;
	unsigned long arguments[4];

	return process_call(sleeper->tid, sleeper->tid, arguments) == sleeper->call;
}

void *scene_hostile_page(const struct scene *scene)
{
	int fd = ASSERT_OK(SYS(open(scene->file, O_RDWR | O_CLOEXEC)));
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ASSERT(page != MAP_FAILED);
	return page;
}
