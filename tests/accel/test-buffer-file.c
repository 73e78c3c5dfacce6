/* SPDX-License-Identifier: MIT */
/* test-buffer-file.c - accel_buffer_import_file(): importing mapped files */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "soft-fixture.h"

TestSuite(accel_buffer_file, .init = soft_init, .fini = soft_finish);

/* An unlinked file, on a file system that is not internal to the kernel. */
static int make_file(uint64_t bytes)
{
	char path[] = "/tmp/dmabuffs-test-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	cr_assert(ge(int, fd, 0));
	cr_assert(zero(int, unlink(path)));
	cr_assert(zero(int, ftruncate(fd, (off_t)bytes)));
	return fd;
}

static uint32_t import_file(int fd)
{
	uint32_t id = 0;

	cr_assert(zero(int, accel_buffer_import_file(soft_context, fd, &id)));
	return id;
}

static void expect_refused(int fd, int error)
{
	uint32_t id = 0;

	cr_expect(eq(int, accel_buffer_import_file(soft_context, fd, &id), error));
	cr_expect(zero(u32, id));
	if (fd >= 0)
		cr_expect(zero(int, close(fd)));
}

Test(accel_buffer_file, is_refused_where_only_shared_buffers_are_meant)
{
	int file = make_file(PAGE);
	uint32_t id;

	cr_expect(eq(int, accel_buffer_import(soft_context, file, &id), -EBADFD));
	cr_expect(zero(int, close(file)));
}

Test(accel_buffer_file, what_cannot_be_mapped_is_refused)
{
	int ends[2];

	cr_assert(zero(int, pipe2(ends, O_CLOEXEC)));
	close(ends[1]);
	expect_refused(-1, -EBADF);
	expect_refused(ends[0], -EBADFD);
	expect_refused(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), -EBADFD);
	expect_refused(open("/dev/null", O_RDWR | O_CLOEXEC), -EBADFD);
	expect_refused(open("/proc/self/maps", O_RDONLY | O_CLOEXEC), -EINVAL);
	expect_refused(make_file(0), -EINVAL);
}

Test(accel_buffer_file, commands_work_on_the_file_itself)
{
	int file = make_file(PAGE), copy = dup(file);
	uint32_t id = import_file(file), asid = soft_asid(soft_context, 0);
	uint32_t queue = soft_queue(soft_context, 0, 0);
	uint64_t iova = soft_map(soft_context, asid, id, PAGE), *view;
	struct accel_command fill = soft_fill(asid, iova, 0x1234);

	view = soft_view(copy, PAGE);
	cr_assert(zero(int, soft_attach(soft_context, queue, asid)));
	cr_assert(zero(i64, soft_submit(soft_context, queue, &fill)));
	cr_assert(soft_completed(soft_context, queue, 1));
	cr_expect(eq(u64, *view, 0x1234));
	munmap(view, PAGE);
}

Test(accel_buffer_file, that_shrinks_is_revoked_memory)
{
	int file = make_file(PAGE), copy = dup(file);
	uint32_t id = import_file(file), asid = soft_asid(soft_context, 0);
	uint32_t queue = soft_queue(soft_context, 0, 0);
	uint64_t iova = soft_map(soft_context, asid, id, PAGE);
	struct accel_command fill = soft_fill(asid, iova, 1);

	cr_assert(zero(int, soft_attach(soft_context, queue, asid)));
	cr_assert(zero(int, ftruncate(copy, 0)));
	cr_assert(zero(i64, soft_submit(soft_context, queue, &fill)));
	cr_assert(soft_in_state(soft_context, queue, ACCEL_QUEUE_FAULTED));
	cr_expect(eq(u32, soft_queue_info(soft_context, queue).fault.reason,
		     ACCEL_FAULT_REVOKED));
	close(copy);
}

Test(accel_buffer_file, is_opened_as_it_was_given)
{
	uint32_t id = import_file(make_file(PAGE));
	struct accel_buffer_info info = {.size = sizeof(info), .id = id};
	int fd;

	cr_assert(zero(int, accel_buffer_get_info(soft_context, &info)));
	cr_expect(eq(u32, info.flags, ACCEL_BUFFER_IMPORTED | ACCEL_BUFFER_FILE));
	cr_expect(eq(int, accel_buffer_open(soft_context, id, O_RDONLY, &fd), -EACCES));
	cr_assert(zero(int, accel_buffer_open(soft_context, id, O_RDWR, &fd)));
	cr_expect(zero(int, close(fd)));
}
