/* SPDX-License-Identifier: MIT */
/* test-asid-copy.c - unmapping, and copying mappings between address spaces */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "asid-fixture.h"
#include "faults.h"

static uint32_t src, dst, buffer;

static void init(void)
{
	asid_fixture_init();
	src = new_asid(context, 0);
	dst = new_asid(context, 0);
	buffer = new_buffer(context, 64 * PAGE, 0);
}

TestSuite(asid_unmap, .init = init, .fini = asid_fixture_finish);
TestSuite(asid_copy, .init = init, .fini = asid_fixture_finish);

static void expect_at(uint32_t asid, uint64_t iova, uint32_t in, int64_t offset)
{
	int64_t found;

	cr_expect(eq(u32, look_at(asid, iova, ACCEL_MAP_READ, &found), in));
	cr_expect(eq(i64, found, offset));
}

/* Maps two pages at page 5, two at 7, one at 20. */
static void map_three(uint32_t flags)
{
	cr_assert(zero(int, map(src, buffer, 0, 2 * PAGE, flags | AT, 5 * PAGE)));
	cr_assert(zero(int, map(src, buffer, 10 * PAGE, 2 * PAGE, flags | AT, 7 * PAGE)));
	cr_assert(zero(int, map(src, buffer, 20 * PAGE, PAGE, flags | AT, 20 * PAGE)));
}

/* ---- unmap ------------------------------------------------------------------------- */

Test(asid_unmap, one)
{
	map_three(RW);
	cr_assert(eq(i64, unmap(src, 7 * PAGE, 2 * PAGE), 2 * PAGE));
	expect_mapped(src, 2, 3 * PAGE);
	cr_assert(eq(u64, owner_charged[ACCEL_RES_MAPPINGS], 2));
	expect_at(src, 7 * PAGE, 0, -EFAULT);
	expect_at(src, 6 * PAGE, buffer, PAGE);
	cr_assert(eq(i64, unmap(src, 7 * PAGE, 2 * PAGE), -ENOENT));
}

Test(asid_unmap, several_and_the_holes_between)
{
	map_three(RW);
	cr_assert(eq(i64, unmap(src, 5 * PAGE, 4 * PAGE), 4 * PAGE));
	expect_mapped(src, 1, PAGE);
	expect_at(src, 20 * PAGE, buffer, 20 * PAGE);
}

Test(asid_unmap, range_larger_than_what_is_there)
{
	map_three(RW);
	cr_assert(eq(i64, unmap(src, 0, 19 * PAGE), 4 * PAGE));
	cr_assert(eq(i64, unmap(src, 0, 1ULL << 60), PAGE));
	expect_mapped(src, 0, 0);
	cr_assert(zero(u64, owner_charged[ACCEL_RES_MAPPINGS]));
}

Test(asid_unmap, part_of_a_mapping)
{
	map_three(RW);
	cr_expect(eq(i64, unmap(src, 5 * PAGE, PAGE), -ENOENT));
	cr_expect(eq(i64, unmap(src, 6 * PAGE, PAGE), -ENOENT));
	cr_expect(eq(i64, unmap(src, 5 * PAGE, 3 * PAGE), -ENOENT));
	cr_expect(eq(i64, unmap(src, 6 * PAGE, 3 * PAGE), -ENOENT));
	cr_expect(eq(i64, unmap(src, 0, 6 * PAGE), -ENOENT));
	cr_expect(eq(i64, unmap(src, 8 * PAGE, 20 * PAGE), -ENOENT));
	expect_mapped(src, 3, 5 * PAGE);
	cr_assert(eq(u64, owner_charged[ACCEL_RES_MAPPINGS], 3));
}

Test(asid_unmap, nothing_there)
{
	cr_expect(eq(i64, unmap(src, 5 * PAGE, PAGE), -ENOENT));
	map_three(RW);
	cr_expect(eq(i64, unmap(src, PAGE, 4 * PAGE), -ENOENT));
	cr_expect(eq(i64, unmap(src, 9 * PAGE, 11 * PAGE), -ENOENT));
	cr_expect(eq(i64, unmap(src, 21 * PAGE, PAGE), -ENOENT));
	cr_expect(eq(i64, unmap(src, -PAGE, PAGE), -ENOENT));
	expect_mapped(src, 3, 5 * PAGE);
}

Test(asid_unmap, everything)
{
	cr_expect(zero(i64, unmap(src, 0, UINT64_MAX)));
	map_three(RW);
	cr_expect(eq(i64, unmap(src, 0, UINT64_MAX), 5 * PAGE));
	expect_mapped(src, 0, 0);
	cr_assert(zero(u64, owner_charged[ACCEL_RES_MAPPINGS]));
	cr_expect(zero(i64, unmap(src, 0, UINT64_MAX)));
	map_three(RW);
}

