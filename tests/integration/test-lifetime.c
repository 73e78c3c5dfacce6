/* SPDX-License-Identifier: MIT */
/* test-lifetime.c - a name exists as long as the root description it was exported on */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "child.h"
#include "harness.h"
#include "raw.h"

/* A name exported by a process of uid 1001 that waits for a signal of the case. */
struct kept {
	struct child keeper;
	const struct instance *instance;
	uint32_t flags;
	uint8_t uuid[16];
};

static void keep(int peer, void *data)
{
	struct kept *kept = data;
	struct shared shared;

	share(&shared, kept->instance, PAGE, kept->flags | DMABUFFS_EXPORT_MODE, 0666);
	peer_put(peer, shared.uuid, sizeof(shared.uuid));
	peer_wait(peer);
}

static void keep_name(struct kept *kept, const struct instance *instance, uint32_t flags)
{
	kept->instance = instance;
	kept->flags = flags;
	child_start(&kept->keeper, USER(1001), keep, kept);
	peer_get(kept->keeper.peer, kept->uuid, sizeof(kept->uuid));
}

static bool name_is_gone(void *data)
{
	const struct kept *kept = data;
	int result = raw_exists(kept->instance, kept->uuid);

	ASSERT(result == 0 || result == -ENOENT);
	return result == -ENOENT;
}

static void exporter_ends(struct instance *instance)
{
	struct kept kept;

	keep_name(&kept, instance, 0);
	ASSERT_OK(raw_exists(instance, kept.uuid));
	peer_signal(kept.keeper.peer);
	child_wait(&kept.keeper);
	ASSERT(wait_until(name_is_gone, &kept));
	ASSERT_EQ(raw_count(instance), 0);
}

static void exporter_is_killed(struct instance *instance)
{
	struct kept kept;
	uint8_t *address;
	int fd;

	keep_name(&kept, instance, 0);
	fd = ASSERT_OK(raw_open(instance, kept.uuid, O_RDWR));
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, (void **)&address));
	child_kill(&kept.keeper, SIGKILL);
	ASSERT(wait_until(name_is_gone, &kept));
	ASSERT_ERR(raw_open(instance, kept.uuid, O_RDWR), ENOENT);
	/* Existing mappings stay valid. */
	ASSERT_EQ(address[100], pattern(100));
	address[100] = 1;
	ASSERT_EQ(pread(fd, address, 1, 101), 1);
	ASSERT_EQ(address[0], pattern(101));
	close(fd);
	ASSERT_EQ(address[102], pattern(102));
}

/* The kernel caches look-ups without a time limit: the service must invalidate them. */
static void cached_names_end(struct instance *instance)
{
	for (int i = 0; i < 20; i++) {
		struct kept kept;

		keep_name(&kept, instance, 0);
		for (int j = 0; j < 3; j++) {
			ASSERT_OK(raw_exists(instance, kept.uuid));
			close(ASSERT_OK(raw_open(instance, kept.uuid, O_RDONLY)));
		}
		child_kill(&kept.keeper, SIGKILL);
		ASSERT(wait_until(name_is_gone, &kept));
		ASSERT_ERR(raw_open(instance, kept.uuid, O_RDONLY), ENOENT);
	}
}

static void persistent_names_stay(struct instance *instance)
{
	struct dmabuffs_info info;
	struct kept kept;
	uint8_t byte;
	int fd;

	keep_name(&kept, instance, DMABUFFS_EXPORT_PERSIST);
	child_kill(&kept.keeper, SIGKILL);
	fd = ASSERT_OK(raw_open(instance, kept.uuid, O_RDONLY));
	ASSERT_OK(raw_info(fd, &info));
	ASSERT(info.flags & DMABUFFS_INFO_PERSIST);
	ASSERT_EQ(pread(fd, &byte, 1, 1), 1);
	ASSERT_EQ(byte, pattern(1));
	close(fd);
	ASSERT_EQ(raw_count(instance), 1);
	ASSERT_OK(raw_unlink(instance, kept.uuid));
	ASSERT_EQ(raw_count(instance), 0);
}

static void last_duplicate_counts(struct instance *instance)
{
	struct kept kept = {.instance = instance};
	struct shared shared;
	int copy;

	share(&shared, instance, PAGE, 0, 0);
	memcpy(kept.uuid, shared.uuid, sizeof(kept.uuid));
	copy = ASSERT_OK(SYS(dup(shared.root)));
	close(shared.root);
	ASSERT_OK(raw_exists(instance, shared.uuid));
	/* Closing another description of the root has no effect. */
	close(ASSERT_OK(raw_root(instance)));
	ASSERT_OK(raw_exists(instance, shared.uuid));
	close(copy);
	ASSERT(wait_until(name_is_gone, &kept));
}

static void hold_root(int peer, void *data)
{
	/* An inherited root descriptor keeps the name, without any further call. */
	peer_wait(peer);
}

static void forked_copy_counts(struct instance *instance)
{
	struct kept kept = {.instance = instance};
	struct shared shared;
	struct child child;

	share(&shared, instance, PAGE, 0, 0);
	memcpy(kept.uuid, shared.uuid, sizeof(kept.uuid));
	child_start(&child, USER(1001), hold_root, NULL);
	close(shared.root);
	close(shared.fd);
	ASSERT_OK(raw_exists(instance, shared.uuid));
	close(ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR)));
	peer_signal(child.peer);
	child_wait(&child);
	ASSERT(wait_until(name_is_gone, &kept));
}

