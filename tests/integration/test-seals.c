/* SPDX-License-Identifier: MIT */
/* test-seals.c - operations forbidden by a memfd's seals, and sealing by the export */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "harness.h"
#include "raw.h"

static int sealed(size_t bytes, int seals)
{
	int fd = raw_memfd(bytes);

	ASSERT_OK(SYS(fcntl(fd, F_ADD_SEALS, seals)));
	return fd;
}

static void expect_read_only(const struct shared *shared)
{
	struct dmabuffs_info info;
	void *address;
	int fd, copy, connection = ASSERT_OK(raw_connect(shared->instance));

	ASSERT_ERR(raw_open(shared->instance, shared->uuid, O_RDWR), EPERM);
	ASSERT_ERR(raw_open(shared->instance, shared->uuid, O_WRONLY), EPERM);
	fd = ASSERT_OK(raw_open(shared->instance, shared->uuid, O_RDONLY));
	ASSERT_ERR(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, &address), EACCES);
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ, &address));
	ASSERT_ERR(SYS(mprotect(address, PAGE, PROT_READ | PROT_WRITE)), EACCES);
	ASSERT_OK(raw_info(fd, &info));
	ASSERT(info.flags & DMABUFFS_INFO_READONLY);
	copy = ASSERT_OK(raw_exchange(connection, fd));
	ASSERT_EQ(fcntl(copy, F_GETFL) & O_ACCMODE, O_RDONLY);
	munmap(address, PAGE);
	close(copy);
	close(fd);
	close(connection);
}

static void write_sealed(struct instance *instance)
{
	struct shared shared;

	share_fd(&shared, instance, sealed(PAGE, F_SEAL_WRITE), DMABUFFS_EXPORT_MODE,
		 0666);
	expect_read_only(&shared);
	unshare_buffer(&shared);
}

static void future_write_sealed(struct instance *instance)
{
	int fd = raw_memfd(PAGE), opened;
	struct shared shared;
	uint8_t *here, *there;

	/*
	 * A writable mapping made before sealing stays valid: the usual setup of a
	 * producer.
	 */
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, (void **)&here));
	ASSERT_OK(SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE)));
	share_fd(&shared, instance, fd, DMABUFFS_EXPORT_MODE, 0666);
	expect_read_only(&shared);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	ASSERT_OK(raw_map(opened, PAGE, PROT_READ, (void **)&there));
	here[5] = 0x99;
	ASSERT_EQ(there[5], 0x99);
	close(opened);
	unshare_buffer(&shared);
}

static void size_sealed(struct instance *instance)
{
	struct dmabuffs_info info;
	struct shared shared;
	int fd;

	share_fd(&shared, instance, sealed(PAGE, F_SEAL_SHRINK | F_SEAL_GROW), 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_EQ(pwrite(fd, "x", 1, 0), 1);
	/* F_SEAL_GROW forbids writes beyond the end. */
	ASSERT(pwrite(fd, "x", 1, PAGE) < 1);
	ASSERT_OK(raw_info(fd, &info));
	ASSERT_EQ(info.seals, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	ASSERT_EQ(info.bytes, PAGE);
	ASSERT(!(info.flags & DMABUFFS_INFO_REVOCABLE));
	close(fd);
	unshare_buffer(&shared);
}

static void frozen_by_export(struct instance *instance)
{
	static const int seals[] = {F_SEAL_WRITE, F_SEAL_FUTURE_WRITE, F_SEAL_SHRINK,
				    F_SEAL_GROW};
	struct shared shared;

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_EQ(fcntl(shared.fd, F_GET_SEALS), F_SEAL_SEAL);
	for (size_t i = 0; i < ARRAY_SIZE(seals); i++)
		ASSERT_ERR(SYS(fcntl(shared.fd, F_ADD_SEALS, seals[i])), EPERM);
	unshare_buffer(&shared);
}

/* A read-only export stays read-only with later seals, so F_SEAL_SEAL is not needed. */
static void read_only_stays_sealable(struct instance *instance)
{
	struct dmabuffs_info info;
	struct shared shared;
	int fd;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_READONLY, 0);
	ASSERT_EQ(fcntl(shared.fd, F_GET_SEALS), 0);
	ASSERT_OK(SYS(fcntl(shared.fd, F_ADD_SEALS, F_SEAL_WRITE)));
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	ASSERT_OK(raw_info(fd, &info));
	ASSERT_EQ(info.seals, F_SEAL_WRITE);
	close(fd);
	unshare_buffer(&shared);
}

static void never_sealable(struct instance *instance)
{
	int fd = ASSERT_OK(SYS(memfd_create("plain", MFD_CLOEXEC)));
	struct shared shared;

	ASSERT_OK(SYS(ftruncate(fd, PAGE)));
	share_fd(&shared, instance, fd, 0, 0);
	close(ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR)));
	unshare_buffer(&shared);
}

