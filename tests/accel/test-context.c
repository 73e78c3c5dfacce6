/* SPDX-License-Identifier: MIT */
/* test-context.c - ids, limits, and destruction of a context in every state */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "context.h"
#include "soft-fixture.h"
#include "util.h"

TestSuite(context, .init = soft_init, .fini = soft_finish);

/* ---- checks common to all calls ---------------------------------------------------- */

/*
 * A call, and the offsets in its argument: the id of its object (if any), flags without a
 * meaning, and a reserved field.
 */
struct call {
	const char *name;
	int (*call)(struct accel_context *context, void *arg);
	size_t id;
	size_t reserved; /* 0: none */
};

#define CALL(name, type)                                                                 \
	static int call_##name(struct accel_context *context, void *arg)                 \
	{                                                                                \
		return accel_##name(context, (struct accel_##type *)arg);                \
	}

CALL(device_get_info, device_info)
CALL(buffer_alloc, buffer_alloc)
CALL(buffer_free, object)
CALL(buffer_revoke, object)
CALL(buffer_get_info, buffer_info)
CALL(asid_create, asid_create)
CALL(asid_destroy, object)
CALL(asid_get_info, asid_info)
CALL(asid_map, asid_map)
CALL(asid_unmap, asid_unmap)
CALL(asid_copy, asid_copy)
CALL(set_create, set_create)
CALL(set_destroy, object)
CALL(set_get_info, set_info)
CALL(set_bind, set_entry)
CALL(set_unbind, set_entry)
CALL(set_lookup, set_entry)
CALL(set_next, set_entry)
CALL(queue_create, queue_create)
CALL(queue_destroy, object)
CALL(queue_attach, queue_attach)
CALL(queue_detach, queue_attach)
CALL(queue_submit, queue_submit)
CALL(queue_reset, object)
CALL(queue_get_info, queue_info)
CALL(fence_create, fence)
CALL(fence_destroy, object)
CALL(fence_signal, fence)
CALL(fence_query, fence)

#define OBJECT offsetof(struct accel_object, id), offsetof(struct accel_object, reserved)
#define FENCE  offsetof(struct accel_fence, id), offsetof(struct accel_fence, signaller)
#define SET    offsetof(struct accel_set_entry, set)

static const struct call calls[] = {
	{"device_get_info", call_device_get_info},
	{"buffer_alloc", call_buffer_alloc, 0,
	 offsetof(struct accel_buffer_alloc, reserved)},
	{"buffer_free", call_buffer_free, OBJECT},
	{"buffer_revoke", call_buffer_revoke, OBJECT},
	{"buffer_get_info", call_buffer_get_info, offsetof(struct accel_buffer_info, id)},
	{"asid_create", call_asid_create},
	{"asid_destroy", call_asid_destroy, OBJECT},
	{"asid_get_info", call_asid_get_info, offsetof(struct accel_asid_info, id)},
	{"asid_map", call_asid_map, offsetof(struct accel_asid_map, asid)},
	{"asid_unmap", call_asid_unmap, offsetof(struct accel_asid_unmap, asid)},
	{"asid_copy", call_asid_copy, offsetof(struct accel_asid_copy, src_asid)},
	{"set_create", call_set_create},
	{"set_destroy", call_set_destroy, OBJECT},
	{"set_get_info", call_set_get_info, offsetof(struct accel_set_info, id)},
	{"set_bind", call_set_bind, SET},
	{"set_unbind", call_set_unbind, SET},
	{"set_lookup", call_set_lookup, SET},
	{"set_next", call_set_next, SET},
	{"queue_create", call_queue_create, 0,
	 offsetof(struct accel_queue_create, reserved)},
	{"queue_destroy", call_queue_destroy, OBJECT},
	{"queue_attach", call_queue_attach, offsetof(struct accel_queue_attach, queue)},
	{"queue_detach", call_queue_detach, offsetof(struct accel_queue_attach, queue)},
	{"queue_submit", call_queue_submit, offsetof(struct accel_queue_submit, queue)},
	{"queue_reset", call_queue_reset, OBJECT},
	{"queue_get_info", call_queue_get_info, offsetof(struct accel_queue_info, id)},
	{"fence_create", call_fence_create},
	{"fence_destroy", call_fence_destroy, OBJECT},
	{"fence_signal", call_fence_signal, FENCE},
	{"fence_query", call_fence_query, FENCE},
};