static void copy_in_flight_counts(struct instance *instance)
{
	struct kept kept = {.instance = instance};
	struct shared shared;
	int ends[2], root;

	share(&shared, instance, PAGE, 0, 0);
	memcpy(kept.uuid, shared.uuid, sizeof(kept.uuid));
	ASSERT_OK(SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, ends)));
	peer_put_fd(ends[0], shared.root);
	close(shared.root);
	ASSERT_OK(raw_exists(instance, shared.uuid));
	root = peer_get_fd(ends[1]);
	ASSERT_OK(raw_exists(instance, shared.uuid));
	close(root);
	ASSERT(wait_until(name_is_gone, &kept));
}

static void each_root_has_its_own(struct instance *instance)
{
	struct shared first, second, persistent;
	struct kept kept = {.instance = instance};
	uint8_t on_first[16];

	share(&first, instance, PAGE, 0, 0);
	share(&second, instance, PAGE, 0, 0);
	share(&persistent, instance, PAGE, DMABUFFS_EXPORT_PERSIST, 0);
	ASSERT_OK(raw_export_fd(first.root, second.fd, 0, 0, on_first));
	ASSERT_EQ(raw_count(instance), 4);
	close(persistent.root);
	close(first.root);
	memcpy(kept.uuid, first.uuid, sizeof(kept.uuid));
	ASSERT(wait_until(name_is_gone, &kept));
	memcpy(kept.uuid, on_first, sizeof(kept.uuid));
	ASSERT(wait_until(name_is_gone, &kept));
	ASSERT_OK(raw_exists(instance, second.uuid));
	ASSERT_OK(raw_exists(instance, persistent.uuid));
	ASSERT_OK(raw_unlink(instance, persistent.uuid));
	unshare_buffer(&second);
}

static void unlinked_before_the_end(struct instance *instance)
{
	struct shared shared;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_OK(raw_unlink(instance, shared.uuid));
	close(shared.root);
	close(fd);
	ASSERT_EQ(raw_count(instance), 0);
}

static long shmem_kib(void)
{
	char line[200];
	FILE *file = fopen("/proc/meminfo", "re");
	long kib = -1;

	ASSERT(file);
	while (kib < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "Shmem: %ld", &kib) != 1)
			kib = -1;
	fclose(file);
	ASSERT(kib >= 0);
	return kib;
}

static bool shmem_is_below(void *data)
{
	return shmem_kib() < *(long *)data;
}

/* Neither the daemon nor the kernel's passthrough registration keeps the pages. */
static void memory_is_freed(struct instance *instance)
{
	size_t bytes = 256 << 20;
	long before = shmem_kib(), bound = before + (128 << 10);
	struct shared shared;
	uint8_t *address;
	int fd;

	share(&shared, instance, bytes, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_OK(raw_map(fd, bytes, PROT_READ, (void **)&address));
	ASSERT_EQ(address[bytes - 1], pattern(bytes - 1));
	ASSERT(shmem_kib() > bound);
	munmap(address, bytes);
	close(fd);
	unshare_buffer(&shared);
	ASSERT(wait_until(shmem_is_below, &bound));
}

#define LARGE ((size_t)1 << 30)

static void keep_large(int peer, void *data)
{
	struct shared shared;

	share(&shared, data, LARGE, 0, 0);
	peer_signal(peer);
	peer_wait(peer);
}

/* The time the kernel needs to free that many pages on this machine. */
static uint64_t free_large_ms(void)
{
	int fd = raw_memfd(LARGE);
	uint64_t start = now_ms();

	close(fd);
	return now_ms() - start;
}

/* The slowest import of another name while the daemon drops the last reference. */
static uint64_t slowest_import_ms(struct shared *shared, struct child *exporter,
				  uint64_t ms)
{
	int connection = ASSERT_OK(raw_connect(shared->instance));
	uint64_t start = now_ms(), before, worst = 0;

	ASSERT_OK(SYS(kill(exporter->pid, SIGKILL)));
	while ((before = now_ms()) < start + ms) {
		int fd = ASSERT_OK(raw_open(shared->instance, shared->uuid, O_RDONLY));

		close(ASSERT_OK(raw_exchange(connection, fd)));
		close(fd);
		worst = MAX(worst, now_ms() - before);
	}
	close(connection);
	return worst;
}

static bool imports_are_slowed(struct instance *instance, struct shared *shared)
{
	uint64_t alone = free_large_ms(), worst;
	struct child child;

	child_start(&child, NULL, keep_large, instance);
	peer_wait(child.peer);
	worst = slowest_import_ms(shared, &child, 3 * alone);
	child_kill(&child, SIGKILL);
	test_note("freed in %d ms, meanwhile the slowest import took %d ms", (int)alone,
		  (int)worst);
	return worst >= alone / 2;
}

/* Freeing hundreds of thousands of pages must not delay other clients. */
static void large_buffer_ends(struct instance *instance)
{
	struct shared shared;
	bool slowed = true;

	share(&shared, instance, PAGE, 0, 0);
	/* Repeated: a busy machine may be slow once, a held lock always is. */
	for (int i = 0; slowed && i < 3; i++)
		slowed = imports_are_slowed(instance, &shared);
	ASSERT(!slowed);
	unshare_buffer(&shared);
}

const struct test_case test_cases[] = {
	{"exporter_ends", exporter_ends},
	{"exporter_is_killed", exporter_is_killed},
	{"cached_names_end", cached_names_end},
	{"persistent_names_stay", persistent_names_stay},
	{"last_duplicate_counts", last_duplicate_counts},
	{"forked_copy_counts", forked_copy_counts},
	{"copy_in_flight_counts", copy_in_flight_counts},
	{"each_root_has_its_own", each_root_has_its_own},
	{"unlinked_before_the_end", unlinked_before_the_end},
	{"memory_is_freed", memory_is_freed},
	{"large_buffer_ends", large_buffer_ends},
	{0},
};
