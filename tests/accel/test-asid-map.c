/* SPDX-License-Identifier: MIT */
/* test-asid-map.c - mapping buffers into an address space, and device accesses to it */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "asid-fixture.h"
#include "asid.h"
#include "context.h"
#include "faults.h"

static uint32_t asid, buffer;

static void init(void)
{
	asid_fixture_init();
	asid = new_asid(context, 0);
	buffer = new_buffer(context, 64 * PAGE, 0);
}

TestSuite(asid_map, .init = init, .fini = asid_fixture_finish);

static void expect_at(uint64_t iova, uint32_t in, int64_t offset)
{
	int64_t found;

	cr_expect(eq(u32, look_at(asid, iova, ACCEL_MAP_READ, &found), in));
	cr_expect(eq(i64, found, offset));
}

Test(asid_map, fixed)
{
	cr_assert(zero(int, map(asid, buffer, 3 * PAGE, 2 * PAGE, RW | AT, 5 * PAGE)));
	expect_mapped(asid, 1, 2 * PAGE);
	cr_assert(eq(u64, owner_charged[ACCEL_RES_MAPPINGS], 1));
	expect_at(5 * PAGE - 1, 0, -EFAULT);
	expect_at(5 * PAGE, buffer, 3 * PAGE);
	expect_at(7 * PAGE - 1, buffer, 5 * PAGE - 1);
	expect_at(7 * PAGE, 0, -EFAULT);
}

Test(asid_map, anywhere_is_the_lowest_place)
{
	cr_assert(eq(u64, map_any(asid, buffer, PAGE, RW), PAGE));
	cr_assert(eq(u64, map_any(asid, buffer, 3 * PAGE, RW), 2 * PAGE));
	cr_assert(eq(u64, map_any(asid, buffer, PAGE, RW), 5 * PAGE));
	cr_assert(eq(i64, unmap(asid, 2 * PAGE, 3 * PAGE), 3 * PAGE));
	cr_assert(eq(u64, map_any(asid, buffer, 5 * PAGE, RW), 6 * PAGE));
	cr_assert(eq(u64, map_any(asid, buffer, PAGE, RW), 2 * PAGE));
	cr_assert(eq(u64, map_any(asid, buffer, PAGE, RW), 3 * PAGE));
	expect_mapped(asid, 5, 9 * PAGE);
}

/* To the lowest bit that is set in the length. */
Test(asid_map, anywhere_is_aligned)
{
	cr_assert(eq(u64, map_any(asid, buffer, 2 * PAGE, RW), 2 * PAGE));
	cr_assert(eq(u64, map_any(asid, buffer, 6 * PAGE, RW), 4 * PAGE));
	cr_assert(eq(u64, map_any(asid, buffer, 4 * PAGE, RW), 12 * PAGE));
	cr_assert(eq(u64, map_any(asid, buffer, 16 * PAGE, RW), 48 * PAGE));
	/* The 8 pages that are free at 17 are not aligned. */
	cr_assert(zero(int, map(asid, buffer, 0, PAGE, RW | AT, 25 * PAGE)));
	cr_assert(zero(int, map(asid, buffer, 0, PAGE, RW | AT, 40 * PAGE)));
	cr_assert(eq(u64, map_any(asid, buffer, 8 * PAGE, RW), (uint64_t)-ENOSPC));
	cr_assert(eq(u64, map_any(asid, buffer, 7 * PAGE, RW), 17 * PAGE));
}

/* At most to ACCEL_IOVA_MAX_ALIGN: a small aperture has room for a large mapping. */
Test(asid_map_large, alignment_is_bounded)
{
	const uint64_t giga = ACCEL_IOVA_MAX_ALIGN;
	uint32_t large;
	int fd;

	fake_properties.aperture = (struct accel_range){giga, 6 * giga - 1};
	fake_properties.n_reserved = 1;
	fake_properties.reserved[0] = (struct accel_range){giga, giga + PAGE - 1};
	asid_fixture_init();
	asid = new_asid(context, 0);
	large = import_memfd(4 * giga, O_RDWR, &fd);
	cr_expect(eq(u64, map_any(asid, large, 4 * giga, RW), 2 * giga));
	cr_expect(eq(u64, map_any(asid, large, giga / 2, RW), giga + giga / 2));
	cr_expect(eq(u64, map_any(asid, large, PAGE, RW), giga + PAGE));
	close(fd);
	asid_fixture_finish();
}