/* All arguments start with the size and the flags. */
static union {
	uint32_t words[sizeof(struct accel_queue_submit) / sizeof(uint32_t)];
	struct accel_queue_submit submit;
} argument, before;

static void prepare(const struct call *call, uint32_t id)
{
	memset(&argument, 0, sizeof(argument));
	argument.words[call->id / sizeof(uint32_t)] = id;
	argument.words[0] = sizeof(argument);
	if (call->call == call_queue_submit)
		argument.submit.count = 1;
	before = argument;
}

static int ask(const struct call *call)
{
	int r = call->call(soft_context, &argument);

	if (r < 0)
		cr_expect(zero(int, memcmp(&argument, &before, sizeof(argument))),
			  "%s: output written on failure", call->name);
	return r;
}

static void expect_enoent(uint32_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		if (!calls[i].id)
			continue;
		prepare(&calls[i], id);
		cr_expect(eq(int, ask(&calls[i]), -ENOENT), "%s %#x", calls[i].name, id);
	}
}

Test(context, row_zero_id)
{
	expect_enoent(0);
}

Test(context, row_unknown_id)
{
	expect_enoent(12345);
	expect_enoent(ACCEL_SET_ID | 12345);
	expect_enoent(UINT32_MAX);
}

Test(context, row_id_of_another_kind)
{
	const struct {
		const char *prefix;
		uint32_t id;
	} kinds[] = {
		{"buffer_", soft_buffer(soft_context, PAGE, 0)},
		{"asid_", soft_asid(soft_context, 0)},
		{"set_", soft_set(soft_context, 1)},
		{"queue_", soft_queue(soft_context, 0, 0)},
		{"fence_", soft_fence(soft_context, 0)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(kinds) && calls[i].id; j++) {
			if (!strncmp(calls[i].name, kinds[j].prefix, 4))
				continue;
			prepare(&calls[i], kinds[j].id);
			cr_expect(eq(int, ask(&calls[i]), -ENOENT), "%s of %s",
				  calls[i].name, kinds[j].prefix);
		}
	}
}

/* ---- versions of the structs that calls fill in ------------------------------------ */

/* A struct of @size bytes with one word more, which a later version could have. */
static int ask_of_size(const struct call *call, uint32_t id, uint32_t size, size_t known,
		       uint32_t later)
{
	prepare(call, id);
	argument.words[0] = size;
	argument.words[known / sizeof(uint32_t)] = later;
	before = argument;
	return ask(call);
}

static void expect_versions(const char *name, uint32_t id, uint32_t known)
{
	const struct call *call = calls;
	const uint32_t *later = &argument.words[known / sizeof(uint32_t)];

	while (strcmp(call->name, name) != 0)
		call++;
	cr_expect(eq(int, ask_of_size(call, id, 0, known, 0), -EINVAL), "%s", name);
	cr_expect(eq(int, ask_of_size(call, id, known - 1, known, 0), -EINVAL), "%s",
		  name);
	cr_expect(eq(int, ask_of_size(call, id, known + 4, known, 1), -E2BIG), "%s",
		  name);
	cr_expect(zero(int, ask_of_size(call, id, known + 4, known, 0)), "%s", name);
	cr_expect(eq(u32, argument.words[0], known + 4), "%s", name);
	cr_expect(zero(u32, *later), "%s", name);
	/* What is behind the struct is not read, and not written. */
	cr_expect(zero(int, ask_of_size(call, id, known, known, 1)), "%s", name);
	cr_expect(eq(u32, argument.words[0], known), "%s", name);
	cr_expect(eq(u32, *later, 1), "%s", name);
}

