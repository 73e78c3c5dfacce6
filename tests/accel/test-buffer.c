/* SPDX-License-Identifier: MIT */
/* test-buffer.c - device memory, and imported memory */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "soft-fixture.h"
#include "util.h"

TestSuite(accel_buffer, .init = soft_init, .fini = soft_finish);

static struct accel_buffer_info info_of(uint32_t id)
{
	struct accel_buffer_info arg = {.size = sizeof(arg), .id = id};

	cr_assert(zero(int, accel_buffer_get_info(soft_context, &arg)));
	return arg;
}

static int free_buffer(uint32_t id)
{
	return soft_call(soft_context, accel_buffer_free, id);
}

static int revoke_buffer(uint32_t id)
{
	return soft_call(soft_context, accel_buffer_revoke, id);
}

static uint64_t memory_free(void)
{
	return soft_info(soft_device).memory_free;
}

/* The device's memory is given back first, and then the owner's charge. */
static bool all_memory_is_free(void *data)
{
	return memory_free() == SOFT_MEMORY && !owner_charged[ACCEL_RES_MEMORY];
}

static int map(uint32_t asid, uint32_t buffer, uint32_t flags)
{
	struct accel_asid_map arg = {
		.size = sizeof(arg),
		.flags = flags,
		.asid = asid,
		.buffer = buffer,
		.length = PAGE,
	};

	return accel_asid_map(soft_context, &arg);
}

/* ---- device memory ----------------------------------------------------------------- */

static int alloc(uint64_t bytes, uint32_t *ret_id)
{
	struct accel_buffer_alloc arg = {.size = sizeof(arg), .bytes = bytes};
	int r = accel_buffer_alloc(soft_context, &arg);

	*ret_id = arg.id;
	if (r < 0)
		cr_assert(zero(u32, arg.id), "output written on failure");
	return r;
}

Test(accel_buffer, alloc_is_whole_pages)
{
	uint32_t id;

	cr_assert(eq(int, alloc(0, &id), -EINVAL));
	cr_assert(eq(int, alloc(PAGE - 1, &id), -EINVAL));
	cr_assert(eq(int, alloc(PAGE + 1, &id), -EINVAL));
	cr_assert(eq(u64, memory_free(), SOFT_MEMORY));
}

Test(accel_buffer, alloc_until_the_memory_is_used_up)
{
	uint32_t first, second, none;

	cr_assert(eq(int, alloc(SOFT_MEMORY + PAGE, &none), -ENOSPC));
	cr_assert(eq(int, alloc(-PAGE, &none), -ENOSPC));
	cr_assert(zero(int, alloc(SOFT_MEMORY - PAGE, &first)));
	cr_assert(eq(int, alloc(2 * PAGE, &none), -ENOSPC));
	cr_assert(zero(int, alloc(PAGE, &second)));
	cr_assert(zero(u64, memory_free()));
	cr_assert(eq(int, alloc(PAGE, &none), -ENOSPC));
	cr_assert(eq(u64, owner_charged[ACCEL_RES_FILES], 2));
	cr_assert(zero(int, free_buffer(first)));
	cr_assert(eq(u64, memory_free(), SOFT_MEMORY - PAGE));
	cr_assert(zero(int, alloc(PAGE, &none)));
}

Test(accel_buffer, alloc_is_zeroed_and_shared)
{
	uint32_t id = soft_buffer(soft_context, 2 * PAGE, 0);
	int one = soft_fd(soft_context, id, O_RDWR);
	int two = soft_fd(soft_context, id, O_RDONLY);
	uint64_t *writer = soft_view(one, 2 * PAGE), *reader = soft_view(two, 2 * PAGE);

	for (size_t i = 0; i < 2 * PAGE / sizeof(*reader); i++)
		cr_assert(zero(u64, reader[i]));
	writer[700] = 1;
	cr_assert(eq(u64, reader[700], 1));
	munmap(writer, 2 * PAGE);
	munmap(reader, 2 * PAGE);
	close(one);
	close(two);
}

static int seals_of(uint32_t flags)
{
	int fd = soft_fd(soft_context, soft_buffer(soft_context, PAGE, flags), O_RDWR);
	int seals = fcntl(fd, F_GET_SEALS);

	cr_assert(eq(int, fcntl(fd, F_GETFD), FD_CLOEXEC));
	cr_assert(zero(int, fcntl(fd, F_GETFL) & O_NONBLOCK));
	close(fd);
	return seals & (F_SEAL_SEAL | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE);
}

