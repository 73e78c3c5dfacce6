/* SPDX-License-Identifier: MIT */
/* names.c - attacks with names: their number, size, attributes and ioctls */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "../acl.h"
#include "../harness.h"
#include "../namespaces.h"
#include "../raw-accel.h"
#include "attacks.h"

#define NAMES        3000
#define SUBUIDS      16
#define SUBUID_NAMES 50
#define GROWN        (1 << 20)

/* ---- ioctls ------------------------------------------------------------------------ */

static uint32_t names_draw(uint32_t below)
{
	return (uint32_t)random() % below;
}

/* Mostly a valid size, small integers, which can be descriptors and ids, and zeros. */
static void names_fill(uint32_t *words, size_t bytes)
{
	memset(words, 0, bytes);
	words[0] = names_draw(8) ? (uint32_t)bytes : (uint32_t)random();
	for (size_t i = 1; i < bytes / 4; i++)
		if (names_draw(3) == 0)
			words[i] = names_draw(4) ? names_draw(16) : (uint32_t)random();
}

static void names_call(const int *fds, uint32_t n_fds)
{
	static const size_t sizes[] = {8, 16, 24, 32, 40, 48, 64, 72, 120, 4096, 16380};
	size_t bytes = sizes[names_draw(ARRAY_SIZE(sizes))];
	unsigned long nr = names_draw(4) ? names_draw(64) : names_draw(256);
	uint32_t words[4096];

	names_fill(words, bytes);
	ioctl(fds[names_draw(n_fds)],
	      _IOC(_IOC_READ | _IOC_WRITE, DMABUFFS_IOC_TYPE, nr, bytes), words);
}

void attack_garbage_ioctls(int peer, void *data)
{
	const struct scene *scene = data;
	struct shared shared;
	int fds[4];

	srandom(scene->seed);
	share(&shared, scene->instance, PAGE, 0, 0);
	fds[0] = shared.root;
	fds[1] = ASSERT_OK(raw_open(scene->instance, shared.uuid, O_RDWR));
	fds[2] = ASSERT_OK(raw_devices(scene->instance));
	fds[3] = ASSERT_OK(raw_context(scene->instance));
	peer_signal(peer);
	for (;;)
		names_call(fds, ARRAY_SIZE(fds));
}

/* ---- attributes -------------------------------------------------------------------- */

static void names_set_acl(const char *path)
{
	struct acl acl = acl_for_user((uid_t)names_draw(4000), (uint16_t)names_draw(8),
				      (uint16_t)names_draw(8));
	uint8_t *bytes = (uint8_t *)&acl;

	if (names_draw(2))
		bytes[names_draw(sizeof(acl))] = (uint8_t)random();
	setxattr(path, ACL_XATTR, &acl, names_draw(2) ? sizeof(acl) : names_draw(44), 0);
}

static void names_change(const char *path)
{
	const struct timespec times[2] = {{.tv_sec = random()}, {.tv_sec = random()}};
	char value[300];

	ASSERT_OK(SYS(chmod(path, names_draw(0777))));
	SYS(chown(path, names_draw(4000), (gid_t)-1));
	names_set_acl(path);
	ASSERT(SYS(setxattr(path, "user.x", value, names_draw(300), 0)) < 0);
	removexattr(path, names_draw(2) ? ACL_XATTR : "user.dmabuffs.kind");
	getxattr(path, "user.dmabuffs.kind", value, names_draw(300));
	listxattr(path, value, names_draw(300));
	utimensat(AT_FDCWD, path, times, 0);
	SYS(truncate(path, names_draw(3) * (off_t)PAGE));
}

/* The owner of a name keeps it: chown(2) of another user fails. */
void attack_attributes(int peer, void *data)
{
	const struct scene *scene = data;
	struct shared shared;

	srandom(scene->seed);
	share(&shared, scene->instance, PAGE, 0, 0);
	peer_signal(peer);
	for (;;)
		names_change(shared.path);
}

