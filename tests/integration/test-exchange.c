/* SPDX-License-Identifier: MIT */
/* test-exchange.c - exchanges an opened name for the buffer's descriptor */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "child.h"
#include "harness.h"
#include "raw.h"

/* Opens with these flags and exchanges. */
static int exchanged(const struct shared *shared, int flags)
{
	int connection = ASSERT_OK(raw_connect(shared->instance));
	int opened = ASSERT_OK(raw_open(shared->instance, shared->uuid, flags));
	int fd = ASSERT_OK(raw_exchange(connection, opened));

	close(opened);
	close(connection);
	ASSERT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, flags);
	return fd;
}

static void is_the_buffer(struct instance *instance)
{
	struct shared shared;
	struct stat original, copy;
	uint8_t *address;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = exchanged(&shared, O_RDWR);
	ASSERT_OK(SYS(fstat(shared.fd, &original)));
	ASSERT_OK(SYS(fstat(fd, &copy)));
	ASSERT_EQ(copy.st_dev, original.st_dev);
	ASSERT_EQ(copy.st_ino, original.st_ino);
	/* The descriptor is still a memfd with its properties. */
	ASSERT_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, (void **)&address));
	address[7] = 0x70;
	ASSERT_EQ(pread(shared.fd, address, 1, 7), 1);
	ASSERT_EQ(address[0], 0x70);
	close(fd);
	unshare_buffer(&shared);
}

static void reply_fields(struct instance *instance)
{
	struct dmabuffs_broker_request request = {.size = sizeof(request),
						  .op = DMABUFFS_BROKER_EXCHANGE};
	int connection = ASSERT_OK(raw_connect(instance));
	struct dmabuffs_broker_reply reply;
	static const uint8_t zero[DMABUFFS_TICKET_SIZE];
	struct shared shared;
	int opened, fd;

	share(&shared, instance, 5000, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	ASSERT_OK(raw_send(connection, &request, sizeof(request), &opened, 1));
	ASSERT_OK(raw_receive(connection, &reply, &fd));
	ASSERT(fd >= 0);
	ASSERT_EQ(reply.kind, DMABUFFS_KIND_MEMFD);
	ASSERT_EQ(reply.access, O_RDONLY);
	ASSERT_EQ(reply.bytes, 5000);
	ASSERT(memcmp(reply.ticket, zero, sizeof(zero)) == 0);
	request.op = DMABUFFS_BROKER_TICKET;
	ASSERT_OK(raw_send(connection, &request, sizeof(request), &shared.fd, 1));
	ASSERT_OK(raw_receive(connection, &reply, &fd));
	ASSERT_EQ(fd, -1);
	ASSERT_EQ(reply.kind, DMABUFFS_KIND_MEMFD);
	ASSERT_EQ(reply.access, O_RDWR);
	ASSERT_EQ(reply.bytes, 5000);
	ASSERT(memcmp(reply.ticket, zero, sizeof(zero)) != 0);
	close(opened);
	close(connection);
	unshare_buffer(&shared);
}

static void fresh_descriptions(struct instance *instance)
{
	struct shared shared;
	uint8_t bytes[64];
	int first, second;

	share(&shared, instance, PAGE, 0, 0);
	first = exchanged(&shared, O_RDWR);
	second = exchanged(&shared, O_RDONLY);
	ASSERT_EQ(lseek(first, 0, SEEK_CUR), 0);
	ASSERT_EQ(read(first, bytes, 64), 64);
	ASSERT_EQ(lseek(second, 0, SEEK_CUR), 0);
	ASSERT_EQ(lseek(shared.fd, 0, SEEK_CUR), 0);
	ASSERT_OK(SYS(fcntl(first, F_SETFL, O_APPEND)));
	ASSERT_EQ(fcntl(shared.fd, F_GETFL) & O_APPEND, 0);
	close(first);
	close(second);
	unshare_buffer(&shared);
}

static int narrow_copy(void *data)
{
	struct shared *shared = data;
	int fd = exchanged(shared, O_RDONLY);
	char path[64];
	void *address;

	ASSERT_ERR(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, &address), EACCES);
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ, &address));
	ASSERT_ERR(SYS(mprotect(address, PAGE, PROT_READ | PROT_WRITE)), EACCES);
	ASSERT_ERR(SYS(pwrite(fd, "x", 1, 0)), EBADF);
	ASSERT_ERR(SYS(ftruncate(fd, 0)), EINVAL);
	ASSERT_ERR(SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK)), EPERM);
	/* Reopening through /proc must not grant write access (a past bug of bpffs). */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ASSERT_ERR(SYS(open(path, O_RDWR)), EACCES);
	ASSERT_ERR(SYS(open(path, O_WRONLY)), EACCES);
	ASSERT_ERR(SYS(truncate(path, 0)), EACCES);
	ASSERT_ERR(SYS(fchmod(fd, 0666)), EPERM);
	return 0;
}

