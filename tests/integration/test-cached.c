/* SPDX-License-Identifier: MIT */
/* test-cached.c - names that ended while the kernel has them cached */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "child.h"
#include "harness.h"
#include "raw.h"

#define READER     1002 /* may open the names as a member of their group */
#define CALLS      40   /* of each loop, before the service is killed */
#define N_ENDERS   3
#define N_LOOKERS  3
#define KILLED_MAX 12

/* Caches the name, its attributes, its ACL and its inode in the kernel. */
static int cache_name(void *data)
{
	const struct shared *shared = data;
	struct stat st;

	ASSERT_OK(SYS(stat(shared->path, &st)));
	close(ASSERT_OK(SYS(open(shared->path, O_RDONLY | O_CLOEXEC))));
	return 0;
}

/* Each call that takes a path asks the service, which must not find the name. */
static int expect_ended(void *data)
{
	const struct shared *shared = data;
	char value[64];
	struct stat st;

	ASSERT_ERR(SYS(open(shared->path, O_RDONLY | O_CLOEXEC)), ENOENT);
	ASSERT_ERR(SYS(stat(shared->path, &st)), ENOENT);
	ASSERT_ERR(SYS(access(shared->path, R_OK)), ENOENT);
	ASSERT_ERR(SYS(getxattr(shared->path, "user.dmabuffs.kind", value, 64)), ENOENT);
	ASSERT_ERR(SYS(unlink(shared->path)), ENOENT);
	return 0;
}

static void share_with_readers(struct shared *ret_shared, const struct instance *instance)
{
	share(ret_shared, instance, PAGE, DMABUFFS_EXPORT_MODE, 0640);
	ASSERT_OK(SYS(chown(ret_shared->path, 1001, READER)));
	ASSERT_OK(child_call(USER(READER), cache_name, ret_shared));
}

static void end_by_withdrawal(struct shared *shared)
{
	ASSERT_OK(raw_withdraw(shared->root, shared->uuid));
}

static void end_by_revocation(struct shared *shared)
{
	ASSERT_OK(raw_revoke(shared->root, shared->uuid));
}

static void end_by_unlink(struct shared *shared)
{
	ASSERT_OK(raw_unlink(shared->instance, shared->uuid));
}

static void (*const ends[])(struct shared *shared) = {
	end_by_withdrawal,
	end_by_revocation,
	end_by_unlink,
};

/* open(2) fails as soon as the name ended, the other calls once it was invalidated. */
static void each_end(struct instance *instance)
{
	struct shared shared;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		share_with_readers(&shared, instance);
		ends[i](&shared);
		ASSERT_ERR(raw_open(instance, shared.uuid, O_RDONLY), ENOENT);
		expect_no_name(instance, shared.uuid);
		ASSERT_OK(child_call(USER(READER), expect_ended, &shared));
		close(shared.root);
		close(shared.fd);
	}
}

/* The first call of each kind after the end: the name is still cached then. */
static void first_call(struct instance *instance)
{
	struct shared shared;
	char list[64];
	struct stat st;

	for (int call = 0; call < 7; call++) {
		int r = 0;

		share_with_readers(&shared, instance);
		end_by_withdrawal(&shared);
		switch (call) {
		case 0:
			r = (int)SYS(open(shared.path, O_RDWR | O_CLOEXEC));
			break;
		case 1:
			r = (int)SYS(chmod(shared.path, 0600));
			break;
		case 2:
			r = (int)SYS(chown(shared.path, 0, 0));
			break;
		case 3:
			r = (int)SYS(utimensat(AT_FDCWD, shared.path, NULL, 0));
			break;
		case 4:
			r = (int)SYS(listxattr(shared.path, list, sizeof(list)));
			break;
		case 5:
			r = (int)SYS(removexattr(shared.path, "system.posix_acl_access"));
			break;
		case 6:
			r = (int)SYS(unlink(shared.path));
			break;
		}
		ASSERT_ERR(r, ENOENT);
		ASSERT_ERR(SYS(stat(shared.path, &st)), ENOENT);
		close(shared.root);
		close(shared.fd);
	}
}

/* An importer keeps what it has; nobody else reaches the name. */
static void open_elsewhere(struct instance *instance)
{
	struct shared shared;
	struct stat st;
	char value[64];
	int opened;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		share_with_readers(&shared, instance);
		opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
		ends[i](&shared);
		ASSERT_ERR(raw_open(instance, shared.uuid, O_RDONLY), ENOENT);
		expect_no_name(instance, shared.uuid);
		ASSERT_OK(child_call(USER(READER), expect_ended, &shared));
		ASSERT_OK(SYS(fstat(opened, &st)));
		ASSERT_EQ(st.st_nlink, 0);
		ASSERT_OK(SYS(fchmod(opened, 0600)));
		ASSERT_OK(SYS(fgetxattr(opened, "user.dmabuffs.kind", value, 64)));
		close(opened);
		close(shared.root);
		close(shared.fd);
	}
}

