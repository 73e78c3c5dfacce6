/* SPDX-License-Identifier: MIT */
/* test-import.c - operations on an opened name, with passthrough */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "child.h"
#include "harness.h"
#include "raw.h"

static void mapping_is_the_buffer(struct instance *instance)
{
	struct dmabuffs_info info;
	struct shared shared;
	uint8_t *here, *there;
	int fd;

	share(&shared, instance, 16 * PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_OK(raw_info(fd, &info));
	ASSERT(info.flags & DMABUFFS_INFO_PASSTHROUGH);
	ASSERT_OK(
		raw_map(shared.fd, shared.bytes, PROT_READ | PROT_WRITE, (void **)&here));
	ASSERT_OK(raw_map(fd, shared.bytes, PROT_READ | PROT_WRITE, (void **)&there));
	for (size_t i = 0; i < shared.bytes; i += 511)
		ASSERT_EQ(there[i], pattern(i));
	here[12345] = 0x5a;
	ASSERT_EQ(there[12345], 0x5a);
	there[54321] = 0xa5;
	ASSERT_EQ(here[54321], 0xa5);
	close(fd);
	/* The mapping stays valid after close(2). */
	here[1] = 0x77;
	ASSERT_EQ(there[1], 0x77);
	munmap(there, shared.bytes);
	unshare_buffer(&shared);
}

static void two_importers(struct instance *instance)
{
	struct shared shared;
	uint8_t *first, *second;
	int a, b;

	share(&shared, instance, PAGE, 0, 0);
	a = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	b = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	ASSERT_OK(raw_map(a, PAGE, PROT_READ | PROT_WRITE, (void **)&first));
	ASSERT_OK(raw_map(b, PAGE, PROT_READ, (void **)&second));
	first[3] = 0x33;
	ASSERT_EQ(second[3], 0x33);
	ASSERT_EQ(pwrite(a, "x", 1, 4), 1);
	ASSERT_EQ(second[4], 'x');
	unshare_buffer(&shared);
}

static void read_and_write(struct instance *instance)
{
	struct shared shared;
	uint8_t bytes[100];
	int fd;

	share(&shared, instance, 2 * PAGE + 100, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_EQ(pread(fd, bytes, 100, 8150), 100);
	for (size_t i = 0; i < 100; i++)
		ASSERT_EQ(bytes[i], pattern(8150 + i));
	memset(bytes, 0xee, sizeof(bytes));
	ASSERT_EQ(pwrite(fd, bytes, 100, 4090), 100);
	memset(bytes, 0, sizeof(bytes));
	ASSERT_EQ(pread(shared.fd, bytes, 100, 4090), 100);
	ASSERT_EQ(bytes[99], 0xee);
	/* At the end of the file. */
	ASSERT_EQ(pread(fd, bytes, 100, (off_t)shared.bytes - 10), 10);
	ASSERT_EQ(pread(fd, bytes, 100, (off_t)shared.bytes), 0);
	ASSERT_EQ(lseek(fd, 0, SEEK_END), (off_t)shared.bytes);
	ASSERT_EQ(lseek(fd, 0, SEEK_SET), 0);
	ASSERT_EQ(read(fd, bytes, 10), 10);
	ASSERT_EQ(lseek(fd, 0, SEEK_CUR), 10);
	ASSERT_EQ(bytes[9], pattern(9));
	close(fd);
	unshare_buffer(&shared);
}

static void read_only(struct instance *instance)
{
	struct shared shared;
	void *address;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	ASSERT_ERR(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, &address), EACCES);
	ASSERT_ERR(raw_map(fd, PAGE, PROT_WRITE, &address), EACCES);
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ, &address));
	ASSERT_ERR(SYS(mprotect(address, PAGE, PROT_READ | PROT_WRITE)), EACCES);
	ASSERT_ERR(SYS(write(fd, "x", 1)), EBADF);
	ASSERT_ERR(SYS(pwrite(fd, "x", 1, 0)), EBADF);
	ASSERT_EQ(*(uint8_t *)address, pattern(0));
	close(fd);
	unshare_buffer(&shared);
}

