/* SPDX-License-Identifier: MIT */
/* test-revoke.c - revocation removes a name and its memory for all importers */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "child.h"
#include "harness.h"
#include "raw.h"

struct attempt {
	const struct instance *instance;
	uint8_t uuid[16];
};

static int try_revoke(void *data)
{
	const struct attempt *attempt = data;
	int root = ASSERT_OK(raw_root(attempt->instance));
	int result = raw_revoke(root, attempt->uuid);

	close(root);
	return result;
}

static void keep(int peer, void *data)
{
	struct attempt *attempt = data;
	struct shared shared;
	uint8_t *address;

	share(&shared, attempt->instance, PAGE, DMABUFFS_EXPORT_MODE, 0666);
	ASSERT_OK(raw_map(shared.fd, PAGE, PROT_READ, (void **)&address));
	peer_put(peer, shared.uuid, sizeof(shared.uuid));
	peer_wait(peer);
	/* The exporter's own mapping is revoked, too. */
	ASSERT(raises_sigbus(address));
}

static void keep_name(struct child *child, struct attempt *attempt,
		      const struct instance *instance)
{
	attempt->instance = instance;
	child_start(child, USER(1001), keep, attempt);
	peer_get(child->peer, attempt->uuid, sizeof(attempt->uuid));
}

static void expect_gone(struct attempt *attempt, struct child *child)
{
	ASSERT_ERR(raw_open(attempt->instance, attempt->uuid, O_RDONLY), ENOENT);
	expect_no_name(attempt->instance, attempt->uuid);
	ASSERT_EQ(raw_count(attempt->instance), 0);
	peer_signal(child->peer);
	child_wait(child);
}

static void by_owner(struct instance *instance)
{
	struct attempt attempt;
	struct child child;

	keep_name(&child, &attempt, instance);
	ASSERT_OK(child_call(USER(1001), try_revoke, &attempt));
	expect_gone(&attempt, &child);
	ASSERT_ERR(child_call(USER(1001), try_revoke, &attempt), ENOENT);
}

static void by_root(struct instance *instance)
{
	struct attempt attempt;
	struct child child;

	keep_name(&child, &attempt, instance);
	ASSERT_OK(try_revoke(&attempt));
	expect_gone(&attempt, &child);
}

static void not_by_others(struct instance *instance)
{
	struct attempt attempt;
	struct child child;

	keep_name(&child, &attempt, instance);
	ASSERT_ERR(child_call(USER(1002), try_revoke, &attempt), EPERM);
	ASSERT_OK(raw_exists(instance, attempt.uuid));
	child_kill(&child, SIGKILL);
}

static void unknown_name(struct instance *instance)
{
	struct attempt attempt = {.instance = instance, .uuid = {1}};

	ASSERT_ERR(try_revoke(&attempt), ENOENT);
	ASSERT_ERR(child_call(USER(1001), try_revoke, &attempt), ENOENT);
}

static void unlinked_name(struct instance *instance)
{
	struct shared shared;
	uint8_t *address;

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_OK(raw_map(shared.fd, PAGE, PROT_READ, (void **)&address));
	ASSERT_OK(raw_unlink(instance, shared.uuid));
	ASSERT_ERR(raw_revoke(shared.root, shared.uuid), ENOENT);
	ASSERT(!raises_sigbus(address));
	close(shared.root);
}

static void sealed(struct instance *instance)
{
	int fd = raw_memfd(PAGE), opened;
	struct dmabuffs_info info;
	struct shared shared;
	uint8_t *address;

	ASSERT_OK(SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK)));
	share_fd(&shared, instance, fd, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	ASSERT_OK(raw_map(opened, PAGE, PROT_READ, (void **)&address));
	ASSERT_ERR(raw_revoke(shared.root, shared.uuid), EBUSY);
	ASSERT_OK(raw_exists(instance, shared.uuid));
	ASSERT_EQ(*address, pattern(0));
	ASSERT_OK(raw_info(opened, &info));
	ASSERT_EQ(info.flags & (DMABUFFS_INFO_REVOCABLE | DMABUFFS_INFO_REVOKED), 0);
	munmap(address, PAGE);
	close(opened);
	unshare_buffer(&shared);
}

