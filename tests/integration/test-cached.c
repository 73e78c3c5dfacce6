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
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "../support/server.h"
#include "child.h"
#include "harness.h"
#include "raw.h"

#define READER     1002 /* may open the names as a member of their group */
#define CALLS      40   /* of each loop, before the service is killed */
#define N_ENDERS   3
#define N_LOOKERS  3
#define KILLED_MAX 12
#define MANY       8000
/* A sanitizer keeps what was freed for a while. */
#if defined(__SANITIZE_ADDRESS__)
#define MAX_GROWTH (512 << 20)
#else
#define MAX_GROWTH (1 << 20)
#endif

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

/* ---- names that a client keeps cached ------------------------------------------------
 */

static double heap_of(const struct instance *instance)
{
	double bytes;

	ASSERT_OK(server_heap(&(struct server){.pid = instance->pid}, &bytes));
	return bytes;
}

/* A descriptor that keeps the name and its inode in the kernel, and opens nothing. */
static int open_path(const struct shared *shared)
{
	return (int)ASSERT_OK(SYS(open(shared->path, O_PATH | O_CLOEXEC)));
}

/* It leads to nothing any more; there is no name to look up again. */
static void by_descriptor(struct instance *instance)
{
	char path[32];
	struct shared shared;
	struct stat st;
	int kept;

	share(&shared, instance, PAGE, 0, 0);
	kept = open_path(&shared);
	end_by_withdrawal(&shared);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", kept);
	ASSERT_ERR(SYS(open(path, O_RDONLY | O_CLOEXEC)), ESTALE);
	expect_no_name(instance, shared.uuid);
	ASSERT_ERR(SYS(fstat(kept, &st)), ESTALE);
	ASSERT_ERR(SYS(stat(path, &st)), ESTALE);
	close(kept);
	close(shared.root);
	close(shared.fd);
}

/* As a container gets it that sees one name only. */
static void by_bind_mount(struct instance *instance)
{
	char path[INSTANCE_PATH_SIZE];
	struct shared shared;
	struct stat st;

	share(&shared, instance, PAGE, 0, 0);
	snprintf(path, sizeof(path), "%s/name", test_work_dir);
	close(ASSERT_OK(SYS(creat(path, 0600))));
	ASSERT_OK(SYS(mount(shared.path, path, NULL, MS_BIND, NULL)));
	end_by_withdrawal(&shared);
	ASSERT_ERR(SYS(open(path, O_RDONLY | O_CLOEXEC)), ESTALE);
	expect_no_name(instance, shared.uuid);
	ASSERT_ERR(SYS(stat(path, &st)), ESTALE);
	ASSERT_OK(SYS(umount2(path, 0)));
	ASSERT_OK(SYS(unlink(path)));
	close(shared.root);
	close(shared.fd);
}

/* Names end; *@kept is what keeps each of them cached then, or NULL. */
static void end_many(const struct shared *shared, int *kept)
{
	struct shared other = *shared;

	for (int i = 0; i < MANY; i++) {
		int path;

		ASSERT_OK(raw_export_fd(shared->root, shared->fd, DMABUFFS_EXPORT_ANOTHER,
					0, other.uuid));
		raw_path(shared->instance, other.uuid, other.path);
		path = open_path(&other);
		ASSERT_OK(raw_withdraw(shared->root, other.uuid));
		if (kept)
			kept[i] = path;
		else
			close(path);
	}
}

/* What a client keeps cached costs the service nothing. */
static void no_memory(struct instance *instance)
{
	struct rlimit limit = {MANY + 100, MANY + 100};
	static int kept[MANY];
	struct shared shared;
	double before, grown;

	ASSERT_OK(SYS(setrlimit(RLIMIT_NOFILE, &limit)));
	share(&shared, instance, PAGE, 0, 0);
	end_many(&shared, NULL);
	before = heap_of(instance);
	end_many(&shared, kept);
	grown = heap_of(instance) - before;
	test_note("%d names cached: the service grew by %.0f KiB", MANY, grown / 1024);
	ASSERT(grown < MAX_GROWTH);
	for (int i = 0; i < MANY; i++)
		close(kept[i]);
	unshare_buffer(&shared);
}

const struct test_case test_cases[] = {
	{"each_end", each_end},
	{"first_call", first_call},
	{"open_elsewhere", open_elsewhere},
	{"stat_only", stat_only},
	{"killed_under_load", killed_under_load, .flags = CASE_NO_INSTANCE},
	{"by_descriptor", by_descriptor},
	{"by_bind_mount", by_bind_mount},
	{"no_memory", no_memory},
	{0},
};