Test(asid_unmap, wrong_arguments)
{
	struct accel_asid_unmap arg = {
		.size = sizeof(arg),
		.flags = 1,
		.iova = 5 * PAGE,
		.length = 2 * PAGE,
	};

	map_three(RW);
	cr_expect(eq(int, accel_asid_unmap(context, &arg), -EOPNOTSUPP));
	arg.flags = 0;
	arg.asid = src;
	arg.reserved = 1;
	cr_expect(eq(int, accel_asid_unmap(context, &arg), -EINVAL));
	cr_expect(eq(i64, unmap(0, 0, UINT64_MAX), -ENOENT));
	cr_expect(eq(i64, unmap(buffer, 0, UINT64_MAX), -ENOENT));
	cr_expect(eq(i64, unmap(src, 5 * PAGE, 0), -EINVAL));
	cr_expect(eq(i64, unmap(src, 5 * PAGE, 2 * PAGE - 1), -EINVAL));
	cr_expect(eq(i64, unmap(src, 5 * PAGE + 1, 2 * PAGE), -EINVAL));
	cr_expect(eq(i64, unmap(src, PAGE, UINT64_MAX), -EINVAL));
	cr_expect(eq(i64, unmap(src, 5 * PAGE, -PAGE), -EOVERFLOW));
	cr_expect(eq(i64, unmap(src, -PAGE, 2 * PAGE), -EOVERFLOW));
	expect_mapped(src, 3, 5 * PAGE);
}

/* ---- copy -------------------------------------------------------------------------- */

Test(asid_copy, one_mapping)
{
	map_three(RW);
	cr_assert(zero(int, copy(dst, 40 * PAGE, src, 7 * PAGE, 2 * PAGE, RW | AT)));
	expect_at(dst, 40 * PAGE, buffer, 10 * PAGE);
	expect_at(dst, 42 * PAGE - 1, buffer, 12 * PAGE - 1);
	expect_mapped(dst, 1, 2 * PAGE);
	expect_mapped(src, 3, 5 * PAGE);
	cr_assert(eq(u64, owner_charged[ACCEL_RES_MAPPINGS], 4));
	/* The copy does not depend on its source. */
	cr_assert(eq(i64, unmap(src, 0, UINT64_MAX), 5 * PAGE));
	expect_at(dst, 40 * PAGE, buffer, 10 * PAGE);
	cr_assert(eq(i64, unmap(dst, 40 * PAGE, 2 * PAGE), 2 * PAGE));
}

Test(asid_copy, parts_of_two_mappings)
{
	map_three(RW);
	cr_assert(zero(int, copy(dst, PAGE, src, 6 * PAGE, 2 * PAGE, RW | AT)));
	expect_at(dst, PAGE, buffer, PAGE);
	expect_at(dst, 2 * PAGE, buffer, 10 * PAGE);
	expect_mapped(dst, 2, 2 * PAGE);
	cr_assert(eq(i64, unmap(dst, PAGE, PAGE), PAGE));
}

Test(asid_copy, middle_of_a_mapping)
{
	cr_assert(zero(int, map(src, buffer, PAGE, 9 * PAGE, RW | AT, 5 * PAGE)));
	cr_assert(zero(int, copy(dst, PAGE, src, 8 * PAGE, 2 * PAGE, RW | AT)));
	expect_at(dst, PAGE, buffer, 4 * PAGE);
	expect_at(dst, 3 * PAGE, 0, -EFAULT);
}

Test(asid_copy, anywhere)
{
	struct accel_asid_copy arg = {
		.size = sizeof(arg),
		.flags = RW,
		.dst_asid = dst,
		.src_asid = src,
		.src_iova = 5 * PAGE,
		.length = 4 * PAGE,
	};

	map_three(RW);
	cr_assert(zero(int, map(dst, buffer, 0, 13 * PAGE, RW | AT, PAGE)));
	cr_assert(zero(int, accel_asid_copy(context, &arg)));
	cr_assert(eq(u64, arg.dst_iova, 20 * PAGE));
	expect_mapped(dst, 3, 17 * PAGE);
	cr_assert(zero(int, map(dst, buffer, 0, 9 * PAGE, RW | AT, 24 * PAGE)));
	cr_assert(zero(int, map(dst, buffer, 0, 28 * PAGE, RW | AT, 34 * PAGE)));
	arg.dst_iova = 0;
	cr_assert(eq(int, accel_asid_copy(context, &arg), -ENOSPC));
	cr_assert(zero(u64, arg.dst_iova));
}