/* A process that holds the memory in every way and survives the revocation. */
static void hold_all(int peer, void *data)
{
	struct attempt *attempt = data;
	int connection = ASSERT_OK(raw_connect(attempt->instance));
	int fd = ASSERT_OK(raw_open(attempt->instance, attempt->uuid, O_RDWR));
	int copy = ASSERT_OK(raw_exchange(connection, fd));
	uint8_t *opened, *exchanged, byte;
	struct dmabuffs_info info;

	ASSERT_OK(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, (void **)&opened));
	ASSERT_OK(raw_map(copy, PAGE, PROT_READ, (void **)&exchanged));
	ASSERT_OK(raw_info(fd, &info));
	ASSERT_EQ(info.flags & (DMABUFFS_INFO_REVOCABLE | DMABUFFS_INFO_REVOKED),
		  DMABUFFS_INFO_REVOCABLE);
	opened[0] = exchanged[1];
	peer_signal(peer);
	peer_wait(peer);
	ASSERT(raises_sigbus(opened));
	ASSERT(raises_sigbus(exchanged));
	ASSERT_EQ(pread(fd, &byte, 1, 0), 0);
	ASSERT_EQ(pread(copy, &byte, 1, 0), 0);
	ASSERT_OK(raw_info(fd, &info));
	ASSERT_EQ(info.flags & (DMABUFFS_INFO_REVOKED | DMABUFFS_INFO_NAMED),
		  DMABUFFS_INFO_REVOKED);
	ASSERT_EQ(info.bytes, 0);
	ASSERT_ERR(raw_exchange(connection, fd), ESTALE);
}

static void importers_lose_it(struct instance *instance)
{
	struct attempt attempt;
	struct child exporter, importer;

	keep_name(&exporter, &attempt, instance);
	child_start(&importer, USER(1002), hold_all, &attempt);
	peer_wait(importer.peer);
	ASSERT_OK(try_revoke(&attempt));
	peer_signal(importer.peer);
	child_wait(&importer);
	expect_gone(&attempt, &exporter);
}

static void persistent_name(struct instance *instance)
{
	struct shared shared;
	int root;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_PERSIST, 0);
	close(shared.root);
	close(shared.fd);
	root = ASSERT_OK(raw_root(instance));
	ASSERT_OK(raw_revoke(root, shared.uuid));
	expect_no_name(instance, shared.uuid);
	close(root);
}

/* INFO's REVOCABLE flag must match the result of REVOKE for any kind of export. */
static void promise_is_kept(const struct instance *instance, int fd, uint32_t flags)
{
	struct dmabuffs_info info;
	struct shared shared;
	int opened, result;

	share_fd(&shared, instance, fd, flags, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	ASSERT_OK(raw_info(opened, &info));
	result = raw_revoke(shared.root, shared.uuid);
	ASSERT(result == 0 || result == -EBUSY);
	ASSERT_EQ(result == 0, !!(info.flags & DMABUFFS_INFO_REVOCABLE));
	close(opened);
	close(shared.root);
	close(fd);
}

static void promises(struct instance *instance)
{
	static const int seals[] = {0,
				    F_SEAL_SEAL,
				    F_SEAL_GROW,
				    F_SEAL_WRITE,
				    F_SEAL_FUTURE_WRITE,
				    F_SEAL_SHRINK};
	char path[64];
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(seals); i++) {
		fd = raw_memfd(PAGE);
		ASSERT_OK(SYS(fcntl(fd, F_ADD_SEALS, seals[i])));
		promise_is_kept(instance, fd, 0);
	}
	promise_is_kept(instance, raw_memfd(PAGE), DMABUFFS_EXPORT_READONLY);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", raw_memfd(PAGE));
	fd = ASSERT_OK(SYS(open(path, O_RDONLY)));
	promise_is_kept(instance, fd, DMABUFFS_EXPORT_READONLY);
}

/* A process with the memfd can still seal it after a read-only export. */
static void sealed_after_export(struct instance *instance)
{
	struct dmabuffs_info info;
	struct shared shared;
	int opened;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_READONLY, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	ASSERT_OK(raw_info(opened, &info));
	ASSERT(info.flags & DMABUFFS_INFO_REVOCABLE);
	ASSERT_OK(SYS(fcntl(shared.fd, F_ADD_SEALS, F_SEAL_SHRINK)));
	ASSERT_ERR(raw_revoke(shared.root, shared.uuid), EBUSY);
	ASSERT_OK(raw_exists(instance, shared.uuid));
	ASSERT_OK(raw_info(opened, &info));
	ASSERT_EQ(info.flags & (DMABUFFS_INFO_REVOCABLE | DMABUFFS_INFO_REVOKED), 0);
	close(opened);
	unshare_buffer(&shared);
}