/* ---- sizes ------------------------------------------------------------------------- */

void attack_sparse(int peer, void *data)
{
	const struct scene *scene = data;
	int memfd = new_memfd(1ULL << 40), r;
	uint8_t uuid[16];

	peer_signal(peer);
	for (;;) {
		int root = ASSERT_OK(raw_root(scene->instance));

		do
			r = raw_export_fd(root, memfd, DMABUFFS_EXPORT_ANOTHER, 0, uuid);
		while (r == 0);
		ASSERT(r == -EDQUOT || r == -ENOSPC);
		close(root);
	}
}

void attack_append(int peer, void *data)
{
	const struct scene *scene = data;
	struct shared shared;
	int fd;

	share(&shared, scene->instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(scene->instance, shared.uuid, O_WRONLY | O_APPEND));
	peer_signal(peer);
	for (off_t size = PAGE;; size = size < GROWN ? size + (off_t)PAGE : (off_t)PAGE) {
		ASSERT_OK(SYS(ftruncate(shared.fd, size)));
		SYS(write(fd, "two", 3));
		SYS(write(fd, shared.path, sizeof(shared.path)));
	}
}

/* ---- numbers ----------------------------------------------------------------------- */

static void names_export(int root, int memfd, int n)
{
	uint8_t uuid[16];

	for (int r = 0; r == 0 && n > 0; n--) {
		r = raw_export_fd(root, memfd, DMABUFFS_EXPORT_ANOTHER, 0, uuid);
		ASSERT(r == 0 || r == -EDQUOT || r == -ENOSPC);
	}
}

/* Each name of a page takes the table's lock. */
void attack_read_entries(int peer, void *scene)
{
	const struct instance *instance = ((const struct scene *)scene)->instance;
	int control = ASSERT_OK(raw_root(instance));
	struct dmabuffs_entries page = {.size = sizeof(page)};

	names_export(control, raw_memfd(PAGE), NAMES);
	peer_signal(peer);
	for (;;) {
		ASSERT_OK(SYS(ioctl(control, DMABUFFS_IOC_ENTRIES, &page)));
		if (!page.more)
			page.cursor = 0;
	}
}

void attack_names_end(int peer, void *data)
{
	const struct scene *scene = data;
	int memfd = raw_memfd(PAGE);

	peer_signal(peer);
	for (;;) {
		int root = ASSERT_OK(raw_root(scene->instance));

		names_export(root, memfd, NAMES);
		close(root);
	}
}

/* One of the person's uids takes its share and keeps it. */
static void names_take(int peer, void *data)
{
	const struct scene *scene = data;

	names_export(ASSERT_OK(raw_root(scene->instance)), raw_memfd(PAGE), SUBUID_NAMES);
	peer_signal(peer);
	pause();
}

static void names_take_as_subuids(int peer, void *data)
{
	struct child children[SUBUIDS];

	ASSERT_OK(SYS(unshare(CLONE_NEWUSER)));
	/* The kernel has cleared it with the change of credentials. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	peer_signal(peer);
	peer_wait(peer);
	for (uid_t i = 0; i < SUBUIDS; i++)
		child_start(&children[i], USER(1 + i), names_take, data);
	for (int i = 0; i < SUBUIDS; i++)
		peer_wait(children[i].peer);
	peer_signal(peer);
	peer_wait(peer);
	for (int i = 0; i < SUBUIDS; i++)
		child_kill(&children[i], SIGKILL);
}

void attack_subuids(int peer, void *data)
{
	const uid_t person = 3999;
	struct child child;

	child_start(&child, USER(person), names_take_as_subuids, data);
	peer_wait(child.peer);
	namespaces_map_subids(child.pid, person, SUBUIDS);
	peer_signal(child.peer);
	peer_signal(peer);
	peer_wait(child.peer);
	peer_wait(peer);
	peer_signal(child.peer);
	child_wait(&child);
}