Test(accel_buffer, alloc_seals)
{
	cr_assert(eq(int, seals_of(0), F_SEAL_GROW | F_SEAL_SEAL));
	cr_assert(eq(int, seals_of(ACCEL_BUFFER_PINNED), F_SEAL_GROW | F_SEAL_SHRINK));
}

Test(accel_buffer, info)
{
	uint32_t plain = soft_buffer(soft_context, 2 * PAGE, 0);
	uint32_t pinned = soft_buffer(soft_context, PAGE, ACCEL_BUFFER_PINNED);
	uint32_t asid = soft_asid(soft_context, 0);

	cr_assert(zero(u32, info_of(plain).flags));
	cr_assert(eq(u64, info_of(plain).bytes, 2 * PAGE));
	cr_assert(eq(u32, info_of(pinned).flags, ACCEL_BUFFER_PINNED));
	cr_assert(zero(u32, info_of(plain).mappings));
	soft_map(soft_context, asid, plain, PAGE);
	soft_map(soft_context, asid, plain, 2 * PAGE);
	cr_assert(eq(u32, info_of(plain).mappings, 2));
	cr_assert(eq(i64, soft_unmap(soft_context, asid, 0, UINT64_MAX), 3 * PAGE));
	cr_assert(zero(u32, info_of(plain).mappings));
}

/* As pages of an unlinked file, they stay allocated while a reference exists. */
Test(accel_buffer, free_keeps_what_is_mapped)
{
	struct soft_job job;
	struct accel_command fill;

	soft_job_init(&job, soft_context, 0);
	cr_assert(zero(int, free_buffer(job.buffer)));
	cr_assert(eq(int, free_buffer(job.buffer), -ENOENT));
	cr_assert(eq(u64, memory_free(), SOFT_MEMORY - PAGE));
	fill = soft_fill(job.asid, job.iova, 42);
	cr_assert(zero(i64, soft_submit(soft_context, job.queue, &fill)));
	cr_assert(soft_completed(soft_context, job.queue, 1));
	cr_assert(eq(u64, job.memory[0], 42));
	cr_assert(eq(i64, soft_unmap(soft_context, job.asid, job.iova, PAGE), PAGE));
	cr_assert(eq(u64, memory_free(), SOFT_MEMORY - PAGE), "the test still maps it");
	cr_assert(eq(u64, owner_charged[ACCEL_RES_MEMORY], PAGE));
	soft_job_finish(&job);
	cr_assert(wait_until(all_memory_is_free, NULL));
}

/* An allocation first reclaims freed memory that importers have released. */
Test(accel_buffer, freed_memory_that_others_had_is_found_by_alloc)
{
	struct import {
		int fd;
		uint32_t id;
	} all[4];

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		all[i].id = soft_buffer(soft_context, SOFT_MEMORY / 4, 0);
		all[i].fd = soft_fd(soft_context, all[i].id, O_RDONLY);
		cr_assert(zero(int, free_buffer(all[i].id)));
	}
	cr_assert(eq(int, alloc(PAGE, &all[0].id), -ENOSPC));
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		close(all[i].fd);
	soft_settle();
	cr_assert(zero(int, alloc(SOFT_MEMORY, &all[0].id)));
}

Test(accel_buffer, alloc_is_charged_to_the_owner)
{
	uint32_t id;

	owner_limits[ACCEL_RES_MEMORY] = 3 * PAGE;
	cr_assert(zero(int, alloc(2 * PAGE, &id)));
	cr_assert(eq(u64, owner_charged[ACCEL_RES_MEMORY], 2 * PAGE));
	cr_assert(eq(int, alloc(2 * PAGE, &id), -EDQUOT));
	cr_assert(eq(u64, memory_free(), SOFT_MEMORY - 2 * PAGE));
	cr_assert(eq(u64, owner_charged[ACCEL_RES_FILES], 1));
}

/* ---- descriptors ------------------------------------------------------------------- */

static int try_open(uint32_t id, int access)
{
	int fd = -1;
	int r = accel_buffer_open(soft_context, id, access, &fd);

	cr_assert(eq(int, fd >= 0, r == 0));
	if (fd >= 0)
		close(fd);
	return r;
}

