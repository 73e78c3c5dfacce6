/* SPDX-License-Identifier: MIT */
#include "asid-fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "asid.h"
#include "buffer.h"
#include "context.h"

#define MAX_BUFFER_ID 64

struct accel_registry *registry;
struct accel_device *device;
struct accel_context *context;
char last_log[256];
int last_level;
struct accel_device_params device_params = {
	.size = sizeof(device_params),
	.name = "fake",
};

static void keep_log(void *data, int level, const char *text)
{
	last_level = level;
	snprintf(last_log, sizeof(last_log), "%s", text);
}

struct accel_context *new_context(void)
{
	struct accel_owner owner = owner_counting;
	struct accel_context *made;

	owner.notify = NULL; /* optional */
	cr_assert(zero(int, owner_open(&owner, device, &made)));
	return made;
}

void asid_fixture_init(void)
{
	if (!fake_properties.n_reserved) {
		fake_properties.aperture =
			(struct accel_range){.first = PAGE, .last = APERTURE_END - 1};
		fake_properties.n_reserved = 3;
		fake_properties.reserved[0] =
			(struct accel_range){16 * PAGE, 17 * PAGE - 1};
		fake_properties.reserved[1] =
			(struct accel_range){33 * PAGE, 34 * PAGE - 1};
		fake_properties.reserved[2] =
			(struct accel_range){65 * PAGE, 66 * PAGE - 1};
	}
	cr_assert(zero(int, accel_registry_create(keep_log, NULL, &registry)));
	cr_assert(zero(int, accel_device_create(registry, &fake_backend, &device_params,
						&device)));
	context = new_context();
}

void asid_fixture_finish(void)
{
	struct accel_device_info info = {.size = sizeof(info)};

	accel_context_destroy(context);
	accel_device_query(device, &info);
	cr_assert(zero(u32, info.asids));
	cr_assert(zero(u32, info.contexts));
	cr_assert(accel_registry_destroy(registry));
	for (int i = 0; i < ACCEL_RES_COUNT; i++)
		cr_assert(zero(u64, owner_charged[i]), "resource %d stays charged", i);
	cr_assert(eq(uint, owner_released, owner_opened));
}

/* ---- objects ----------------------------------------------------------------------- */

uint32_t new_asid(struct accel_context *in, uint32_t flags)
{
	struct accel_asid_create arg = {.size = sizeof(arg), .flags = flags};

	cr_assert(zero(int, accel_asid_create(in, &arg)));
	cr_assert(not(zero(u32, arg.id)));
	return arg.id;
}

uint32_t new_buffer(struct accel_context *in, uint64_t bytes, uint32_t flags)
{
	struct accel_buffer_alloc arg = {
		.size = sizeof(arg),
		.flags = flags,
		.bytes = bytes,
	};

	cr_assert(zero(int, accel_buffer_alloc(in, &arg)));
	return arg.id;
}

uint32_t import_memfd(uint64_t bytes, int access, int *ret_fd)
{
	int fd = new_memfd(bytes), other = reopen(fd, access);
	uint32_t id;

	cr_assert(ge(int, other, 0));
	cr_assert(zero(int, accel_buffer_import(context, other, &id)));
	*ret_fd = fd;
	return id;
}

int destroy_asid(struct accel_context *in, uint32_t asid)
{
	struct accel_object arg = {.size = sizeof(arg), .id = asid};

	return accel_asid_destroy(in, &arg);
}

struct accel_asid_info info_of(struct accel_context *in, uint32_t asid)
{
	struct accel_asid_info arg = {.size = sizeof(arg), .id = asid};

	cr_assert(zero(int, accel_asid_get_info(in, &arg)));
	return arg;
}

/* ---- the page table ---------------------------------------------------------------- */

int map(uint32_t asid, uint32_t buffer, uint64_t offset, uint64_t length, uint32_t flags,
	uint64_t iova)
{
	struct accel_asid_map arg = {
		.size = sizeof(arg),
		.flags = flags,
		.asid = asid,
		.buffer = buffer,
		.offset = offset,
		.length = length,
		.iova = iova,
	};
	int r = accel_asid_map(context, &arg);

	return (r < 0 || flags & ACCEL_MAP_FIXED) && arg.iova != iova ? -EPROTO : r;
}

uint64_t map_any(uint32_t asid, uint32_t buffer, uint64_t length, uint32_t flags)
{
	struct accel_asid_map arg = {
		.size = sizeof(arg),
		.flags = flags,
		.asid = asid,
		.buffer = buffer,
		.length = length,
	};
	int r = accel_asid_map(context, &arg);

	if (r < 0 && arg.iova)
		return (uint64_t)-EPROTO;
	return r < 0 ? (uint64_t)r : arg.iova;
}

int64_t unmap(uint32_t asid, uint64_t iova, uint64_t length)
{
	struct accel_asid_unmap arg = {
		.size = sizeof(arg),
		.asid = asid,
		.iova = iova,
		.length = length,
	};
	int r = accel_asid_unmap(context, &arg);

	if (r < 0 && arg.length != length)
		return -EPROTO;
	return r < 0 ? r : (int64_t)arg.length;
}

int copy(uint32_t dst, uint64_t dst_iova, uint32_t src, uint64_t src_iova,
	 uint64_t length, uint32_t flags)
{
	struct accel_asid_copy arg = {
		.size = sizeof(arg),
		.flags = flags,
		.dst_asid = dst,
		.src_asid = src,
		.src_iova = src_iova,
		.length = length,
		.dst_iova = dst_iova,
	};
	int r = accel_asid_copy(context, &arg);

	return (r < 0 || flags & ACCEL_MAP_FIXED) && arg.dst_iova != dst_iova ? -EPROTO
									      : r;
}

void expect_mapped(uint32_t asid, uint64_t mappings, uint64_t bytes)
{
	struct accel_asid_info info = info_of(context, asid);

	cr_expect(eq(u64, info.mappings, mappings));
	cr_expect(eq(u64, info.mapped, bytes));
}

/* The id of @wanted, by searching the context. */
static uint32_t id_of(const struct accel_buffer *wanted)
{
	for (uint32_t id = 1; id < MAX_BUFFER_ID; id++) {
		struct accel_base *base =
			accel_context_get(context, ACCEL_TYPE_BUFFER, id);

		accel_base_unref(base);
		if (base == &wanted->base)
			return id;
	}
	return UINT32_MAX;
}

int resolve(struct accel_asid *object, uint64_t iova, uint64_t length, uint32_t access,
	    struct accel_window *ret_window)
{
	int r;

	pthread_rwlock_rdlock(&object->lock);
	r = accel_asid_resolve_locked(object, iova, length, access, ret_window);
	pthread_rwlock_unlock(&object->lock);
	return r;
}

uint32_t look_at(uint32_t asid, uint64_t iova, uint32_t access, int64_t *ret_offset)
{
	struct accel_window window = {0};
	struct accel_asid *object;
	uint32_t id = 0;
	int r;

	cr_assert(zero(int, accel_asid_share(context, asid, &object)));
	pthread_rwlock_rdlock(&object->lock);
	r = accel_asid_resolve_locked(object, iova, 1, access, &window);
	if (r < 0) {
		cr_assert(eq(ptr, window.memory, NULL), "output written on failure");
		*ret_offset = r;
	} else {
		cr_assert(eq(u64, window.length, 1));
		*ret_offset = (char *)window.memory - (char *)window.buffer->memory;
		id = id_of(window.buffer);
	}
	pthread_rwlock_unlock(&object->lock);
	accel_asid_unref(object);
	return id;
}