/* Growth after the exporter's exit would be charged to no process. */
static void persistent_cannot_grow(struct instance *instance)
{
	int unsealable = ASSERT_OK(SYS(memfd_create("plain", MFD_CLOEXEC)));
	int root = ASSERT_OK(raw_root(instance)), fd;
	struct shared shared;
	uint8_t uuid[16];

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_PERSIST, 0);
	ASSERT_EQ(fcntl(shared.fd, F_GET_SEALS), F_SEAL_GROW | F_SEAL_SEAL);
	ASSERT_ERR(SYS(ftruncate(shared.fd, 2 * PAGE)), EPERM);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT(pwrite(fd, "x", 1, PAGE) < 1);
	close(fd);
	unshare_buffer(&shared);
	ASSERT_OK(SYS(ftruncate(unsealable, PAGE)));
	ASSERT_ERR(raw_export_fd(root, unsealable, DMABUFFS_EXPORT_PERSIST, 0, uuid),
		   EPERM);
	ASSERT_EQ(raw_count(instance), 0);
	close(root);
}

static void mode_frozen_by_export(struct instance *instance)
{
	struct shared shared;
	struct stat st;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_MODE, 0666);
	ASSERT_OK(SYS(fstat(shared.fd, &st)));
	ASSERT_EQ(st.st_mode & 066, 0);
	unshare_buffer(&shared);
}

/* A refused export does not change the caller's memfd. */
static void refusal_changes_nothing(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance));
	int fd = raw_memfd(PAGE);
	struct stat before, after;
	uint8_t uuid[16];

	ASSERT_OK(SYS(fchmod(fd, 0666)));
	ASSERT_OK(SYS(fstat(fd, &before)));
	ASSERT_ERR(raw_export_fd(root, fd, DMABUFFS_EXPORT_MODE, 07777, uuid), EINVAL);
	ASSERT_ERR(raw_export_fd(root, fd, 1U << 20, 0, uuid), EOPNOTSUPP);
	ASSERT_OK(SYS(fstat(fd, &after)));
	ASSERT_EQ(after.st_mode, before.st_mode);
	ASSERT_EQ(fcntl(fd, F_GET_SEALS), 0);
	close(root);
}

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* MFD_NOEXEC_SEAL forbids some changes of the mode; the export must work regardless. */
static void no_exec_sealed(struct instance *instance)
{
	int fd = ASSERT_OK(SYS(memfd_create("noexec", MFD_CLOEXEC | MFD_NOEXEC_SEAL)));
	struct shared shared;
	struct stat st;

	ASSERT_OK(SYS(ftruncate(fd, PAGE)));
	share_fd(&shared, instance, fd, 0, 0);
	ASSERT_OK(SYS(fstat(fd, &st)));
	ASSERT_EQ(st.st_mode & 066, 0);
	close(ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR)));
	unshare_buffer(&shared);
}

const struct test_case test_cases[] = {
	{"write_sealed", write_sealed},
	{"future_write_sealed", future_write_sealed},
	{"size_sealed", size_sealed},
	{"frozen_by_export", frozen_by_export},
	{"read_only_stays_sealable", read_only_stays_sealable},
	{"never_sealable", never_sealable},
	{"no_exec_sealed", no_exec_sealed},
	{"persistent_cannot_grow", persistent_cannot_grow},
	{"mode_frozen_by_export", mode_frozen_by_export},
	{"refusal_changes_nothing", refusal_changes_nothing},
	{0},
};
