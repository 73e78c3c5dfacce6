/* SPDX-License-Identifier: MIT */
/* test-structs.c - validation of the ioctl structs, with hand-made requests */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>

#include <linux/fs.h>

#include "harness.h"
#include "raw.h"

#define BIGGEST 16383

/* An ioctl of this type with an argument of this size. */
static unsigned long command(unsigned int nr, size_t size)
{
	return _IOC(_IOC_READ | _IOC_WRITE, DMABUFFS_IOC_TYPE, nr, size);
}

/* A buffer for a struct of any length, starting with a valid export request. */
struct any {
	union {
		struct dmabuffs_export export;
		struct dmabuffs_revoke revoke;
		struct dmabuffs_info info;
		struct dmabuffs_withdraw withdraw;
		struct dmabuffs_list list;
		struct dmabuffs_entries entries;
		uint8_t bytes[BIGGEST + 1];
	};
};

static void fill(struct any *any, int fd, uint32_t size)
{
	memset(any, 0, sizeof(*any));
	raw_request(&any->export, fd);
	any->export.size = size;
}

static void fill_withdraw(struct any *any, const struct shared *shared, uint32_t size)
{
	memset(any, 0, sizeof(*any));
	any->withdraw.size = size;
	memcpy(any->withdraw.uuid, shared->uuid, sizeof(any->withdraw.uuid));
}

static int ask(int fd, unsigned int nr, size_t carried, struct any *any)
{
	return (int)SYS(ioctl(fd, command(nr, carried), any));
}

static void short_structs(struct instance *instance)
{
	static struct any any;
	struct shared shared;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	for (uint32_t size = 4; size < sizeof(struct dmabuffs_export); size += 4) {
		fill(&any, shared.fd, size);
		ASSERT_ERR(ask(shared.root, 0, size, &any), EINVAL);
		fill(&any, shared.fd, size);
		ASSERT_ERR(ask(shared.root, 0, sizeof(any.export), &any), EINVAL);
	}
	for (uint32_t size = 4; size < sizeof(struct dmabuffs_revoke); size += 4) {
		fill(&any, 0, size);
		ASSERT_ERR(ask(shared.root, 1, size, &any), EINVAL);
	}
	for (uint32_t size = 4; size < sizeof(struct dmabuffs_withdraw); size += 4) {
		fill_withdraw(&any, &shared, size);
		ASSERT_ERR(ask(shared.root, 3, size, &any), EINVAL);
		ASSERT_ERR(ask(shared.root, 3, sizeof(any.withdraw), &any), EINVAL);
	}
	for (uint32_t size = 4; size < sizeof(struct dmabuffs_list); size += 124) {
		memset(&any, 0, sizeof(any));
		any.list.size = size;
		ASSERT_ERR(ask(shared.root, 4, size, &any), EINVAL);
		ASSERT_ERR(ask(shared.root, 4, sizeof(any.list), &any), EINVAL);
	}
	for (uint32_t size = 4; size < sizeof(struct dmabuffs_entries); size += 1021) {
		memset(&any, 0, sizeof(any));
		any.entries.size = size;
		ASSERT_ERR(ask(shared.root, 7, size, &any), EINVAL);
		ASSERT_ERR(ask(shared.root, 7, sizeof(any.entries), &any), EINVAL);
	}
	for (uint32_t size = 4; size < sizeof(struct dmabuffs_info); size += 4) {
		memset(&any, 0, sizeof(any));
		any.info.size = size;
		ASSERT_ERR(ask(fd, 2, size, &any), EINVAL);
		ASSERT_ERR(ask(fd, 2, sizeof(any.info), &any), EINVAL);
	}
	close(fd);
	ASSERT_EQ(raw_count(instance), 1);
	unshare_buffer(&shared);
}

static void size_beyond_command(struct instance *instance)
{
	static struct any any;
	static const uint32_t sizes[] = {0, 121, 124, 4096, 0x80000000, 0xffffffff};
	int root = ASSERT_OK(raw_root(instance));
	int fd = raw_memfd(PAGE);

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		fill(&any, fd, sizes[i]);
		ASSERT_ERR(ask(root, 0, sizeof(any.export), &any), EINVAL);
	}
	/* Smaller than the size field itself. */
	for (size_t size = 1; size < 4; size++)
		ASSERT_ERR(ask(root, 0, size, &any), EINVAL);
	close(root);
}