Test(asid_copy, within_one_asid)
{
	map_three(RW);
	cr_expect(zero(int, copy(src, 9 * PAGE, src, 5 * PAGE, 4 * PAGE, RW | AT)));
	expect_at(src, 9 * PAGE, buffer, 0);
	expect_mapped(src, 5, 9 * PAGE);
	cr_expect(
		eq(int, copy(src, 6 * PAGE, src, 5 * PAGE, 4 * PAGE, RW | AT), -EEXIST));
	expect_mapped(src, 5, 9 * PAGE);
}

Test(asid_copy, source_with_gaps)
{
	map_three(RW);
	cr_expect(eq(int, copy(dst, PAGE, src, 4 * PAGE, 2 * PAGE, RW | AT), -ENOENT));
	cr_expect(eq(int, copy(dst, PAGE, src, 8 * PAGE, 2 * PAGE, RW | AT), -ENOENT));
	cr_expect(eq(int, copy(dst, PAGE, src, 5 * PAGE, 16 * PAGE, RW), -EINVAL));
	cr_expect(eq(int, copy(dst, 34 * PAGE, src, 5 * PAGE, 16 * PAGE, RW | AT),
		     -ENOENT));
	cr_expect(eq(int, copy(dst, PAGE, src, 30 * PAGE, PAGE, RW | AT), -ENOENT));
	expect_mapped(dst, 0, 0);
	cr_assert(eq(u64, owner_charged[ACCEL_RES_MAPPINGS], 3));
}

Test(asid_copy, destination_in_use)
{
	map_three(RW);
	cr_assert(zero(int, map(dst, buffer, 0, PAGE, RW | AT, 4 * PAGE)));
	/* The first part fits, the second does not: nothing is copied. */
	cr_expect(
		eq(int, copy(dst, 2 * PAGE, src, 5 * PAGE, 4 * PAGE, RW | AT), -EEXIST));
	expect_mapped(dst, 1, PAGE);
	expect_at(dst, 2 * PAGE, 0, -EFAULT);
	cr_assert(eq(u64, owner_charged[ACCEL_RES_MAPPINGS], 4));
	cr_expect(zero(int, copy(dst, 5 * PAGE, src, 5 * PAGE, 4 * PAGE, RW | AT)));
}

Test(asid_copy, place_that_is_not_allowed)
{
	map_three(RW);
	cr_expect(
		eq(int, copy(dst, 15 * PAGE, src, 5 * PAGE, 2 * PAGE, RW | AT), -EINVAL));
	cr_expect(eq(int, copy(dst, 0, src, 5 * PAGE, 2 * PAGE, RW | AT), -EINVAL));
	cr_expect(
		eq(int, copy(dst, APERTURE_END, src, 5 * PAGE, PAGE, RW | AT), -EINVAL));
}

Test(asid_copy, no_more_access_than_the_source)
{
	int64_t error;

	map_three(ACCEL_MAP_READ);
	cr_expect(eq(int, copy(dst, PAGE, src, 5 * PAGE, PAGE, RW | AT), -EPERM));
	cr_expect(eq(int, copy(dst, PAGE, src, 5 * PAGE, PAGE, ACCEL_MAP_WRITE | AT),
		     -EPERM));
	cr_expect(zero(int, copy(dst, PAGE, src, 5 * PAGE, PAGE, ACCEL_MAP_READ | AT)));
	/* Only one of the two pages is writable. */
	cr_assert(zero(int, map(src, buffer, 0, PAGE, RW | AT, 9 * PAGE)));
	cr_expect(
		eq(int, copy(dst, 10 * PAGE, src, 8 * PAGE, 2 * PAGE, RW | AT), -EPERM));
	expect_mapped(dst, 1, PAGE);
	/* Fewer rights succeed. */
	cr_expect(
		zero(int, copy(dst, 2 * PAGE, src, 9 * PAGE, PAGE, ACCEL_MAP_READ | AT)));
	cr_expect(zero(u32, look_at(dst, 2 * PAGE, ACCEL_MAP_WRITE, &error)));
	cr_expect(eq(i64, error, -EACCES));
}