Test(asid_map, anywhere_avoids_reserved_ranges)
{
	cr_assert(eq(u64, map_any(asid, buffer, 15 * PAGE, RW), PAGE));
	cr_assert(eq(u64, map_any(asid, buffer, 15 * PAGE, RW), 17 * PAGE));
	cr_assert(eq(u64, map_any(asid, buffer, 17 * PAGE, RW), 34 * PAGE));
	cr_assert(eq(u64, map_any(asid, buffer, PAGE, RW), 32 * PAGE));
	cr_assert(eq(u64, map_any(asid, buffer, 15 * PAGE, RW), (uint64_t)-ENOSPC));
	cr_assert(eq(u64, map_any(asid, buffer, 13 * PAGE, RW), 51 * PAGE));
	cr_assert(eq(u64, map_any(asid, buffer, PAGE, RW), 64 * PAGE));
	cr_assert(eq(u64, map_any(asid, buffer, PAGE, RW), (uint64_t)-ENOSPC));
	expect_mapped(asid, 6, 62 * PAGE);
	cr_assert(eq(u64, owner_charged[ACCEL_RES_MAPPINGS], 6));
}

/* More than any contiguous free range, less than the sum of all. */
Test(asid_map, anywhere_too_large)
{
	cr_assert(eq(u64, map_any(asid, buffer, 32 * PAGE, RW), (uint64_t)-ENOSPC));
	cr_assert(eq(u64, map_any(asid, buffer, 31 * PAGE, RW), 34 * PAGE));
}

Test(asid_map, unknown_ids)
{
	cr_expect(eq(int, map(0, buffer, 0, PAGE, RW | AT, PAGE), -ENOENT));
	cr_expect(eq(int, map(asid + 100, buffer, 0, PAGE, RW | AT, PAGE), -ENOENT));
	cr_expect(eq(int, map(buffer, buffer, 0, PAGE, RW | AT, PAGE), -ENOENT));
	cr_expect(eq(int, map(asid, 0, 0, PAGE, RW | AT, PAGE), -ENOENT));
	cr_expect(eq(int, map(asid, buffer + 100, 0, PAGE, RW | AT, PAGE), -ENOENT));
	cr_expect(eq(int, map(asid, asid, 0, PAGE, RW | AT, PAGE), -ENOENT));
	expect_mapped(asid, 0, 0);
}

Test(asid_map, unknown_flags_come_first)
{
	cr_expect(eq(int, map(asid, buffer, 0, PAGE, RW | AT | 1U << 4, PAGE),
		     -EOPNOTSUPP));
	cr_expect(eq(int, map(0, 0, 1, 0, 1U << 31, 1), -EOPNOTSUPP));
}

Test(asid_map, neither_readable_nor_writable)
{
	cr_expect(eq(int, map(asid, buffer, 0, PAGE, AT, PAGE), -EINVAL));
	cr_expect(eq(u64, map_any(asid, buffer, PAGE, 0), (uint64_t)-EINVAL));
}

Test(asid_map, lengths_and_alignment)
{
	cr_expect(eq(int, map(asid, buffer, 0, 0, RW | AT, PAGE), -EINVAL));
	cr_expect(eq(int, map(asid, buffer, 0, 1, RW | AT, PAGE), -EINVAL));
	cr_expect(eq(int, map(asid, buffer, 0, PAGE + 8, RW | AT, PAGE), -EINVAL));
	cr_expect(eq(int, map(asid, buffer, 1, PAGE, RW | AT, PAGE), -EINVAL));
	cr_expect(eq(int, map(asid, buffer, 0, PAGE, RW | AT, PAGE + 512), -EINVAL));
	cr_expect(eq(int, map(asid, buffer, 0, UINT64_MAX, RW | AT, PAGE), -EINVAL));
	/* An address without ACCEL_MAP_FIXED. */
	cr_expect(eq(int, map(asid, buffer, 0, PAGE, RW, PAGE), -EINVAL));
	expect_mapped(asid, 0, 0);
}

Test(asid_map, ranges_that_wrap)
{
	uint64_t end = -PAGE;

	cr_expect(eq(int, map(asid, buffer, 0, 2 * PAGE, RW | AT, end), -EOVERFLOW));
	cr_expect(eq(int, map(asid, buffer, end, 2 * PAGE, RW | AT, PAGE), -EOVERFLOW));
	/* A range up to the last address does not wrap, but lies outside the aperture. */
	cr_expect(eq(int, map(asid, buffer, 0, PAGE, RW | AT, end), -EINVAL));
	cr_expect(eq(int, map(asid, buffer, end, PAGE, RW | AT, PAGE), -EINVAL));
}

