/* SPDX-License-Identifier: MIT */
/* test-lib-sizes.c - structs of callers built against another version */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <string.h>

#include <dmabuffs-accel.h>

#include "fake-device.h"
#include "instance.h"

#define GUARD 0xee

/* The last request for an export. */
static struct dmabuffs_export request_seen;
static unsigned int calls;

static int answer(int fd, unsigned long request, void *arg)
{
	calls++;
	if (request == DMABUFFS_IOC_EXPORT) {
		request_seen = *(struct dmabuffs_export *)arg;
		memset(((struct dmabuffs_export *)arg)->uuid, 7, DMABUFFS_UUID_SIZE);
	} else {
		struct dmabuffs_info *info = arg;

		cr_assert(eq(ulong, request, DMABUFFS_IOC_INFO));
		cr_assert(eq(u32, info->size, sizeof(*info)));
		info->flags = DMABUFFS_INFO_NAMED;
		info->kind = DMABUFFS_KIND_MEMFD;
		info->bytes = 4096;
		memset(info->label, 'x', sizeof(info->label));
	}
	return 0;
}

static void start(void)
{
	fake_device_command = answer;
}

/* ---- options of an export ---------------------------------------------------------- */

union options {
	struct dmabuffs_export_options known;
	struct {
		struct dmabuffs_export_options known;
		uint64_t more[2];
	} newer;
};

static int export_with(const union options *options)
{
	struct dmabuffs instance = {.root_fd = -1, .control_fd = -1};
	dmabuffs_uuid uuid = {{3}};
	int r = dmabuffs_export(&instance, -1, &options->known, &uuid);

	cr_assert(eq(u8, uuid.bytes[0], r < 0 ? 3 : 7));
	return r;
}

Test(sizes, options_of_this_version, .init = start)
{
	const union options options = {.known = {.size = sizeof(options.known),
						 .flags = DMABUFFS_EXPORT_MODE,
						 .mode = 0640,
						 .label = "text"}};

	cr_assert(zero(int, export_with(&options)));
	cr_assert(eq(u32, request_seen.flags, DMABUFFS_EXPORT_MODE));
	cr_assert(eq(u32, request_seen.mode, 0640));
	cr_assert(eq(str, (char *)request_seen.label, (char *)"text"));
}

Test(sizes, options_that_are_too_short, .init = start)
{
	union options options = {.known = {.label = "text"}};

	cr_assert(eq(int, export_with(&options), -EINVAL), "accepted size 0");
	options.known.size = sizeof(options.known) - 1;
	cr_assert(eq(int, export_with(&options), -EINVAL));
	options.known.size = 4;
	cr_assert(eq(int, export_with(&options), -EINVAL));
	cr_assert(zero(u32, calls));
}

Test(sizes, newer_options_that_are_not_used, .init = start)
{
	union options options = {.newer = {{.size = sizeof(options.newer)}}};

	cr_assert(zero(int, export_with(&options)));
	cr_assert(eq(u32, calls, 1));
}

Test(sizes, newer_options_that_are_used, .init = start)
{
	union options options = {
		.newer = {.known = {.size = sizeof(options.newer)}, .more = {0, 1}}};

	cr_assert(eq(int, export_with(&options), -E2BIG));
	options.newer.known.size = sizeof(options.known) + sizeof(uint64_t);
	cr_assert(zero(int, export_with(&options)), "read beyond the size");
}

Test(sizes, options_of_a_size_that_cannot_be, .init = start)
{
	union options options = {.known = {.size = UINT32_MAX}};

	cr_assert(eq(int, export_with(&options), -EINVAL));
	options.known.size = 4097;
	cr_assert(eq(int, export_with(&options), -EINVAL));
}

Test(sizes, a_reserved_field_of_options, .init = start)
{
	union options options = {.known = {.size = sizeof(options.known), .reserved = 1}};

	cr_assert(eq(int, export_with(&options), -EINVAL));
	cr_assert(zero(u32, calls));
}

Test(sizes, options_of_an_asid, .init = start)
{
	const struct dmabuffs_export_options options = {.label = "no size"};
	dmabuffs_uuid uuid = {{3}};

	cr_assert(eq(int, dmabuffs_accel_export_asid(-1, 1, &options, &uuid), -EINVAL));
	cr_assert(zero(u32, calls));
	cr_assert(eq(u8, uuid.bytes[0], 3));
}

/* ---- structs that a query fills ---------------------------------------------------- */

static union {
	struct dmabuffs_info known;
	uint8_t bytes[sizeof(struct dmabuffs_info) + 32];
} filled;

static int query(size_t size)
{
	memset(&filled, GUARD, sizeof(filled));
	return dmabuffs_query_fd(-1, &filled.known, size);
}

static void expect_guard(size_t from)
{
	for (size_t i = from; i < sizeof(filled); i++)
		cr_assert(eq(u8, filled.bytes[i], GUARD), "byte %zu", i);
}

Test(sizes, info_of_this_version, .init = start)
{
	cr_assert(zero(int, query(sizeof(filled.known))));
	cr_assert(eq(u32, filled.known.size, sizeof(filled.known)));
	cr_assert(eq(u64, filled.known.bytes, 4096));
	cr_assert(zero(u8, filled.known.label[DMABUFFS_LABEL_SIZE - 1]));
	expect_guard(sizeof(filled.known));
}

Test(sizes, info_of_an_older_caller, .init = start)
{
	const size_t older = offsetof(struct dmabuffs_info, importers);

	cr_assert(zero(int, query(older)));
	cr_assert(eq(u32, filled.known.size, older));
	cr_assert(eq(u64, filled.known.bytes, 4096));
	expect_guard(older);
}

Test(sizes, info_of_a_newer_caller, .init = start)
{
	cr_assert(zero(int, query(sizeof(filled.known) + 16)));
	cr_assert(eq(u32, filled.known.size, sizeof(filled.known)));
	for (size_t i = 0; i < 16; i++)
		cr_assert(zero(u8, filled.bytes[sizeof(filled.known) + i]));
	expect_guard(sizeof(filled.known) + 16);
}

Test(sizes, info_without_room_for_its_size, .init = start)
{
	struct dmabuffs instance = {.root_fd = -1};
	const dmabuffs_uuid uuid = {{1}};
	struct accel_device_info device;

	cr_assert(eq(int, query(0), -EINVAL));
	cr_assert(eq(int, query(3), -EINVAL));
	expect_guard(0);
	cr_assert(eq(int, dmabuffs_query(&instance, &uuid, &filled.known, 3), -EINVAL));
	cr_assert(eq(int, dmabuffs_accel_query(&instance, "soft0", &device, 3), -EINVAL));
	expect_guard(0);
	cr_assert(zero(u32, calls));
}