Test(asid_copy, wrong_arguments)
{
	uint32_t user = ACCEL_MAP_USER;

	map_three(RW);
	cr_expect(eq(int, copy(0, 1, 0, 1, 0, RW | user), -EOPNOTSUPP));
	cr_expect(eq(int, copy(dst, PAGE, src, 5 * PAGE, PAGE, RW | AT | 1U << 9),
		     -EOPNOTSUPP));
	cr_expect(eq(int, copy(0, PAGE, src, 5 * PAGE, PAGE, RW | AT), -ENOENT));
	cr_expect(eq(int, copy(dst, PAGE, 0, 5 * PAGE, PAGE, RW | AT), -ENOENT));
	cr_expect(eq(int, copy(buffer, PAGE, src, 5 * PAGE, PAGE, RW | AT), -ENOENT));
	cr_expect(eq(int, copy(dst, PAGE, buffer, 5 * PAGE, PAGE, RW | AT), -ENOENT));
	cr_expect(eq(int, copy(dst, PAGE, src, 5 * PAGE, PAGE, AT), -EINVAL));
	cr_expect(eq(int, copy(dst, PAGE, src, 5 * PAGE, 0, RW | AT), -EINVAL));
	cr_expect(eq(int, copy(dst, PAGE, src, 5 * PAGE, 100, RW | AT), -EINVAL));
	cr_expect(eq(int, copy(dst, PAGE, src, 5 * PAGE + 1, PAGE, RW | AT), -EINVAL));
	cr_expect(eq(int, copy(dst, PAGE + 1, src, 5 * PAGE, PAGE, RW | AT), -EINVAL));
	cr_expect(eq(int, copy(dst, PAGE, src, 5 * PAGE, PAGE, RW), -EINVAL));
	cr_expect(
		eq(int, copy(dst, -PAGE, src, 5 * PAGE, 2 * PAGE, RW | AT), -EOVERFLOW));
	cr_expect(eq(int, copy(dst, PAGE, src, -PAGE, 2 * PAGE, RW | AT), -EOVERFLOW));
	expect_mapped(dst, 0, 0);
}

Test(asid_copy, revoked_buffer)
{
	struct accel_object arg = {.size = sizeof(arg), .id = buffer};

	map_three(RW);
	cr_assert(zero(int, accel_buffer_revoke(context, &arg)));
	cr_expect(eq(int, copy(dst, PAGE, src, 5 * PAGE, 2 * PAGE, RW | AT), -ENODEV));
	expect_mapped(dst, 0, 0);
}

Test(asid_copy, memfd_that_shrank)
{
	int fd;
	uint32_t id = import_memfd(4 * PAGE, O_RDWR, &fd);

	cr_assert(zero(int, map(src, id, 0, 4 * PAGE, RW | AT, PAGE)));
	cr_assert(zero(int, ftruncate(fd, 2 * PAGE)));
	cr_expect(eq(int, copy(dst, PAGE, src, PAGE, 4 * PAGE, RW | AT), -EINVAL));
	cr_expect(zero(int, copy(dst, PAGE, src, PAGE, 2 * PAGE, RW | AT)));
	close(fd);
}

Test(asid_copy, limit_of_the_owner)
{
	map_three(RW);
	owner_limits[ACCEL_RES_MAPPINGS] = 4;
	cr_expect(eq(int, copy(dst, PAGE, src, 5 * PAGE, 4 * PAGE, RW | AT), -EDQUOT));
	expect_mapped(dst, 0, 0);
	cr_assert(eq(u64, owner_charged[ACCEL_RES_MAPPINGS], 3));
	owner_limits[ACCEL_RES_MAPPINGS] = 5;
	cr_expect(zero(int, copy(dst, PAGE, src, 5 * PAGE, 4 * PAGE, RW | AT)));
}

/* Maps so many ranges that the destination needs inner nodes. */
static void map_many(void)
{
	for (uint64_t i = 17; i < 33; i++)
		cr_assert(zero(int, map(src, buffer, i * PAGE, PAGE, RW | AT, i * PAGE)));
	for (uint64_t i = 34; i < 58; i++)
		cr_assert(zero(int, map(dst, buffer, 0, PAGE, RW | AT, i * PAGE)));
}

Test(asid_copy, no_memory)
{
	unsigned failures = 0;
	uint64_t before;

	map_many();
	before = owner_charged[ACCEL_RES_MAPPINGS];
	for (;; failures++) {
		int r;

		faults_arm(failures + 1);
		r = copy(dst, 17 * PAGE, src, 17 * PAGE, 16 * PAGE, RW | AT);
		if (!faults_disarm())
			break;
		cr_assert(r == -ENOMEM || r == -ENODEV);
		expect_mapped(dst, 24, 24 * PAGE);
		cr_assert(eq(u64, owner_charged[ACCEL_RES_MAPPINGS], before));
		expect_at(dst, 17 * PAGE, 0, -EFAULT);
	}
	/* One allocation per mapping, and two nodes. */
	cr_assert(ge(uint, failures, 18));
	expect_mapped(dst, 40, 40 * PAGE);
	for (int64_t i = 17; i < 33; i++)
		expect_at(dst, (uint64_t)i * PAGE, buffer, i * (int64_t)PAGE);
}
