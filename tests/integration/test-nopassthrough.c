/* SPDX-License-Identifier: MIT */
/* test-nopassthrough.c - an instance that cannot, or may not, use passthrough */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "harness.h"
#include "raw.h"

static void no_shared_mapping(struct instance *instance)
{
	struct dmabuffs_info info;
	struct shared shared;
	void *address;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_ERR(raw_map(fd, PAGE, PROT_READ, &address), ENODEV);
	ASSERT_ERR(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, &address), ENODEV);
	ASSERT_OK(raw_info(fd, &info));
	ASSERT(!(info.flags & DMABUFFS_INFO_PASSTHROUGH));
	close(fd);
	unshare_buffer(&shared);
}

/* Through the daemon, without a cached copy of the buffer. */
static void read_and_write(struct instance *instance)
{
	struct shared shared;
	uint8_t *here, bytes[300];
	int fd, other;

	share(&shared, instance, 3 * PAGE, 0, 0);
	ASSERT_OK(
		raw_map(shared.fd, shared.bytes, PROT_READ | PROT_WRITE, (void **)&here));
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	other = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	ASSERT_EQ(pread(other, bytes, 300, 4000), 300);
	for (size_t i = 0; i < 300; i++)
		ASSERT_EQ(bytes[i], pattern(4000 + i));
	here[4001] = 0x11;
	ASSERT_EQ(pread(other, bytes, 1, 4001), 1);
	ASSERT_EQ(bytes[0], 0x11);
	memset(bytes, 0x22, sizeof(bytes));
	ASSERT_EQ(pwrite(fd, bytes, 300, 4000), 300);
	ASSERT_EQ(here[4299], 0x22);
	ASSERT_EQ(pread(other, bytes, 300, (off_t)shared.bytes - 7), 7);
	ASSERT_EQ(pread(other, bytes, 300, (off_t)shared.bytes), 0);
	close(fd);
	close(other);
	unshare_buffer(&shared);
}

/* The kernel's size of the name is stale: the memfd grew behind its back. */
static void append_after_growth(struct instance *instance)
{
	struct shared shared;
	char bytes[8] = {0};
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_WRONLY | O_APPEND));
	ASSERT_EQ(write(fd, "one", 3), 3);
	ASSERT_OK(SYS(ftruncate(shared.fd, 3 * PAGE)));
	ASSERT_EQ(pwrite(shared.fd, "end", 3, 3 * PAGE - 3), 3);
	ASSERT_EQ(write(fd, "two", 3), 3);
	ASSERT_EQ(write(fd, "six", 3), 3);
	ASSERT_EQ(lseek(shared.fd, 0, SEEK_END), 3 * PAGE + 6);
	ASSERT_EQ(pread(shared.fd, bytes, 6, 3 * PAGE), 6);
	ASSERT(memcmp(bytes, "twosix", 6) == 0);
	ASSERT_EQ(pread(shared.fd, bytes, 6, PAGE), 6);
	ASSERT(memcmp(bytes, "one\0\0", 6) == 0);
	close(fd);
	unshare_buffer(&shared);
}

static void append_flag_set_later(struct instance *instance)
{
	struct shared shared;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_OK(SYS(fcntl(fd, F_SETFL, O_APPEND)));
	ASSERT_OK(SYS(ftruncate(shared.fd, 2 * PAGE)));
	ASSERT_EQ(write(fd, "x", 1), 1);
	ASSERT_EQ(lseek(shared.fd, 0, SEEK_END), 2 * PAGE + 1);
	close(fd);
	unshare_buffer(&shared);
}

/* The end that an append found does not move: the seal refuses it. */
static void append_to_sealed(struct instance *instance)
{
	int fd = raw_memfd(PAGE), opened;
	struct shared shared;
	char byte;

	ASSERT_OK(SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW)));
	share_fd(&shared, instance, fd, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_WRONLY | O_APPEND));
	ASSERT_ERR(SYS(write(opened, "x", 1)), EPERM);
	ASSERT_EQ(pread(fd, &byte, 1, PAGE - 1), 1);
	ASSERT_EQ((uint8_t)byte, pattern(PAGE - 1));
	close(opened);
	unshare_buffer(&shared);
}