Test(accel_buffer, open_with_an_access_mode)
{
	uint32_t id = soft_buffer(soft_context, PAGE, 0);
	int fd = soft_fd(soft_context, id, O_RDONLY);

	cr_assert(eq(int, fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY));
	cr_assert(eq(ptr, mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED));
	close(fd);
	cr_assert(eq(int, try_open(id, O_WRONLY), -EINVAL));
	cr_assert(eq(int, try_open(id, O_RDWR | O_TRUNC), -EINVAL));
	cr_assert(eq(int, try_open(id, -1), -EINVAL));
}

/* ---- import ------------------------------------------------------------------------ */

static uint32_t import(int fd)
{
	uint32_t id = 0;

	cr_assert(zero(int, accel_buffer_import(soft_context, fd, &id)));
	return id;
}

/* Closes the descriptor, which a failed import leaves to the caller. */
static void expect_refused(int fd, int error)
{
	uint64_t charged = fixture_charged();
	uint32_t id = 0;

	cr_expect(eq(int, accel_buffer_import(soft_context, fd, &id), error));
	cr_expect(zero(u32, id));
	cr_expect(eq(u64, fixture_charged(), charged));
	if (fd >= 0)
		cr_expect(zero(int, close(fd)));
}

Test(accel_buffer, import_refuses)
{
	int memfd = new_memfd(PAGE), ends[2];

	cr_assert(zero(int, pipe2(ends, O_CLOEXEC)));
	expect_refused(-1, -EBADF);
	expect_refused(ends[0], -EBADFD);
	close(ends[1]);
	expect_refused(open("/proc/self/maps", O_RDONLY | O_CLOEXEC), -EBADFD);
	expect_refused(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), -EBADFD);
	expect_refused(new_memfd(0), -EINVAL);
	expect_refused(reopen(memfd, O_WRONLY), -EACCES);
	expect_refused(reopen(memfd, O_PATH), -EACCES);
	owner_limits[ACCEL_RES_FILES] = 0;
	expect_refused(memfd, -EDQUOT);
}

Test(accel_buffer, import_takes_the_descriptor_over)
{
	int memfd = new_memfd(PAGE + 1);
	uint32_t id = import(memfd);

	cr_assert(eq(u32, info_of(id).flags, ACCEL_BUFFER_IMPORTED));
	cr_assert(eq(u64, info_of(id).bytes, 2 * PAGE));
	cr_assert(eq(u64, owner_charged[ACCEL_RES_FILES], 1));
	cr_assert(eq(u64, owner_charged[ACCEL_RES_PINNED], 2 * PAGE));
	cr_assert(eq(u64, memory_free(), SOFT_MEMORY),
		  "imported memory counts as device memory");
	cr_assert(zero(int, free_buffer(id)));
	/* It is in use until its addresses are free. */
	soft_settle();
	cr_assert(zero(u64, owner_charged[ACCEL_RES_FILES]));
	cr_assert(zero(u64, owner_charged[ACCEL_RES_PINNED]));
}

/* Charged whether pinned or not: it can be sealed later. */
Test(accel_buffer, import_is_charged_with_its_bytes)
{
	uint32_t id;

	owner_limits[ACCEL_RES_PINNED] = 3 * PAGE;
	id = import(new_sealed_memfd(2 * PAGE, F_SEAL_SHRINK));
	cr_assert(
		eq(u32, info_of(id).flags, ACCEL_BUFFER_IMPORTED | ACCEL_BUFFER_PINNED));
	cr_assert(eq(u64, owner_charged[ACCEL_RES_PINNED], 2 * PAGE));
	expect_refused(new_sealed_memfd(2 * PAGE, F_SEAL_SHRINK), -EDQUOT);
	expect_refused(new_memfd(2 * PAGE), -EDQUOT);
	cr_assert(zero(int, free_buffer(id)));
	/* An import without room waits for memory that is being freed. */
	import(new_memfd(3 * PAGE));
	cr_assert(eq(u64, owner_charged[ACCEL_RES_PINNED], 3 * PAGE));
}

static void expect_readonly(uint32_t id)
{
	uint32_t asid = soft_asid(soft_context, 0);

	cr_assert(not(zero(u32, info_of(id).flags & ACCEL_BUFFER_READONLY)));
	cr_assert(eq(int, map(asid, id, RW), -EPERM));
	cr_assert(eq(int, map(asid, id, ACCEL_MAP_WRITE), -EPERM));
	cr_assert(zero(int, map(asid, id, ACCEL_MAP_READ)));
	cr_assert(eq(int, try_open(id, O_RDWR), -EACCES));
	cr_assert(zero(int, try_open(id, O_RDONLY)));
}