static void read_only_for_another_user(struct instance *instance)
{
	struct shared shared;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_MODE, 0644);
	ASSERT_OK(child_call(USER(1001), narrow_copy, &shared));
	unshare_buffer(&shared);
}

/* Another user's memfd has mode 0777 but is exported read-only, which must hold. */
static void read_only_of_read_only_export(struct instance *instance)
{
	struct shared shared;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_READONLY | DMABUFFS_EXPORT_MODE,
	      0644);
	ASSERT_OK(child_call(USER(1001), narrow_copy, &shared));
	unshare_buffer(&shared);
}

static void write_only(struct instance *instance)
{
	struct shared shared;
	uint8_t byte;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = exchanged(&shared, O_WRONLY);
	ASSERT_EQ(pwrite(fd, "w", 1, 3), 1);
	ASSERT_ERR(SYS(pread(fd, &byte, 1, 3)), EBADF);
	close(fd);
	unshare_buffer(&shared);
}

static void no_opened_name(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	struct shared shared;
	char broker[INSTANCE_PATH_SIZE + 10];
	int opened, path;

	share(&shared, instance, PAGE, 0, 0);
	/* The name is open, but not through the descriptors that are tried. */
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	path = ASSERT_OK(SYS(open(shared.path, O_PATH)));
	ASSERT_ERR(raw_exchange(connection, path), EBADFD);
	ASSERT_ERR(raw_exchange(connection, shared.root), EBADFD);
	ASSERT_ERR(raw_exchange(connection, shared.fd), EBADFD);
	ASSERT_ERR(raw_exchange(connection, connection), EBADFD);
	close(path);
	snprintf(broker, sizeof(broker), "%s/%s", instance->dir, DMABUFFS_BROKER_NAME);
	path = ASSERT_OK(SYS(open(broker, O_PATH)));
	ASSERT_ERR(raw_exchange(connection, path), EBADFD);
	close(path);
	close(opened);
	close(connection);
	unshare_buffer(&shared);
}

/* Both instances use the same inode numbers, and the name is open there, too. */
static void another_instance(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	struct shared here, there;
	struct instance other;
	struct stat a, b;
	int opened, foreign;

	instance_start(&other, NULL);
	share(&here, instance, PAGE, 0, 0);
	share(&there, &other, PAGE, DMABUFFS_EXPORT_MODE, 0644);
	opened = ASSERT_OK(raw_open(instance, here.uuid, O_RDWR));
	foreign = ASSERT_OK(raw_open(&other, there.uuid, O_RDWR));
	ASSERT_OK(SYS(fstat(opened, &a)));
	ASSERT_OK(SYS(fstat(foreign, &b)));
	ASSERT_EQ(a.st_ino, b.st_ino);
	ASSERT_ERR(raw_exchange(connection, foreign), EBADFD);
	close(ASSERT_OK(raw_exchange(connection, opened)));
	close(foreign);
	close(opened);
	close(connection);
	unshare_buffer(&there);
	instance_stop(&other);
	unshare_buffer(&here);
}

static void without_its_name(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	struct shared shared;
	uint8_t byte;
	int opened, fd;

	share(&shared, instance, PAGE, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	unshare_buffer(&shared);
	fd = ASSERT_OK(raw_exchange(connection, opened));
	close(opened);
	ASSERT_EQ(pread(fd, &byte, 1, 5), 1);
	ASSERT_EQ(byte, pattern(5));
	close(fd);
	close(connection);
}

/* Any process with the opened name may exchange it, also an inherited one. */
static int exchange_inherited(void *data)
{
	struct shared *shared = data;
	int connection = ASSERT_OK(raw_connect(shared->instance));

	ASSERT_ERR(raw_open(shared->instance, shared->uuid, O_RDONLY), EACCES);
	return raw_exchange(connection, shared->root);
}

static void by_possession(struct instance *instance)
{
	struct shared shared, given;

	share(&shared, instance, PAGE, 0, 0);
	given = shared;
	given.root = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_OK(child_call(USER(1001), exchange_inherited, &given));
	close(given.root);
	unshare_buffer(&shared);
}

const struct test_case test_cases[] = {
	{"is_the_buffer", is_the_buffer},
	{"reply_fields", reply_fields},
	{"fresh_descriptions", fresh_descriptions},
	{"read_only_for_another_user", read_only_for_another_user},
	{"read_only_of_read_only_export", read_only_of_read_only_export},
	{"write_only", write_only},
	{"no_opened_name", no_opened_name},
	{"another_instance", another_instance},
	{"without_its_name", without_its_name},
	{"by_possession", by_possession},
	{0},
};