static void longer_structs(struct instance *instance)
{
	static struct any any;
	static const uint32_t sizes[] = {121, 128, 4096, BIGGEST};
	int root = ASSERT_OK(raw_root(instance));
	int fd = raw_memfd(PAGE);

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		fill(&any, fd, sizes[i]);
		any.bytes[sizes[i] - 1] = 1;
		ASSERT_ERR(ask(root, 0, sizes[i], &any), E2BIG);
		ASSERT_EQ(any.export.bytes, 0);
		any.bytes[sizes[i] - 1] = 0;
		any.bytes[sizeof(any.export)] = 1;
		ASSERT_ERR(ask(root, 0, sizes[i], &any), E2BIG);
		ASSERT_EQ(any.export.bytes, 0);
		any.bytes[sizeof(any.export)] = 0;
		ASSERT_OK(ask(root, 0, sizes[i], &any));
		ASSERT_EQ(any.export.bytes, PAGE);
	}
	ASSERT_EQ(raw_count(instance), 1);
	close(root);
}

static void longer_info(struct instance *instance)
{
	static struct any any;
	struct shared shared;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	any.info.size = sizeof(any.info) + 8;
	any.bytes[sizeof(any.info)] = 1;
	ASSERT_ERR(ask(fd, 2, sizeof(any.info) + 8, &any), E2BIG);
	any.bytes[sizeof(any.info)] = 0;
	ASSERT_OK(ask(fd, 2, sizeof(any.info) + 8, &any));
	ASSERT_EQ(any.info.bytes, PAGE);
	ASSERT(memcmp(any.info.uuid, shared.uuid, sizeof(shared.uuid)) == 0);
	close(fd);
	unshare_buffer(&shared);
}

static void longer_withdraw(struct instance *instance)
{
	static struct any any;
	static const uint32_t sizes[] = {25, 32, 4096, BIGGEST};
	struct shared shared;

	share(&shared, instance, PAGE, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		fill_withdraw(&any, &shared, sizes[i]);
		any.bytes[sizes[i] - 1] = 1;
		ASSERT_ERR(ask(shared.root, 3, sizes[i], &any), E2BIG);
		ASSERT_ERR(ask(shared.root, 3, sizes[i] - 1, &any), EINVAL);
		any.withdraw.size = 0xffffffff;
		ASSERT_ERR(ask(shared.root, 3, sizes[i], &any), EINVAL);
	}
	close(ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY)));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		fill_withdraw(&any, &shared, sizes[i]);
		ASSERT_OK(ask(shared.root, 3, sizes[i], &any));
		ASSERT_OK(raw_export_fd(shared.root, shared.fd, 0, 0, shared.uuid));
	}
	unshare_buffer(&shared);
}

static void longer_list(struct instance *instance)
{
	static struct any any;
	struct shared shared;
	size_t size = sizeof(any.list) + 8;

	share(&shared, instance, PAGE, 0, 0);
	any.list.size = (uint32_t)size;
	any.bytes[size - 1] = 1;
	ASSERT_ERR(ask(shared.root, 4, size, &any), E2BIG);
	any.bytes[size - 1] = 0;
	ASSERT_OK(ask(shared.root, 4, size, &any));
	ASSERT_EQ(any.list.count, 1);
	ASSERT(memcmp(any.list.uuids[0], shared.uuid, sizeof(shared.uuid)) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(any.list.reserved); i++) {
		memset(&any, 0, sizeof(any));
		any.list.size = sizeof(any.list);
		any.list.reserved[i] = 1;
		ASSERT_ERR(ask(shared.root, 4, sizeof(any.list), &any), EINVAL);
		ASSERT_EQ(any.list.count, 0);
	}
	unshare_buffer(&shared);
}