Test(context, structs_of_another_version)
{
	expect_versions("device_get_info", 0, sizeof(struct accel_device_info));
	expect_versions("buffer_get_info", soft_buffer(soft_context, PAGE, 0),
			sizeof(struct accel_buffer_info));
	expect_versions("asid_get_info", soft_asid(soft_context, 0),
			sizeof(struct accel_asid_info));
	expect_versions("set_get_info", soft_set(soft_context, 1),
			sizeof(struct accel_set_info));
	expect_versions("queue_get_info", soft_queue(soft_context, 0, 0),
			sizeof(struct accel_queue_info));
}

Test(context, row_id_that_is_gone)
{
	uint32_t id = soft_buffer(soft_context, PAGE, 0);
	struct accel_asid *asid = NULL;
	int fd = -1;

	cr_assert(zero(int, soft_call(soft_context, accel_buffer_free, id)));
	expect_enoent(id);
	cr_assert(eq(int, accel_buffer_open(soft_context, id, O_RDWR, &fd), -ENOENT));
	cr_assert(eq(int, accel_queue_open_ring(soft_context, id, &fd), -ENOENT));
	cr_assert(eq(int, accel_asid_share(soft_context, id, &asid), -ENOENT));
	cr_assert(eq(int, fd, -1));
}

Test(context, row_ids_of_another_context)
{
	struct accel_context *stranger = soft_open(soft_device);
	uint32_t id = 0;

	/* An id that the other context has not reached. */
	for (int i = 0; i < 20; i++)
		id = soft_asid(stranger, 0);
	expect_enoent(id);
	accel_context_destroy(stranger);
}

Test(context, unknown_flags)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		prepare(&calls[i], 0);
		argument.words[1] = 1U << 31;
		before = argument;
		cr_expect(eq(int, ask(&calls[i]), -EOPNOTSUPP), "%s", calls[i].name);
	}
}

Test(context, reserved_fields)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		if (!calls[i].reserved)
			continue;
		prepare(&calls[i], 0);
		argument.words[calls[i].reserved / sizeof(uint32_t)] = 1;
		before = argument;
		cr_expect(eq(int, ask(&calls[i]), -EINVAL), "%s", calls[i].name);
	}
}

Test(context, ids_are_not_used_twice)
{
	uint32_t last = 0;

	for (int i = 0; i < 100; i++) {
		uint32_t id = soft_fence(soft_context, 0);

		cr_assert(gt(u32, id, last));
		last = id;
		cr_assert(zero(int, soft_call(soft_context, accel_fence_destroy, id)));
	}
}

/* ---- limits of the owner ----------------------------------------------------------- */

static int make(enum accel_resource resource)
{
	struct accel_buffer_alloc buffer = {.size = sizeof(buffer), .bytes = PAGE};
	struct accel_asid_create asid = {.size = sizeof(asid)};
	struct accel_set_create set = {.size = sizeof(set), .quota = 1};
	struct accel_queue_create queue = {.size = sizeof(queue), .entries = 16};
	struct accel_fence fence = {.size = sizeof(fence)};
	struct accel_context *context;

	switch (resource) {
	case ACCEL_RES_CONTEXTS:
		return soft_try_open(soft_device, &context);
	case ACCEL_RES_ASIDS:
		return accel_asid_create(soft_context, &asid);
	case ACCEL_RES_SETS:
		return accel_set_create(soft_context, &set);
	case ACCEL_RES_QUEUES:
		return accel_queue_create(soft_context, &queue);
	case ACCEL_RES_FILES:
		return accel_buffer_alloc(soft_context, &buffer);
	case ACCEL_RES_FENCES:
		return accel_fence_create(soft_context, &fence);
	default:
		return -ENOSYS;
	}
}