Test(asid_map, past_the_end_of_the_buffer)
{
	cr_expect(eq(int, map(asid, buffer, 0, 65 * PAGE, RW, 0), -EINVAL));
	cr_expect(
		eq(int, map(asid, buffer, 63 * PAGE, 2 * PAGE, RW | AT, PAGE), -EINVAL));
	cr_expect(eq(int, map(asid, buffer, 64 * PAGE, PAGE, RW | AT, PAGE), -EINVAL));
	cr_expect(eq(int, map(asid, buffer, 1000 * PAGE, PAGE, RW | AT, PAGE), -EINVAL));
	cr_expect(zero(int, map(asid, buffer, 63 * PAGE, PAGE, RW | AT, PAGE)));
}

Test(asid_map, something_is_there)
{
	cr_assert(zero(int, map(asid, buffer, 0, 4 * PAGE, RW | AT, 5 * PAGE)));
	cr_expect(eq(int, map(asid, buffer, 0, 4 * PAGE, RW | AT, 5 * PAGE), -EEXIST));
	cr_expect(eq(int, map(asid, buffer, 0, PAGE, RW | AT, 6 * PAGE), -EEXIST));
	cr_expect(eq(int, map(asid, buffer, 0, 3 * PAGE, RW | AT, 3 * PAGE), -EEXIST));
	cr_expect(eq(int, map(asid, buffer, 0, 3 * PAGE, RW | AT, 8 * PAGE), -EEXIST));
	cr_expect(eq(int, map(asid, buffer, 0, 10 * PAGE, RW | AT, 2 * PAGE), -EEXIST));
	expect_mapped(asid, 1, 4 * PAGE);
	cr_assert(eq(u64, owner_charged[ACCEL_RES_MAPPINGS], 1));
	/* Adjacent mappings do not overlap. */
	cr_expect(zero(int, map(asid, buffer, 0, PAGE, RW | AT, 4 * PAGE)));
	cr_expect(zero(int, map(asid, buffer, 0, PAGE, RW | AT, 9 * PAGE)));
	expect_mapped(asid, 3, 6 * PAGE);
}

Test(asid_map, reserved_ranges)
{
	cr_expect(eq(int, map(asid, buffer, 0, PAGE, RW | AT, 16 * PAGE), -EINVAL));
	cr_expect(eq(int, map(asid, buffer, 0, 2 * PAGE, RW | AT, 15 * PAGE), -EINVAL));
	cr_expect(eq(int, map(asid, buffer, 0, 2 * PAGE, RW | AT, 16 * PAGE), -EINVAL));
	cr_expect(eq(int, map(asid, buffer, 0, 40 * PAGE, RW | AT, 10 * PAGE), -EINVAL));
	cr_expect(eq(int, map(asid, buffer, 0, PAGE, RW | AT, 65 * PAGE), -EINVAL));
	cr_expect(zero(int, map(asid, buffer, 0, PAGE, RW | AT, 15 * PAGE)));
	cr_expect(zero(int, map(asid, buffer, 0, 16 * PAGE, RW | AT, 17 * PAGE)));
	cr_expect(zero(int, map(asid, buffer, 0, 31 * PAGE, RW | AT, 34 * PAGE)));
}

Test(asid_map, outside_the_aperture)
{
	cr_expect(eq(int, map(asid, buffer, 0, PAGE, RW | AT, 0), -EINVAL));
	cr_expect(eq(int, map(asid, buffer, 0, 2 * PAGE, RW | AT, 0), -EINVAL));
	cr_expect(eq(int, map(asid, buffer, 0, PAGE, RW | AT, APERTURE_END), -EINVAL));
	cr_expect(eq(int, map(asid, buffer, 0, PAGE, RW | AT, 1ULL << 50), -EINVAL));
}

/* ---- access of the buffer ---------------------------------------------------------- */

Test(asid_map, read_only_import)
{
	int fd;
	uint32_t id = import_memfd(2 * PAGE, O_RDONLY, &fd);

	cr_expect(eq(int, map(asid, id, 0, PAGE, RW | AT, PAGE), -EPERM));
	cr_expect(eq(int, map(asid, id, 0, PAGE, ACCEL_MAP_WRITE | AT, PAGE), -EPERM));
	cr_expect(zero(int, map(asid, id, 0, PAGE, ACCEL_MAP_READ | AT, PAGE)));
	close(fd);
}