Test(accel_buffer, row_map_writable_from_a_readonly_import)
{
	int memfd = new_memfd(PAGE);

	expect_readonly(import(reopen(memfd, O_RDONLY)));
	close(memfd);
}

Test(accel_buffer, row_map_writable_from_a_sealed_import)
{
	expect_readonly(import(new_sealed_memfd(PAGE, F_SEAL_FUTURE_WRITE)));
}

/* The exporter can truncate it at any time. */
Test(accel_buffer, import_that_shrinks)
{
	int memfd = new_memfd(2 * PAGE);
	uint32_t id = import(reopen(memfd, O_RDWR)), asid = soft_asid(soft_context, 0);

	cr_assert(zero(int, ftruncate(memfd, PAGE)));
	cr_assert(eq(u64, info_of(id).bytes, PAGE));
	cr_assert(zero(int, map(asid, id, RW)));
	cr_assert(zero(int, ftruncate(memfd, 0)));
	cr_assert(not(zero(u32, info_of(id).flags & ACCEL_BUFFER_REVOKED)));
	cr_assert(eq(int, map(asid, id, RW), -ENODEV));
	close(memfd);
}

Test(accel_buffer, import_that_grows)
{
	int memfd = new_memfd(PAGE);
	uint32_t id = import(reopen(memfd, O_RDWR)), asid = soft_asid(soft_context, 0);
	struct accel_asid_map arg = {
		.size = sizeof(arg),
		.flags = RW,
		.asid = asid,
		.buffer = id,
		.offset = PAGE,
		.length = PAGE,
	};

	cr_assert(zero(int, ftruncate(memfd, 2 * PAGE)));
	cr_assert(eq(u64, info_of(id).bytes, PAGE));
	cr_assert(eq(int, accel_asid_map(soft_context, &arg), -EINVAL));
	close(memfd);
}

/* ---- revocation -------------------------------------------------------------------- */

Test(accel_buffer, row_map_a_revoked_buffer)
{
	uint32_t id = soft_buffer(soft_context, PAGE, 0);
	uint32_t asid = soft_asid(soft_context, 0);
	struct accel_event event;

	cr_assert(zero(int, revoke_buffer(id)));
	cr_assert(eq(int, map(asid, id, RW), -ENODEV));
	cr_assert(eq(u32, info_of(id).flags, ACCEL_BUFFER_REVOKED));
	cr_assert(zero(u64, info_of(id).bytes));
	cr_assert(eq(int, try_open(id, O_RDWR), -ESTALE));
	cr_assert(eq(sz, accel_events_read(soft_context, &event, 1), 1));
	cr_assert(eq(u32, event.type, ACCEL_EVENT_REVOKED));
	cr_assert(eq(u32, event.object, id));
}

Test(accel_buffer, row_command_that_touches_a_revoked_buffer)
{
	struct accel_command fill;
	struct accel_queue_info info;
	struct soft_job job;

	soft_job_init(&job, soft_context, 0);
	cr_assert(zero(int, revoke_buffer(job.buffer)));
	fill = soft_fill(job.asid, job.iova, 1);
	cr_assert(zero(i64, soft_submit(soft_context, job.queue, &fill)));
	cr_assert(soft_in_state(soft_context, job.queue, ACCEL_QUEUE_FAULTED));
	info = soft_queue_info(soft_context, job.queue);
	cr_assert(eq(u32, info.fault.reason, ACCEL_FAULT_REVOKED));
	cr_assert(eq(u64, info.fault.address, job.iova));
	cr_assert(eq(u32, info.fault.asid, job.asid));
	soft_job_finish(&job);
}

Test(accel_buffer, revoke_what_cannot_be)
{
	uint32_t pinned = soft_buffer(soft_context, PAGE, ACCEL_BUFFER_PINNED);
	uint32_t imported = import(new_memfd(PAGE));

	cr_assert(eq(int, revoke_buffer(pinned), -EBUSY));
	cr_assert(zero(u32, info_of(pinned).flags & ACCEL_BUFFER_REVOKED));
	cr_assert(eq(int, revoke_buffer(imported), -EPERM));
	cr_assert(eq(u64, info_of(imported).bytes, PAGE));
	cr_assert(not(accel_events_pending(soft_context)));
}
