/* SPDX-License-Identifier: MIT */
/* test-asid-sva.c - address spaces bound to a process (SVA), which reject mappings */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "asid-fixture.h"

static int mem, maps;

static void init(void)
{
	fake_properties.flags = ACCEL_DEVICE_SVA;
	asid_fixture_init();
	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	cr_assert(mem >= 0 && maps >= 0);
}

TestSuite(asid_sva, .init = init, .fini = asid_fixture_finish);

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Returns the id, or -errno; skips the test where the kernel lacks PROCMAP_QUERY. */
static int bind_self(uint32_t flags)
{
	struct accel_asid_create arg = {.size = sizeof(arg), .flags = flags};
	int r = accel_asid_create_sva(context, &arg, mem, maps);

	if (r == -EOPNOTSUPP && !(flags & ~ACCEL_ASID_VISIBLE))
		cr_skip("the kernel has no PROCMAP_QUERY");
	return r < 0 ? r : (int)arg.id;
}

Test(asid_sva, takes_the_descriptors)
{
	int id = bind_self(ACCEL_ASID_VISIBLE);
	struct accel_asid_info info;

	cr_assert(gt(int, id, 0));
	info = info_of(context, (uint32_t)id);
	cr_expect(eq(u32, info.flags, ACCEL_ASID_SVA | ACCEL_ASID_VISIBLE));
	cr_expect(not(zero(u32, info.number)));
	cr_expect(zero(int, destroy_asid(context, (uint32_t)id)));
	cr_expect(not(is_open(mem)));
	cr_expect(not(is_open(maps)));
}

Test(asid_sva, number_stays_hidden)
{
	int id = bind_self(0);

	cr_assert(gt(int, id, 0));
	cr_expect(zero(u32, info_of(context, (uint32_t)id).number));
}

Test(asid_sva, has_no_page_table)
{
	uint32_t asid = new_asid(context, 0), buffer = new_buffer(context, PAGE, 0);
	int id = bind_self(0);

	cr_assert(gt(int, id, 0));
	cr_assert(zero(int, map(asid, buffer, 0, PAGE, RW | AT, PAGE)));
	cr_expect(eq(int, map((uint32_t)id, buffer, 0, PAGE, RW | AT, PAGE), -EINVAL));
	cr_expect(eq(i64, unmap((uint32_t)id, PAGE, PAGE), -EINVAL));
	cr_expect(eq(i64, unmap((uint32_t)id, 0, UINT64_MAX), -EINVAL));
	cr_expect(eq(int, copy((uint32_t)id, PAGE, asid, PAGE, PAGE, RW | AT), -EINVAL));
	cr_expect(eq(int, copy(asid, 2 * PAGE, (uint32_t)id, PAGE, PAGE, RW | AT),
		     -EINVAL));
	expect_mapped((uint32_t)id, 0, 0);
}

Test(asid_sva, failure_leaves_the_descriptors)
{
	struct accel_asid_create arg = {.size = sizeof(arg), .set = 12345};

	cr_expect(eq(int, bind_self(ACCEL_ASID_SVA), -EOPNOTSUPP));
	owner_limits[ACCEL_RES_ASIDS] = 0;
	cr_expect(eq(int, bind_self(0), -EDQUOT));
	owner_limits[ACCEL_RES_ASIDS] = 1;
	cr_expect(eq(int, accel_asid_create_sva(context, &arg, mem, maps), -ENOENT));
	arg.set = 0;
	cr_expect(eq(int, accel_asid_create_sva(context, &arg, maps, mem), -EBADFD));
	cr_expect(eq(int, accel_asid_create_sva(context, &arg, -1, maps), -EBADFD));
	cr_assert(is_open(mem) && is_open(maps));
	cr_assert(gt(int, bind_self(0), 0));
}

Test(asid_sva, device_that_cannot)
{
	const struct accel_device_params params = {.size = sizeof(params),
						   .name = "second"};
	struct accel_asid_create arg = {.size = sizeof(arg)};
	struct accel_context *there;
	struct accel_device *second;

	fake_properties.flags = 0;
	cr_assert(zero(int,
		       accel_device_create(registry, &fake_backend, &params, &second)));
	cr_assert(zero(int, accel_context_create(second, NULL, &there)));
	cr_expect(eq(int, accel_asid_create_sva(there, &arg, mem, maps), -EOPNOTSUPP));
	cr_expect(is_open(mem) && is_open(maps));
	accel_context_destroy(there);
}
