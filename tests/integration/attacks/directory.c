/* SPDX-License-Identifier: MIT */
/* directory.c - attacks on the lock of a directory, which look-ups of all users take */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "../harness.h"
#include "attacks.h"

/* Nothing must be copied to the page: it never arrives. */
static void directory_read(int peer, const struct scene *scene, const char *name)
{
	char path[INSTANCE_PATH_SIZE + 20];
	void *page = scene_hostile_page(scene);
	int dir;

	snprintf(path, sizeof(path), "%s/%s", scene->instance->dir, name);
	peer_signal(peer);
	dir = ASSERT_OK(SYS(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
	for (;;) {
		ASSERT_EQ(syscall(SYS_getdents64, dir, page, PAGE), 0);
		ASSERT_OK(SYS(lseek(dir, 0, SEEK_SET)));
	}
}

void attack_read_root(int peer, void *scene)
{
	directory_read(peer, scene, ".");
}

void attack_read_devices(int peer, void *scene)
{
	directory_read(peer, scene, ".accel");
}

/* With mode 1733 the service refuses it, else the kernel. */
static void directory_create(int peer, const struct scene *scene, const char *name)
{
	char path[INSTANCE_PATH_SIZE + 60];

	snprintf(path, sizeof(path), "%s/%s11111111-2222-4333-8444-555555555555",
		 scene->instance->dir, name);
	peer_signal(peer);
	for (;;) {
		long long r = SYS(open(path, O_RDWR | O_CREAT, 0600));

		ASSERT(r == -EPERM || r == -EACCES);
	}
}

void attack_create_in_root(int peer, void *scene)
{
	directory_create(peer, scene, "");
}

void attack_create_in_devices(int peer, void *scene)
{
	directory_create(peer, scene, ".accel/");
}

void attack_unlink_absent(int peer, void *data)
{
	const struct scene *scene = data;
	uint8_t uuid[16] = {3};

	peer_signal(peer);
	for (;;)
		ASSERT_ERR(raw_unlink(scene->instance, uuid), ENOENT);
}

void attack_write_name(int peer, void *data)
{
	const struct scene *scene = data;
	void *page = scene_hostile_page(scene);
	struct shared *name = &scene->board->name;
	int fd;

	share(name, scene->instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(scene->instance, name->uuid, O_RDWR));
	scene->board->writer = gettid();
	peer_signal(peer);
	SYS(write(fd, page, PAGE));
	pause();
}

static bool directory_is_writing(void *data)
{
	const struct scene *scene = data;
	char path[40], call[40] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/syscall", scene->board->writer);
	file = fopen(path, "re");
	if (file && !fgets(call, sizeof(call), file))
		call[0] = 0;
	if (file)
		fclose(file);
	return atoi(call) == SYS_write && call[0] != 'r';
}

/* unlink(2) locks the directory and then waits for the inode, if it is permitted. */
void attack_unlink_written(int peer, void *data)
{
	const struct scene *scene = data;

	ASSERT(wait_until(directory_is_writing, data));
	peer_signal(peer);
	for (;;)
		ASSERT_ERR(SYS(unlink(scene->board->name.path)), EACCES);
}

void attack_chown_root(int peer, void *data)
{
	const struct scene *scene = data;
	const char *dir = scene->instance->dir;

	peer_signal(peer);
	for (;;) {
		ASSERT(SYS(chown(dir, 3001, 3001)) < 0);
		ASSERT(SYS(chown(dir, 0, 3001)) < 0);
		if (geteuid())
			ASSERT(SYS(chmod(dir, 0777)) < 0);
	}
}