static void write_only(struct instance *instance)
{
	struct shared shared;
	void *address;
	uint8_t byte;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_WRONLY));
	ASSERT_EQ(pwrite(fd, "x", 1, 5), 1);
	ASSERT_ERR(SYS(pread(fd, &byte, 1, 0)), EBADF);
	ASSERT_ERR(raw_map(fd, PAGE, PROT_READ, &address), EACCES);
	ASSERT_EQ(pread(shared.fd, &byte, 1, 5), 1);
	ASSERT_EQ(byte, 'x');
	close(fd);
	unshare_buffer(&shared);
}

/*
 * Access mode 3 requires read and write permission but permits neither read(2) nor
 * write(2), only ioctl(2). An exchange must not extend it.
 */
static void access_mode_3(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	struct shared shared;
	void *address;
	char byte = 0;
	int fd, copy;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_READONLY, 0);
	ASSERT_ERR(raw_open(instance, shared.uuid, O_ACCMODE), EPERM);
	unshare_buffer(&shared);
	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_ACCMODE));
	ASSERT_ERR(SYS(pread(fd, &byte, 1, 0)), EBADF);
	ASSERT_ERR(SYS(pwrite(fd, &byte, 1, 0)), EBADF);
	ASSERT_ERR(raw_map(fd, PAGE, PROT_READ, &address), EACCES);
	copy = raw_exchange(connection, fd);
	if (copy >= 0) {
		ASSERT_ERR(SYS(pread(copy, &byte, 1, 0)), EBADF);
		ASSERT_ERR(SYS(pwrite(copy, &byte, 1, 0)), EBADF);
		close(copy);
	}
	close(fd);
	close(connection);
	unshare_buffer(&shared);
}

static void private_mapping(struct instance *instance)
{
	struct shared shared;
	uint8_t *address, byte;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	address = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ASSERT(address != MAP_FAILED);
	ASSERT_EQ(address[8], pattern(8));
	address[8] = 0;
	ASSERT_EQ(pread(shared.fd, &byte, 1, 8), 1);
	ASSERT_EQ(byte, pattern(8));
	close(fd);
	unshare_buffer(&shared);
}

/* Executable mappings are refused, whatever the exporter's memfd allows. */
static void no_exec_mapping(struct instance *instance)
{
	struct shared shared;
	void *address;
	int fd;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_MODE, 0777);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_ERR(raw_map(fd, PAGE, PROT_READ | PROT_EXEC, &address), EPERM);
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ, &address));
	ASSERT_ERR(SYS(mprotect(address, PAGE, PROT_READ | PROT_EXEC)), EACCES);
	close(fd);
	unshare_buffer(&shared);
}

static void fixed_size(struct instance *instance)
{
	struct shared shared;
	struct stat st;
	int fd;

	share(&shared, instance, 2 * PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_ERR(SYS(ftruncate(fd, 0)), EPERM);
	ASSERT_ERR(SYS(ftruncate(fd, 1 << 20)), EPERM);
	ASSERT_ERR(SYS(truncate(shared.path, PAGE)), EPERM);
	ASSERT_ERR(raw_open(instance, shared.uuid, O_RDWR | O_TRUNC), EPERM);
	ASSERT_ERR(SYS(fallocate(fd, 0, 0, 1 << 20)), EOPNOTSUPP);
	ASSERT_ERR(
		SYS(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE)),
		EOPNOTSUPP);
	ASSERT_OK(SYS(fstat(shared.fd, &st)));
	ASSERT_EQ(st.st_size, 2 * PAGE);
	close(fd);
	unshare_buffer(&shared);
}