/* Revocation removes both names of a buffer. */
static void under_another_name(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	struct shared first, second;
	uint8_t byte;
	int opened;

	share(&first, instance, PAGE, 0, 0);
	share_fd(&second, instance, first.fd, 0, 0);
	opened = ASSERT_OK(raw_open(instance, second.uuid, O_RDONLY));
	ASSERT_OK(raw_revoke(first.root, first.uuid));
	ASSERT_EQ(pread(opened, &byte, 1, 0), 0);
	close(opened);
	close(connection);
	close(first.root);
	close(second.root);
}

/* Accesses the buffer in every way until its name is removed. */
static void use_until_gone(int peer, void *data)
{
	const struct attempt *attempt = data;
	int connection = ASSERT_OK(raw_connect(attempt->instance)), fd, copy;
	uint8_t byte, *address;

	peer_signal(peer);
	while ((fd = raw_open(attempt->instance, attempt->uuid, O_RDWR)) != -ENOENT) {
		ASSERT_OK(fd);
		if (pread(fd, &byte, 1, 9) == 1)
			ASSERT_EQ(byte, pattern(9));
		copy = raw_exchange(connection, fd);
		ASSERT(copy >= 0 || copy == -ESTALE);
		if (copy >= 0 && raw_map(copy, PAGE, PROT_READ, (void **)&address) == 0) {
			raises_sigbus(address);
			munmap(address, PAGE);
		}
		if (raw_map(fd, PAGE, PROT_READ, (void **)&address) == 0) {
			raises_sigbus(address);
			munmap(address, PAGE);
		}
		close(copy);
		close(fd);
	}
}

static void under_load(struct instance *instance)
{
	for (int i = 0; i < 40; i++) {
		struct attempt attempt = {.instance = instance};
		struct child importers[3];
		struct shared shared;

		share(&shared, instance, PAGE, 0, 0);
		memcpy(attempt.uuid, shared.uuid, sizeof(attempt.uuid));
		for (size_t j = 0; j < ARRAY_SIZE(importers); j++) {
			child_start(&importers[j], NULL, use_until_gone, &attempt);
			peer_wait(importers[j].peer);
		}
		ASSERT_OK(raw_revoke(shared.root, shared.uuid));
		for (size_t j = 0; j < ARRAY_SIZE(importers); j++)
			child_wait(&importers[j]);
		close(shared.root);
		close(shared.fd);
	}
}

/* ftruncate(2) by the exporter is no revocation, but the service must handle it. */
static void exporter_truncates(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	struct dmabuffs_info info;
	struct shared shared;
	uint8_t byte;
	int fd;

	share(&shared, instance, 4 * PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_OK(SYS(ftruncate(shared.fd, 0)));
	ASSERT_EQ(pread(fd, &byte, 1, 0), 0);
	ASSERT_OK(raw_info(fd, &info));
	ASSERT_EQ(info.bytes, 0);
	ASSERT(!(info.flags & DMABUFFS_INFO_REVOKED));
	close(ASSERT_OK(raw_exchange(connection, fd)));
	close(fd);
	close(connection);
	unshare_buffer(&shared);
}

const struct test_case test_cases[] = {
	{"by_owner", by_owner},
	{"by_root", by_root},
	{"not_by_others", not_by_others},
	{"unknown_name", unknown_name},
	{"unlinked_name", unlinked_name},
	{"sealed", sealed},
	{"importers_lose_it", importers_lose_it},
	{"persistent_name", persistent_name},
	{"promises", promises},
	{"sealed_after_export", sealed_after_export},
	{"under_another_name", under_another_name},
	{"under_load", under_load},
	{"under_load_without_passthrough", under_load, "nopassthrough"},
	{"exporter_truncates", exporter_truncates},
	{"exporter_truncates_without_passthrough", exporter_truncates, "nopassthrough"},
	{0},
};