/* Without an open(2) the kernel asks again after a moment. */
static void stat_only(struct instance *instance)
{
	struct shared shared;
	int opened;

	share_with_readers(&shared, instance);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	end_by_withdrawal(&shared);
	expect_no_name(instance, shared.uuid);
	close(opened);
	close(shared.root);
	close(shared.fd);
}

/* ---- the service is killed while names end ------------------------------------------
 */

struct load {
	struct instance *instance;
	atomic_uint *calls; /* shared with the children */
};

static bool is_dead(int result)
{
	return result == -ENOTCONN || result == -ECONNABORTED || result == -EINTR;
}

/* Names end by withdrawal, which the notifier must invalidate. */
static void end_names(int peer, void *data)
{
	const struct load *load = data;
	int root = ASSERT_OK(raw_root(load->instance)), fd = raw_memfd(PAGE), r = 0;
	uint8_t uuid[16];

	peer_signal(peer);
	while (!is_dead(r)) {
		r = raw_export_fd(root, fd, 0, 0, uuid);
		if (r == 0)
			r = raw_exists(load->instance, uuid);
		if (r == 0)
			r = raw_withdraw(root, uuid);
		if (r == 0)
			(*load->calls)++;
		ASSERT(r == 0 || is_dead(r) || r == -ENOENT);
	}
}

/* A name that does not exist is looked up with the directory locked. */
static void look_up(int peer, void *data)
{
	const struct load *load = data;
	uint8_t uuid[16] = {0};
	int r = -ENOENT;

	peer_signal(peer);
	while (!is_dead(r)) {
		r = raw_exists(load->instance, uuid);
		ASSERT(r == -ENOENT || is_dead(r));
		uuid[0]++;
		r = raw_open(load->instance, uuid, O_RDWR | O_CREAT);
		ASSERT(r == -EPERM || is_dead(r));
		(*load->calls)++;
	}
}

static bool has_load(void *data)
{
	const struct load *load = data;

	return *load->calls >= CALLS * (N_ENDERS + N_LOOKERS);
}

/* Lets a mount go that hangs, so that the case can end. */
static _Noreturn void fail_hanging(const struct instance *instance, const char *what)
{
	umount2(instance->dir, MNT_FORCE | MNT_DETACH);
	test_fail(__FILE__, __LINE__, "%s", what);
}

static void expect_killed(struct instance *instance)
{
	int pidfd = ASSERT_OK(SYS(pidfd_open(instance->pid, 0)));

	ASSERT_OK(SYS(kill(instance->service, SIGKILL)));
	if (!wait_ready(pidfd, POLLIN, PROMPT_MS))
		fail_hanging(instance, "the killed service does not end");
	close(pidfd);
	ASSERT_EQ(waitpid(instance->pid, &instance->status, 0), instance->pid);
	instance->pid = -1;
}

static void expect_ends(struct instance *instance, struct child *child)
{
	int pidfd = ASSERT_OK(SYS(pidfd_open(child->pid, 0)));

	if (!wait_ready(pidfd, POLLIN, PROMPT_MS))
		fail_hanging(instance, "a client hangs after the service was killed");
	close(pidfd);
	child_wait(child);
}

static void kill_once(atomic_uint *calls)
{
	struct child children[N_ENDERS + N_LOOKERS];
	struct instance instance;
	struct load load = {&instance, calls};

	*calls = 0;
	instance_start(&instance, NULL);
	for (int i = 0; i < N_ENDERS + N_LOOKERS; i++) {
		child_start(&children[i], NULL, i < N_ENDERS ? end_names : look_up,
			    &load);
		peer_wait(children[i].peer);
	}
	ASSERT(wait_until(has_load, &load));
	expect_killed(&instance);
	for (int i = 0; i < N_ENDERS + N_LOOKERS; i++)
		expect_ends(&instance, &children[i]);
	ASSERT_OK(SYS(umount2(instance.dir, MNT_DETACH)));
	ASSERT(!is_mounted(instance.dir));
}

static void killed_under_load(struct instance *unused)
{
	atomic_uint *calls = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT(calls != MAP_FAILED);
	for (int i = 0; i < KILLED_MAX; i++)
		kill_once(calls);
}

const struct test_case test_cases[] = {
	{"each_end", each_end},
	{"first_call", first_call},
	{"open_elsewhere", open_elsewhere},
	{"stat_only", stat_only},
	{"killed_under_load", killed_under_load, .flags = CASE_NO_INSTANCE},
	{0},
};