static void longer_entries(struct instance *instance)
{
	static struct any any;
	struct shared shared;
	size_t size = sizeof(any.entries) + 8;

	share(&shared, instance, PAGE, 0, 0);
	any.entries.size = (uint32_t)size;
	any.bytes[size - 1] = 1;
	ASSERT_ERR(ask(shared.root, 7, size, &any), E2BIG);
	any.bytes[size - 1] = 0;
	ASSERT_OK(ask(shared.root, 7, size, &any));
	ASSERT_EQ(any.entries.count, 1);
	any.entries.size = 0xffffffff;
	ASSERT_ERR(ask(shared.root, 7, size, &any), EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(any.entries.reserved); i++) {
		memset(&any, 0, sizeof(any));
		any.entries.size = sizeof(any.entries);
		any.entries.reserved[i] = 1;
		ASSERT_ERR(ask(shared.root, 7, sizeof(any.entries), &any), EINVAL);
		ASSERT_EQ(any.entries.count, 0);
	}
	unshare_buffer(&shared);
}

static void unknown_flags(struct instance *instance)
{
	struct dmabuffs_withdraw withdraw = {.size = sizeof(withdraw)};
	struct dmabuffs_revoke revoke = {.size = sizeof(revoke)};
	struct dmabuffs_info info = {.size = sizeof(info)};
	struct dmabuffs_list list = {.size = sizeof(list)};
	struct dmabuffs_ended ended = {.size = sizeof(ended)};
	struct dmabuffs_limits limits = {.size = sizeof(limits)};
	struct dmabuffs_entries entries = {.size = sizeof(entries)};
	struct dmabuffs_upgrade upgrade = {.size = sizeof(upgrade)};
	struct shared shared;
	uint8_t uuid[16];
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	memcpy(revoke.uuid, shared.uuid, sizeof(revoke.uuid));
	memcpy(withdraw.uuid, shared.uuid, sizeof(withdraw.uuid));
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	for (int bit = 0; bit < 32; bit++) {
		if (bit >= 5)
			ASSERT_ERR(
				raw_export_fd(shared.root, shared.fd, 1U << bit, 0, uuid),
				EOPNOTSUPP);
		revoke.flags = withdraw.flags = info.flags = list.flags = 1U << bit;
		ended.flags = 1U << bit;
		ASSERT_ERR(SYS(ioctl(shared.root, DMABUFFS_IOC_ENDED, &ended)),
			   EOPNOTSUPP);
		limits.flags = 1U << bit;
		ASSERT_ERR(SYS(ioctl(shared.root, DMABUFFS_IOC_LIMITS, &limits)),
			   EOPNOTSUPP);
		upgrade.flags = 1U << bit;
		ASSERT_ERR(SYS(ioctl(shared.root, DMABUFFS_IOC_UPGRADE, &upgrade)),
			   EOPNOTSUPP);
		ASSERT_ERR(SYS(ioctl(shared.root, DMABUFFS_IOC_LIST, &list)), EOPNOTSUPP);
		entries.flags = 1U << bit;
		ASSERT_ERR(SYS(ioctl(shared.root, DMABUFFS_IOC_ENTRIES, &entries)),
			   EOPNOTSUPP);
		ASSERT_ERR(SYS(ioctl(shared.root, DMABUFFS_IOC_REVOKE, &revoke)),
			   EOPNOTSUPP);
		if (withdraw.flags != DMABUFFS_WITHDRAW_OWN)
			ASSERT_ERR(
				SYS(ioctl(shared.root, DMABUFFS_IOC_WITHDRAW, &withdraw)),
				EOPNOTSUPP);
		ASSERT_ERR(SYS(ioctl(fd, DMABUFFS_IOC_INFO, &info)), EOPNOTSUPP);
	}
	ASSERT_OK(raw_exists(instance, shared.uuid));
	close(fd);
	unshare_buffer(&shared);
}

static void foreign_commands(int fd)
{
	static const unsigned long commands[] = {FS_IOC_GETFLAGS, TCGETS,
						 FIGETBSZ + 1,    BLKGETSIZE64,
						 TIOCGWINSZ,      0x12345678};
	static struct any any;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		ASSERT_ERR(SYS(ioctl(fd, commands[i], &any)), ENOTTY);
	for (unsigned int nr = 8; nr < 256; nr += 21)
		ASSERT_ERR(ask(fd, nr, sizeof(any.export), &any), ENOTTY);
	/* Valid except for the type. */
	ASSERT_ERR(SYS(ioctl(fd, _IOWR(0xDD, 0x00, struct dmabuffs_export), &any)),
		   ENOTTY);
	ASSERT_ERR(SYS(ioctl(fd, _IOWR(0xDD, 0x02, struct dmabuffs_info), &any)), ENOTTY);
}