Test(asid_map, private_memory_is_refused_with_the_reason)
{
	cr_expect(eq(int, map(asid, 0, 0x10000, PAGE, RW | ACCEL_MAP_USER, 0), -EINVAL));
	cr_expect(eq(int, last_level, 4));
	cr_expect(not(eq(ptr, strstr(last_log, "private memory"), NULL)), "%s", last_log);
	cr_expect(not(eq(ptr, strstr(last_log, "copy-on-write"), NULL)), "%s", last_log);
	cr_expect(lt(sz, strlen(last_log), sizeof(last_log) - 1), "cut off");
	cr_expect(eq(int, map(asid, buffer, 0, PAGE, RW | AT | ACCEL_MAP_USER, PAGE),
		     -EINVAL));
	cr_expect(eq(int, map(0, buffer, 0, PAGE, RW | ACCEL_MAP_USER, 0), -ENOENT));
	expect_mapped(asid, 0, 0);
}

Test(asid_map, revoked_buffer)
{
	struct accel_object arg = {.size = sizeof(arg), .id = buffer};

	cr_assert(zero(int, accel_buffer_revoke(context, &arg)));
	cr_expect(eq(int, map(asid, buffer, 0, PAGE, RW | AT, PAGE), -ENODEV));
	cr_expect(eq(u64, map_any(asid, buffer, 1000 * PAGE, RW), (uint64_t)-ENODEV));
}

Test(asid_map, memfd_that_changes_its_size)
{
	int fd;
	uint32_t id = import_memfd(4 * PAGE, O_RDWR, &fd);

	cr_assert(zero(int, ftruncate(fd, 2 * PAGE)));
	cr_expect(eq(int, map(asid, id, 0, 3 * PAGE, RW | AT, PAGE), -EINVAL));
	cr_expect(zero(int, map(asid, id, 0, 2 * PAGE, RW | AT, PAGE)));
	/* The device never mapped the bytes added by the growth. */
	cr_assert(zero(int, ftruncate(fd, 8 * PAGE)));
	cr_expect(eq(int, map(asid, id, 4 * PAGE, PAGE, RW | AT, 5 * PAGE), -EINVAL));
	cr_expect(zero(int, map(asid, id, 0, 4 * PAGE, RW | AT, 5 * PAGE)));
	cr_assert(zero(int, ftruncate(fd, 0)));
	cr_expect(eq(int, map(asid, id, 0, PAGE, RW | AT, 10 * PAGE), -ENODEV));
	close(fd);
}

static uint32_t mappings_of(uint32_t id)
{
	struct accel_buffer_info arg = {.size = sizeof(arg), .id = id};

	cr_assert(zero(int, accel_buffer_get_info(context, &arg)));
	return arg.mappings;
}

static bool has_two_mappings(void *data)
{
	return mappings_of(*(uint32_t *)data) == 2;
}

Test(asid_map, buffer_counts_its_mappings)
{
	uint32_t other = new_asid(context, 0);

	cr_assert(zero(u32, mappings_of(buffer)));
	map_any(asid, buffer, PAGE, RW);
	map_any(asid, buffer, PAGE, RW);
	map_any(other, buffer, PAGE, RW);
	cr_assert(eq(u32, mappings_of(buffer), 3));
	cr_assert(eq(int, map(asid, buffer, 0, PAGE, RW | AT, PAGE), -EEXIST));
	cr_assert(eq(u32, mappings_of(buffer), 3));
	cr_assert(zero(int, destroy_asid(context, other)));
	cr_assert(wait_until(has_two_mappings, &buffer));
	cr_assert(eq(i64, unmap(asid, 0, UINT64_MAX), 2 * PAGE));
	cr_assert(zero(u32, mappings_of(buffer)));
}

/* As pages of an unlinked file: they stay until they are unmapped. */
Test(asid_map, freed_buffer_stays_mapped)
{
	struct accel_object arg = {.size = sizeof(arg), .id = buffer};
	int64_t offset;

	cr_assert(zero(int, map(asid, buffer, PAGE, PAGE, RW | AT, PAGE)));
	cr_assert(zero(int, accel_buffer_free(context, &arg)));
	cr_assert(eq(u32, look_at(asid, PAGE, RW, &offset), UINT32_MAX));
	cr_assert(eq(i64, offset, PAGE));
	cr_assert(eq(int, map(asid, buffer, 0, PAGE, RW | AT, 2 * PAGE), -ENOENT));
	cr_assert(eq(i64, unmap(asid, PAGE, PAGE), PAGE));
}