static void access_modes(struct instance *instance)
{
	struct shared shared;
	char byte = 0;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	ASSERT_ERR(SYS(write(fd, &byte, 1)), EBADF);
	close(fd);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_WRONLY));
	ASSERT_ERR(SYS(read(fd, &byte, 1)), EBADF);
	ASSERT_EQ(write(fd, &byte, 1), 1);
	close(fd);
	ASSERT_ERR(raw_open(instance, shared.uuid, O_RDWR | O_TRUNC), EPERM);
	unshare_buffer(&shared);
}

static void write_seal(struct instance *instance)
{
	int fd = raw_memfd(PAGE);
	struct shared shared;

	ASSERT_OK(SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)));
	share_fd(&shared, instance, fd, 0, 0);
	ASSERT_ERR(raw_open(instance, shared.uuid, O_RDWR), EPERM);
	ASSERT_ERR(raw_open(instance, shared.uuid, O_WRONLY), EPERM);
	close(ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY)));
	unshare_buffer(&shared);
}

static void size_seal(struct instance *instance)
{
	int fd = raw_memfd(PAGE), opened;
	struct shared shared;

	ASSERT_OK(SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW)));
	share_fd(&shared, instance, fd, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT(pwrite(opened, "x", 1, PAGE) < 1);
	ASSERT_EQ(pwrite(opened, "x", 1, 0), 1);
	close(opened);
	unshare_buffer(&shared);
}

static void exchange(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	struct shared shared;
	uint8_t *address, byte;
	int fd, copy;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	copy = ASSERT_OK(raw_exchange(connection, fd));
	ASSERT_OK(raw_map(copy, PAGE, PROT_READ | PROT_WRITE, (void **)&address));
	ASSERT_EQ(address[9], pattern(9));
	address[9] = 0x44;
	ASSERT_EQ(pread(fd, &byte, 1, 9), 1);
	ASSERT_EQ(byte, 0x44);
	close(copy);
	close(fd);
	close(connection);
	unshare_buffer(&shared);
}

static void revoked(struct instance *instance)
{
	struct shared shared;
	uint8_t byte;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_OK(raw_revoke(shared.root, shared.uuid));
	ASSERT(pread(fd, &byte, 1, 0) < 1);
	close(fd);
	close(shared.root);
}

/* Requests above the FUSE message limit are split; the parts must join seamlessly. */
static void large_requests(struct instance *instance)
{
	size_t bytes = 5 << 20;
	uint8_t *data = malloc(bytes);
	struct shared shared;
	int fd;

	ASSERT(data);
	share(&shared, instance, bytes, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_EQ(pread(fd, data, bytes, 0), (ssize_t)bytes);
	for (size_t i = 0; i < bytes; i++)
		if (data[i] != pattern(i))
			test_fail(__FILE__, __LINE__, "wrong byte at %zu", i);
	memset(data, 0x61, bytes);
	ASSERT_EQ(pwrite(fd, data, bytes, 0), (ssize_t)bytes);
	memset(data, 0, bytes);
	ASSERT_EQ(pread(shared.fd, data, bytes, 0), (ssize_t)bytes);
	for (size_t i = 0; i < bytes; i++)
		if (data[i] != 0x61)
			test_fail(__FILE__, __LINE__, "not written at %zu", i);
	free(data);
	close(fd);
	unshare_buffer(&shared);
}

const struct test_case test_cases[] = {
	{"no_shared_mapping", no_shared_mapping, "nopassthrough"},
	{"read_and_write", read_and_write, "nopassthrough"},
	{"append_after_growth", append_after_growth, "nopassthrough"},
	{"append_flag_set_later", append_flag_set_later, "nopassthrough"},
	{"append_to_sealed", append_to_sealed, "nopassthrough"},
	{"access_modes", access_modes, "nopassthrough"},
	{"write_seal", write_seal, "nopassthrough"},
	{"size_seal", size_seal, "nopassthrough"},
	{"exchange", exchange, "nopassthrough"},
	{"revoked", revoked, "nopassthrough"},
	{"large_requests", large_requests, "nopassthrough"},
	{0},
};