static void unknown_commands(struct instance *instance)
{
	struct shared shared;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	foreign_commands(shared.root);
	foreign_commands(fd);
	close(fd);
	unshare_buffer(&shared);
}

/* Valid numbers with an invalid direction. */
static void other_directions(struct instance *instance)
{
	static const unsigned int directions[] = {_IOC_NONE, _IOC_READ, _IOC_WRITE};
	static struct any any;
	struct shared shared;

	share(&shared, instance, PAGE, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(directions); i++) {
		unsigned long cmd = _IOC(directions[i], DMABUFFS_IOC_TYPE, 0,
					 directions[i] ? sizeof(any.export) : 0);
		int result;

		fill(&any, shared.fd, sizeof(any.export));
		result = (int)SYS(ioctl(shared.root, cmd, &any));
		/* Both fit: the command is unknown, and it may carry no argument. */
		ASSERT(result == -ENOTTY || result == -EINVAL);
	}
	ASSERT_EQ(raw_count(instance), 1);
	unshare_buffer(&shared);
}

static void wrong_files(struct instance *instance)
{
	struct dmabuffs_entries entries = {.size = sizeof(entries)};
	struct dmabuffs_list list = {.more = 1};
	struct dmabuffs_info info;
	struct shared shared;
	uint8_t uuid[16];
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_ERR(raw_list(fd, &list), ENOTTY);
	ASSERT_ERR(SYS(ioctl(fd, DMABUFFS_IOC_ENTRIES, &entries)), ENOTTY);
	ASSERT_ERR(raw_info(shared.root, &info), ENOTTY);
	ASSERT_ERR(raw_export_fd(fd, shared.fd, 0, 0, uuid), ENOTTY);
	ASSERT_ERR(raw_revoke(fd, shared.uuid), ENOTTY);
	ASSERT_ERR(raw_withdraw(fd, shared.uuid), ENOTTY);
	ASSERT_OK(raw_exists(instance, shared.uuid));
	close(fd);
	unshare_buffer(&shared);
}

static void bad_pointers(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance));
	struct dmabuffs_export *request;
	int fd = raw_memfd(PAGE);

	ASSERT_ERR(SYS(ioctl(root, DMABUFFS_IOC_EXPORT, NULL)), EFAULT);
	ASSERT_ERR(SYS(ioctl(root, DMABUFFS_IOC_EXPORT, (void *)1)), EFAULT);
	/* Read-only memory: the export succeeds, but its result cannot be copied out. */
	request = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	raw_request(request, fd);
	ASSERT_OK(SYS(mprotect(request, PAGE, PROT_READ)));
	ASSERT_ERR(raw_export(root, request), EFAULT);
	close(root);
}

static void outputs_untouched(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance));
	struct dmabuffs_export request, before;

	raw_request(&request, STDOUT_FILENO);
	memset(request.uuid, 0xa5, sizeof(request.uuid));
	request.bytes = 0xa5a5a5a5a5a5a5a5;
	before = request;
	request.fd = before.fd = 1000;
	ASSERT_ERR(raw_export(root, &request), EBADF);
	ASSERT(memcmp(&request, &before, sizeof(request)) == 0);
	request.fd = before.fd = raw_memfd(PAGE);
	request.flags = before.flags = 0x80000000;
	ASSERT_ERR(raw_export(root, &request), EOPNOTSUPP);
	ASSERT(memcmp(&request, &before, sizeof(request)) == 0);
	close(root);
}

const struct test_case test_cases[] = {
	{"short_structs", short_structs},
	{"size_beyond_command", size_beyond_command},
	{"longer_structs", longer_structs},
	{"longer_info", longer_info},
	{"longer_withdraw", longer_withdraw},
	{"longer_list", longer_list},
	{"longer_entries", longer_entries},
	{"unknown_flags", unknown_flags},
	{"unknown_commands", unknown_commands},
	{"other_directions", other_directions},
	{"wrong_files", wrong_files},
	{"bad_pointers", bad_pointers},
	{"outputs_untouched", outputs_untouched},
	{0},
};
