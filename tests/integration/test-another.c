/* SPDX-License-Identifier: MIT */
/* test-another.c - several names for one buffer: DMABUFFS_EXPORT_ANOTHER */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "books.h"
#include "harness.h"
#include "raw.h"

#define ANOTHER DMABUFFS_EXPORT_ANOTHER

/* Reads and writes the memory through a name. */
static void expect_byte(const struct instance *instance, const uint8_t uuid[16],
			uint8_t expected, uint8_t next)
{
	int fd = ASSERT_OK(raw_open(instance, uuid, O_RDWR));
	uint8_t byte;

	ASSERT_EQ(pread(fd, &byte, 1, 0), 1);
	ASSERT_EQ(byte, expected);
	ASSERT_EQ(pwrite(fd, &next, 1, 0), 1);
	close(fd);
}

/* An export without ANOTHER returns the name of an earlier such export, or a new one. */
static void expect_plain_exports(const struct shared *shared, const uint8_t another[16])
{
	const struct instance *instance = shared->instance;
	uint8_t uuid[16];

	ASSERT_OK(raw_export_fd(shared->root, shared->fd, 0, 0, uuid));
	ASSERT(same(uuid, shared->uuid));
	ASSERT_OK(raw_withdraw(shared->root, shared->uuid));
	ASSERT_OK(raw_export_fd(shared->root, shared->fd, 0, 0, uuid));
	ASSERT(!same(uuid, shared->uuid) && !same(uuid, another));
	expect_byte(instance, uuid, 6, 7);
	expect_byte(instance, another, 7, 8);
}

static void another_name(struct instance *instance)
{
	struct shared shared;
	uint8_t uuids[3][16];

	share(&shared, instance, PAGE, 0, 0);
	for (int i = 0; i < 3; i++) {
		ASSERT_OK(raw_export_fd(shared.root, shared.fd, ANOTHER, 0, uuids[i]));
		ASSERT(!same(uuids[i], shared.uuid));
		for (int j = 0; j < i; j++)
			ASSERT(!same(uuids[i], uuids[j]));
	}
	ASSERT_EQ(raw_count(instance), 4);
	expect_byte(instance, shared.uuid, pattern(0), 1);
	for (uint8_t i = 0; i < 3; i++)
		expect_byte(instance, uuids[i], i + 1, i + 2);
	/* Each name is removed separately. */
	ASSERT_OK(raw_withdraw(shared.root, uuids[1]));
	ASSERT_ERR(raw_open(instance, uuids[1], O_RDONLY), ENOENT);
	ASSERT_OK(raw_unlink(instance, uuids[2]));
	expect_byte(instance, uuids[0], 4, 5);
	expect_byte(instance, shared.uuid, 5, 6);
	expect_plain_exports(&shared, uuids[0]);
	close(shared.root);
	close(shared.fd);
	expect_nothing_left(instance);
}

/* The first name of a buffer may be made with ANOTHER, too. */
static void another_before_any(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance)), fd = raw_memfd(PAGE);
	uint8_t first[16], plain[16], again[16];

	ASSERT_OK(raw_export_fd(root, fd, ANOTHER, 0, first));
	ASSERT_OK(raw_export_fd(root, fd, 0, 0, plain));
	ASSERT(!same(first, plain));
	ASSERT_OK(raw_withdraw(root, first));
	ASSERT_OK(raw_export_fd(root, fd, 0, 0, again));
	ASSERT(same(plain, again));
	ASSERT_OK(raw_withdraw(root, plain));
	ASSERT_EQ(raw_count(instance), 0);
	close(root);
	close(fd);
}

static void share_full_grown(struct shared *ret_shared, const struct instance *instance)
{
	int fd = raw_memfd(PAGE);

	ASSERT_OK(SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW)));
	share_fd(ret_shared, instance, fd, 0, 0);
}