/* ---- device accesses --------------------------------------------------------------- */

Test(asid_map, access)
{
	int64_t error;

	cr_assert(zero(int, map(asid, buffer, 0, PAGE, ACCEL_MAP_READ | AT, PAGE)));
	cr_assert(zero(int, map(asid, buffer, 0, PAGE, ACCEL_MAP_WRITE | AT, 2 * PAGE)));
	cr_expect(eq(u32, look_at(asid, PAGE, ACCEL_MAP_READ, &error), buffer));
	cr_expect(zero(u32, look_at(asid, PAGE, ACCEL_MAP_WRITE, &error)));
	cr_expect(eq(i64, error, -EACCES));
	cr_expect(zero(u32, look_at(asid, PAGE, RW, &error)));
	cr_expect(eq(i64, error, -EACCES));
	cr_expect(eq(u32, look_at(asid, 2 * PAGE, ACCEL_MAP_WRITE, &error), buffer));
	cr_expect(zero(u32, look_at(asid, 2 * PAGE, ACCEL_MAP_READ, &error)));
	cr_expect(eq(i64, error, -EACCES));
}

/* A window ends with its mapping, whatever length was requested. */
static void expect_window(uint64_t iova, uint64_t length, uint64_t expected)
{
	struct accel_window window;
	struct accel_asid *object;

	cr_assert(zero(int, accel_asid_share(context, asid, &object)));
	cr_expect(zero(int, resolve(object, iova, length, RW, &window)));
	cr_expect(eq(u64, window.length, expected));
	accel_asid_unref(object);
}

Test(asid_map, window)
{
	cr_assert(zero(int, map(asid, buffer, 0, 4 * PAGE, RW | AT, PAGE)));
	cr_assert(zero(int, map(asid, buffer, 4 * PAGE, PAGE, RW | AT, 5 * PAGE)));
	expect_window(PAGE, 1, 1);
	expect_window(PAGE, PAGE, PAGE);
	expect_window(PAGE, UINT64_MAX, 4 * PAGE);
	expect_window(PAGE + 100, 4 * PAGE, 4 * PAGE - 100);
	expect_window(5 * PAGE - 1, 100, 1);
	expect_window(5 * PAGE, 2 * PAGE, PAGE);
}

Test(asid_map, memory_is_the_buffers)
{
	struct accel_window window;
	struct accel_asid *object;
	int fd;
	uint32_t id = import_memfd(4 * PAGE, O_RDWR, &fd);

	cr_assert(eq(int, (int)pwrite(fd, "hello", 6, 2 * PAGE + 7), 6));
	cr_assert(zero(int, map(asid, id, PAGE, 2 * PAGE, RW | AT, 40 * PAGE)));
	cr_assert(zero(int, accel_asid_share(context, asid, &object)));
	cr_assert(zero(int, resolve(object, 41 * PAGE + 7, 6, RW, &window)));
	cr_expect(eq(str, (char *)window.memory, (char *)"hello"));
	accel_asid_unref(object);
	close(fd);
}

/* ---- limits ------------------------------------------------------------------------ */

Test(asid_map, limit_of_the_owner)
{
	owner_limits[ACCEL_RES_MAPPINGS] = 2;
	map_any(asid, buffer, PAGE, RW);
	map_any(asid, buffer, PAGE, RW);
	cr_expect(eq(u64, map_any(asid, buffer, PAGE, RW), (uint64_t)-EDQUOT));
	expect_mapped(asid, 2, 2 * PAGE);
	cr_assert(eq(i64, unmap(asid, PAGE, PAGE), PAGE));
	cr_expect(eq(u64, map_any(asid, buffer, PAGE, RW), PAGE));
}

Test(asid_map, no_memory)
{
	unsigned failures = 0;

	for (;; failures++) {
		int r;

		faults_arm(failures + 1);
		r = map(asid, buffer, 0, PAGE, RW | AT, PAGE);
		if (!faults_disarm())
			break;
		/* A buffer whose size cannot be queried is treated as revoked. */
		cr_assert(r == -ENOMEM || r == -ENODEV);
		expect_mapped(asid, 0, 0);
		cr_assert(zero(u64, owner_charged[ACCEL_RES_MAPPINGS]));
	}
	cr_assert(ge(uint, failures, 2));
	expect_mapped(asid, 1, PAGE);
}