static void read_only_export(struct instance *instance)
{
	struct dmabuffs_info info;
	struct shared shared;
	uint8_t *address;
	int fd;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_READONLY | DMABUFFS_EXPORT_MODE,
	      0666);
	ASSERT_ERR(raw_open(instance, shared.uuid, O_RDWR), EPERM);
	ASSERT_ERR(raw_open(instance, shared.uuid, O_WRONLY), EPERM);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	ASSERT_OK(raw_info(fd, &info));
	ASSERT(info.flags & DMABUFFS_INFO_READONLY);
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ, (void **)&address));
	/* The exporter can still write. */
	ASSERT_EQ(pwrite(shared.fd, "w", 1, 0), 1);
	ASSERT_EQ(address[0], 'w');
	close(fd);
	unshare_buffer(&shared);
}

static int inherit(void *data)
{
	int fd = *(int *)data;
	uint8_t *address;

	ASSERT_OK(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, (void **)&address));
	ASSERT_EQ(address[2], pattern(2));
	address[2] = 0xcc;
	return 0;
}

static void survives_fork(struct instance *instance)
{
	struct shared shared;
	uint8_t byte;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	/* A user that could not open the name itself. */
	ASSERT_OK(child_call(USER(1001), inherit, &fd));
	ASSERT_EQ(pread(fd, &byte, 1, 2), 1);
	ASSERT_EQ(byte, 0xcc);
	close(fd);
	unshare_buffer(&shared);
}

static void survives_exec(struct instance *instance)
{
	struct shared shared;
	uint8_t bytes[200];
	int fd, ends[2];
	pid_t pid;

	share(&shared, instance, sizeof(bytes), 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	ASSERT_OK(SYS(pipe2(ends, O_CLOEXEC)));
	pid = fork();
	if (pid == 0) {
		dup2(fd, STDIN_FILENO);
		dup2(ends[1], STDOUT_FILENO);
		execl("/bin/cat", "cat", NULL);
		_exit(127);
	}
	ASSERT_EQ(waitpid(pid, NULL, 0), pid);
	ASSERT_EQ(read(ends[0], bytes, sizeof(bytes)), sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		ASSERT_EQ(bytes[i], pattern(i));
	close(fd);
	unshare_buffer(&shared);
}

static void handed_over(struct instance *instance)
{
	struct shared shared;
	int ends[2], fd, received;
	uint8_t byte;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	ASSERT_OK(SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, ends)));
	peer_put_fd(ends[0], fd);
	close(fd);
	received = peer_get_fd(ends[1]);
	ASSERT_EQ(pread(received, &byte, 1, 11), 1);
	ASSERT_EQ(byte, pattern(11));
	close(received);
	unshare_buffer(&shared);
}

static void sends_as_a_file(struct instance *instance)
{
	struct shared shared;
	int fd, copy = raw_memfd(0);
	off_t offset = 0;
	uint8_t byte;

	share(&shared, instance, 8 * PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	while (offset < (off_t)shared.bytes)
		ASSERT(sendfile(copy, fd, &offset, shared.bytes) > 0);
	ASSERT_EQ(pread(copy, &byte, 1, 30000), 1);
	ASSERT_EQ(byte, pattern(30000));
	close(fd);
	unshare_buffer(&shared);
}

const struct test_case test_cases[] = {
	{"mapping_is_the_buffer", mapping_is_the_buffer},
	{"two_importers", two_importers},
	{"read_and_write", read_and_write},
	{"read_only", read_only},
	{"write_only", write_only},
	{"access_mode_3", access_mode_3},
	{"private_mapping", private_mapping},
	{"no_exec_mapping", no_exec_mapping},
	{"fixed_size", fixed_size},
	{"read_only_export", read_only_export},
	{"survives_fork", survives_fork},
	{"survives_exec", survives_exec},
	{"handed_over", handed_over},
	{"sends_as_a_file", sends_as_a_file},
	{0},
};