static void export_on_other_terms(const struct shared *shared,
				  struct dmabuffs_export *ret_request)
{
	raw_request(ret_request, shared->fd);
	ret_request->flags = ANOTHER | DMABUFFS_EXPORT_READONLY | DMABUFFS_EXPORT_MODE |
			     DMABUFFS_EXPORT_PERSIST;
	ret_request->mode = 0444;
	strcpy((char *)ret_request->label, "another");
	ASSERT_OK(raw_export(shared->root, ret_request));
	ASSERT_EQ(ret_request->bytes, PAGE);
}

static void expect_other_terms(const struct instance *instance, const uint8_t uuid[16])
{
	struct dmabuffs_info info;
	struct stat st;
	int fd;

	ASSERT_ERR(raw_open(instance, uuid, O_RDWR), EPERM);
	fd = ASSERT_OK(raw_open(instance, uuid, O_RDONLY));
	ASSERT_OK(SYS(fstat(fd, &st)));
	ASSERT_EQ(st.st_mode & 07777, 0444);
	ASSERT_OK(raw_info(fd, &info));
	ASSERT_EQ(strcmp((char *)info.label, "another"), 0);
	ASSERT(info.flags & DMABUFFS_INFO_PERSIST);
	ASSERT(info.flags & DMABUFFS_INFO_READONLY);
	close(fd);
}

/* Flags, mode and label belong to the name, not to the buffer. */
static void another_on_other_terms(struct instance *instance)
{
	struct dmabuffs_export request;
	struct shared shared;
	uint8_t uuid[16];

	share_full_grown(&shared, instance);
	ASSERT_ERR(
		raw_export_fd(shared.root, shared.fd, DMABUFFS_EXPORT_READONLY, 0, uuid),
		EEXIST);
	export_on_other_terms(&shared, &request);
	expect_other_terms(instance, request.uuid);
	expect_byte(instance, shared.uuid, pattern(0), 1);
	close(shared.root);
	ASSERT(wait_until(name_is_gone, &shared));
	expect_other_terms(instance, request.uuid);
	ASSERT_OK(raw_unlink(instance, request.uuid));
	close(shared.fd);
	expect_nothing_left(instance);
}

/* The first export sealed the seals, so growth cannot be prevented any more. */
static void another_that_persists(struct instance *instance)
{
	struct shared shared;
	uint8_t uuid[16];

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_ERR(raw_export_fd(shared.root, shared.fd,
				 ANOTHER | DMABUFFS_EXPORT_PERSIST, 0, uuid),
		   EPERM);
	ASSERT_EQ(raw_count(instance), 1);
	unshare_buffer(&shared);
	expect_nothing_left(instance);
}

static void another_by_ticket(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	struct dmabuffs_export request;
	struct shared shared;

	share(&shared, instance, PAGE, 0, 0);
	raw_request(&request, -1);
	request.flags = DMABUFFS_EXPORT_TICKET | ANOTHER;
	ASSERT_OK(raw_ticket(connection, shared.fd, request.ticket));
	ASSERT_OK(raw_export(shared.root, &request));
	ASSERT(!same(request.uuid, shared.uuid));
	expect_byte(instance, request.uuid, pattern(0), 1);
	ASSERT_OK(raw_withdraw(shared.root, request.uuid));
	close(connection);
	unshare_buffer(&shared);
}

/* All names share the memory, so revocation affects them all. */
static void revoked_under_another(struct instance *instance)
{
	struct shared shared;
	uint8_t uuid[16], byte;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_OK(raw_export_fd(shared.root, shared.fd, ANOTHER, 0, uuid));
	ASSERT_OK(raw_revoke(shared.root, shared.uuid));
	fd = ASSERT_OK(raw_open(instance, uuid, O_RDWR));
	ASSERT_EQ(pread(fd, &byte, 1, 0), 0);
	close(fd);
	ASSERT_OK(raw_withdraw(shared.root, uuid));
	close(shared.root);
	close(shared.fd);
	expect_nothing_left(instance);
}

const struct test_case test_cases[] = {
	{"another_name", another_name},
	{"another_before_any", another_before_any},
	{"another_on_other_terms", another_on_other_terms},
	{"another_that_persists", another_that_persists},
	{"another_by_ticket", another_by_ticket},
	{"revoked_under_another", revoked_under_another},
	{0},
};