static void expect_limited(enum accel_resource resource)
{
	uint64_t charged = fixture_charged();
	struct accel_device_info info = soft_info(soft_device), after;

	owner_limits[resource] = owner_charged[resource];
	cr_expect(eq(int, make(resource), -EDQUOT), "resource %d", resource);
	owner_limits[resource] = UINT64_MAX;
	cr_expect(eq(u64, fixture_charged(), charged), "resource %d", resource);
	after = soft_info(soft_device);
	cr_expect(zero(int, memcmp(&after, &info, sizeof(info))), "resource %d",
		  resource);
}

Test(context, owner_says_no)
{
	expect_limited(ACCEL_RES_CONTEXTS);
	expect_limited(ACCEL_RES_ASIDS);
	expect_limited(ACCEL_RES_SETS);
	expect_limited(ACCEL_RES_QUEUES);
	expect_limited(ACCEL_RES_FILES);
	expect_limited(ACCEL_RES_FENCES);
	cr_assert(zero(uint, owner_released), "released an owner whose create failed");
}

/* A queue needs two charges; the first is released when the second fails. */
Test(context, owner_says_no_to_the_second)
{
	owner_limits[ACCEL_RES_FILES] = 0;
	cr_assert(eq(int, make(ACCEL_RES_QUEUES), -EDQUOT));
	cr_assert(zero(u64, owner_charged[ACCEL_RES_QUEUES]));
}

Test(context, without_an_owner)
{
	struct accel_context *context;

	cr_assert(zero(int, accel_context_create(soft_device, NULL, &context)));
	soft_buffer(context, PAGE, 0);
	soft_queue(context, 0, 0);
	cr_assert(eq(u64, fixture_charged(), 1), "the other context alone");
	accel_context_destroy(context);
}

/* ---- destruction ------------------------------------------------------------------- */

static void close_context(void)
{
	accel_context_destroy(soft_context);
	soft_context = NULL;
}

static bool nothing_is_charged(void *data)
{
	return fixture_charged() == 0;
}

Test(context, end_frees_everything)
{
	uint32_t set = soft_set(soft_context, 4);
	uint32_t asid = soft_asid(soft_context, set);
	uint32_t buffer = soft_buffer(soft_context, 2 * PAGE, 0);
	uint32_t queue = soft_queue(soft_context, ACCEL_QUEUE_USER, set);
	struct accel_set_entry entry = {.set = set, .asid = asid, .guest = 7};

	soft_buffer(soft_context, PAGE, ACCEL_BUFFER_PINNED);
	soft_queue(soft_context, 0, 0);
	soft_fence(soft_context, 1);
	soft_map(soft_context, asid, buffer, 2 * PAGE);
	cr_assert(zero(int, accel_set_bind(soft_context, &entry)));
	cr_assert(zero(int, soft_attach(soft_context, queue, asid)));
	close_context();
	cr_assert(wait_until(nothing_is_charged, NULL));
}

Test(context, end_of_nothing)
{
	accel_context_destroy(NULL);
}

Test(context, end_while_a_queue_waits_for_a_fence)
{
	uint32_t queue = soft_queue(soft_context, 0, 0);
	const struct accel_command wait = {
		.op = ACCEL_OP_WAIT,
		.src2_asid = soft_fence(soft_context, 0),
		.value = 1,
	};

	cr_assert(zero(i64, soft_submit(soft_context, queue, &wait)));
	close_context();
	cr_assert(wait_until(nothing_is_charged, NULL));
}

Test(context, end_of_a_faulted_queue)
{
	const struct accel_command bad = {.op = ACCEL_OP_COUNT};
	uint32_t queue = soft_queue(soft_context, 0, 0);

	cr_assert(zero(i64, soft_submit(soft_context, queue, &bad)));
	cr_assert(soft_in_state(soft_context, queue, ACCEL_QUEUE_FAULTED));
	close_context();
	cr_assert(wait_until(nothing_is_charged, NULL));
}

/* Descriptors do not survive the context; a shared ASID does, and stays charged. */
Test(context, end_with_a_shared_asid)
{
	uint32_t id = soft_asid(soft_context, 0);
	struct accel_asid *asid;

	soft_map(soft_context, id, soft_buffer(soft_context, PAGE, 0), PAGE);
	cr_assert(zero(int, accel_asid_share(soft_context, id, &asid)));
	close_context();
	cr_assert(eq(u64, owner_charged[ACCEL_RES_ASIDS], 1));
	cr_assert(eq(u64, owner_charged[ACCEL_RES_MAPPINGS], 1));
	cr_assert(eq(u64, owner_charged[ACCEL_RES_FILES], 1));
	cr_assert(zero(u64, owner_charged[ACCEL_RES_CONTEXTS]));
	cr_assert(eq(u32, soft_info(soft_device).asids, 1));
	cr_assert(zero(uint, owner_released), "the owner has a charge left");
	accel_asid_unref(asid);
	cr_assert(wait_until(nothing_is_charged, NULL));
}

Test(context, end_while_its_memory_is_mapped_elsewhere)
{
	int fd = soft_fd(soft_context, soft_buffer(soft_context, PAGE, 0), O_RDWR);
	uint64_t *memory = soft_view(fd, PAGE);

	memory[0] = 5;
	close_context();
	cr_assert(eq(u64, memory[0], 5), "lost on a device that is not exclusive");
	cr_assert(eq(u64, owner_charged[ACCEL_RES_MEMORY], PAGE));
	munmap(memory, PAGE);
	close(fd);
	cr_assert(wait_until(nothing_is_charged, NULL));
}

/* As a program compiled with a later header passes it. */
struct later_owner {
	struct accel_owner owner;
	void *later;
};

Test(context, owner_of_another_version)
{
	struct later_owner later = {.owner = {.size = sizeof(later)}};
	struct accel_owner *owner = &later.owner;
	struct accel_context *context = NULL;

	later.later = owner;
	cr_expect(eq(int, accel_context_create(soft_device, owner, &context), -E2BIG));
	later.later = NULL;
	owner->flags = 1;
	cr_expect(
		eq(int, accel_context_create(soft_device, owner, &context), -EOPNOTSUPP));
	owner->flags = 0;
	owner->size = offsetof(struct accel_owner, user) - 1;
	cr_expect(eq(int, accel_context_create(soft_device, owner, &context), -EINVAL));
	owner->size = 0;
	cr_expect(eq(int, accel_context_create(soft_device, owner, &context), -EINVAL));
	cr_assert(eq(ptr, context, NULL), "output written on failure");
	owner->size = sizeof(later);
	cr_assert(zero(int, accel_context_create(soft_device, owner, &context)));
	accel_context_destroy(context);
	/* The first version, which had no user. */
	owner->size = offsetof(struct accel_owner, user);
	cr_assert(zero(int, accel_context_create(soft_device, owner, &context)));
	accel_context_destroy(context);
}

/* An internal reference keeps a destroyed context from being freed. */
Test(context, dead_one_takes_no_more_objects)
{
	struct accel_context *context = accel_context_ref(soft_context);
	struct accel_fence fence = {.size = sizeof(fence)};
	struct accel_set_create set = {.size = sizeof(set), .quota = 1};
	struct accel_asid_create asid = {.size = sizeof(asid)};
	struct accel_buffer_alloc buffer = {.size = sizeof(buffer), .bytes = PAGE};
	struct accel_queue_create queue = {.size = sizeof(queue), .entries = 16};

	close_context();
	cr_expect(eq(int, accel_fence_create(context, &fence), -ENODEV));
	cr_expect(eq(int, accel_set_create(context, &set), -ENODEV));
	cr_expect(eq(int, accel_asid_create(context, &asid), -ENODEV));
	cr_expect(eq(int, accel_buffer_alloc(context, &buffer), -ENODEV));
	cr_expect(eq(int, accel_queue_create(context, &queue), -ENODEV));
	accel_context_unref(context);
	cr_assert(wait_until(nothing_is_charged, NULL));
}
