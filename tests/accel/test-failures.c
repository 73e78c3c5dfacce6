/* SPDX-License-Identifier: MIT */
/*
 * test-failures.c - each allocation and system call of the calls in accel.h fails once
 *
 * A call that fails leaves no charge, and succeeds when it is repeated.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fail-each.h"
#include "soft-fixture.h"
#include "util.h"

TestSuite(failures, .init = soft_init, .fini = soft_finish);

/* ---- running a call ---------------------------------------------------------------- */

/* The objects of one attempt, created anew each time and destroyed with the context. */
static struct accel_device *device;
static struct accel_context *context;
static uint32_t buffer, asid, set, queue;
static struct accel_asid *shared;
static int memfd = -1, mem = -1, maps = -1;

static int (*current)(void);
static uint64_t charged;

static void settle(void)
{
	soft_drain();
	charged = fixture_charged();
}

/* -ENOMEM and the like, or the error for a descriptor that cannot be examined. */
static bool is_documented(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -EIO || r == -EBADFD;
}

static bool is_charged_as_before(void *data)
{
	return fixture_charged() == charged;
}

/* An engine that was started releases its charges when it has stopped. */
static void expect_no_effect(int r)
{
	cr_expect(is_documented(r), "unexpected result %d", r);
	cr_expect(wait_until(is_charged_as_before, NULL), "a charge is left");
	cr_assert(zero(int, current()), "the call fails afterwards");
}

static void close_all(void)
{
	int *fds[] = {&memfd, &mem, &maps};

	accel_asid_unref(TAKE_PTR(shared));
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close_keep_errno(TAKE_FD(*fds[i]));
}

static bool is_memory_free(void *data)
{
	struct accel_device_info info = soft_info(data);

	return info.memory_free == info.memory;
}

/* What an exclusive device could not clean is cleaned later, and is charged until then.
 */
static void finish(int r)
{
	if (r < 0)
		expect_no_effect(r);
	accel_context_destroy(TAKE_PTR(context));
	close_all();
	cr_assert(wait_until(is_memory_free, device), "memory of the device is left");
	soft_settle();
}

static void try_each(void (*prepare)(void), int (*act)(void), bool can_do_without)
{
	device = device ?: soft_device;
	current = act;
	fail_each(&(struct operation){prepare, act, finish, can_do_without});
}

/* Memory left on an exclusive device may have to be cleaned first. */
static bool opens(void *data)
{
	int r = soft_try_open(device, &context);

	cr_assert(r == 0 || r == -EAGAIN || r == -EBUSY, "unexpected result %d", r);
	return r == 0;
}

static void open_context(void)
{
	cr_assert(wait_until(opens, NULL), "the device does not become free");
}

static void prepare_context(void)
{
	open_context();
	settle();
}

/* ---- registry, device, context ----------------------------------------------------- */

static struct accel_registry *registry;

static int create_registry(void)
{
	return accel_registry_create(NULL, NULL, &registry);
}

static void finish_registry(int r)
{
	if (r < 0)
		expect_no_effect(r == -EAGAIN ? -ENOMEM : r);
	cr_assert(accel_registry_destroy(TAKE_PTR(registry)));
}

Test(failures, registry_create)
{
	current = create_registry;
	fail_each(&(struct operation){settle, create_registry, finish_registry});
}

static void prepare_registry(void)
{
	cr_assert(zero(int, create_registry()));
	settle();
}

static int create_device(void)
{
	const struct accel_device_params params = {.size = sizeof(params), .name = "new"};

	return accel_device_create(registry, &accel_soft_backend, &params, NULL);
}

/* SVA is optional: without it the call succeeds. */
Test(failures, device_create)
{
	current = create_device;
	fail_each(&(struct operation){prepare_registry, create_device, finish_registry,
				      true});
}

static int create_context(void)
{
	return soft_try_open(device, &context);
}

Test(failures, context_create)
{
	try_each(settle, create_context, false);
}

static void prepare_everything(void)
{
	struct accel_set_entry entry = {.size = sizeof(entry), .guest = 1};

	open_context();
	buffer = soft_buffer(context, PAGE, ACCEL_BUFFER_PINNED);
	set = soft_set(context, 2);
	asid = soft_asid(context, set);
	queue = soft_queue(context, 0, set);
	soft_map(context, asid, buffer, PAGE);
	cr_assert(zero(int, soft_attach(context, queue, asid)));
	entry.set = set;
	entry.asid = asid;
	cr_assert(zero(int, accel_set_bind(context, &entry)));
	settle();
}

static int destroy_context(void)
{
	accel_context_destroy(TAKE_PTR(context));
	return 0;
}

static void finish_destroyed(int r)
{
	open_context();
	accel_context_destroy(TAKE_PTR(context));
	soft_settle();
}

/* If the cleaning thread cannot start, the exclusive device is cleaned another way. */
Test(failures, context_destroy)
{
	device = soft_add_device("exclusive", NULL, true);
	fail_each(&(struct operation){prepare_everything, destroy_context,
				      finish_destroyed, true});
}

/* ---- buffers ----------------------------------------------------------------------- */

static int alloc_buffer(void)
{
	struct accel_buffer_alloc arg = {.size = sizeof(arg), .bytes = PAGE};
	int r = accel_buffer_alloc(context, &arg);

	buffer = arg.id;
	return r;
}

/* A failure to clear O_NONBLOCK on the core's own descriptor is ignored. */
Test(failures, buffer_alloc)
{
	try_each(prepare_context, alloc_buffer, true);
}

Test(failures, buffer_alloc_on_an_exclusive_device)
{
	device = soft_add_device("exclusive", NULL, true);
	try_each(prepare_context, alloc_buffer, true);
}

static void prepare_memfd(void)
{
	memfd = new_sealed_memfd(PAGE, F_SEAL_SHRINK);
	prepare_context();
}

static int import_buffer(void)
{
	int r = accel_buffer_import(context, memfd, &buffer);

	if (r == 0)
		memfd = -1;
	else
		cr_expect(ge(int, lseek(memfd, 0, SEEK_CUR), 0),
			  "descriptor closed on failure");
	return r;
}

Test(failures, buffer_import)
{
	try_each(prepare_memfd, import_buffer, false);
}

static void prepare_buffer(void)
{
	open_context();
	buffer = soft_buffer(context, PAGE, 0);
	settle();
}

static int open_buffer(void)
{
	return accel_buffer_open(context, buffer, O_RDWR, &memfd);
}

Test(failures, buffer_open)
{
	try_each(prepare_buffer, open_buffer, true);
}

static int free_buffer(void)
{
	return soft_call(context, accel_buffer_free, buffer);
}

/* If the kernel cannot report its users, the buffer is kept until the owner is gone. */
Test(failures, buffer_free_on_an_exclusive_device)
{
	device = soft_add_device("exclusive", NULL, true);
	try_each(prepare_buffer, free_buffer, true);
}

static int revoke_buffer(void)
{
	struct accel_buffer_info info = {.size = sizeof(info), .id = buffer};
	int r = soft_call(context, accel_buffer_revoke, buffer);

	cr_expect(zero(int, accel_buffer_get_info(context, &info)));
	if (r < 0)
		cr_expect(zero(u32, info.flags & ACCEL_BUFFER_REVOKED),
			  "marked revoked on failure");
	return r;
}

/* An event without memory is lost, and the next one carries the flag. */
Test(failures, buffer_revoke)
{
	try_each(prepare_buffer, revoke_buffer, true);
}

/* ---- address spaces ---------------------------------------------------------------- */

static int create_asid(void)
{
	struct accel_asid_create arg = {.size = sizeof(arg), .set = set};

	return accel_asid_create(context, &arg);
}

Test(failures, asid_create)
{
	try_each(prepare_context, create_asid, false);
}

static void prepare_set(void)
{
	open_context();
	set = soft_set(context, 1);
	settle();
}

Test(failures, asid_create_in_a_set)
{
	try_each(prepare_set, create_asid, false);
}

static void prepare_sva(void)
{
	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	prepare_context();
}

static int create_sva(void)
{
	struct accel_asid_create arg = {.size = sizeof(arg)};
	int r = accel_asid_create_sva(context, &arg, mem, maps);

	if (r == 0)
		mem = maps = -1;
	return r;
}

Test(failures, asid_create_sva)
{
	if (!(soft_info(soft_device).flags & ACCEL_DEVICE_SVA))
		cr_skip_test("the kernel has no PROCMAP_QUERY");
	try_each(prepare_sva, create_sva, false);
}

static void prepare_asid(void)
{
	open_context();
	buffer = soft_buffer(context, 2 * PAGE, 0);
	asid = soft_asid(context, 0);
	settle();
}

static int map_buffer(void)
{
	struct accel_asid_map arg = {
		.size = sizeof(arg),
		.flags = RW,
		.asid = asid,
		.buffer = buffer,
		.length = PAGE,
	};
	struct accel_asid_info info = {.size = sizeof(info), .id = asid};
	int r = accel_asid_map(context, &arg);

	cr_expect(zero(int, accel_asid_get_info(context, &info)));
	if (r < 0)
		cr_expect(zero(u64, info.mappings));
	return r;
}

/* A buffer whose size cannot be queried is treated as revoked. */
static int map_buffer_errors(void)
{
	int r = map_buffer();

	return r == -ENODEV ? -EIO : r;
}

Test(failures, asid_map)
{
	try_each(prepare_asid, map_buffer_errors, false);
}

enum { PIECES = 5 };

static void prepare_pieces(void)
{
	prepare_asid();
	for (int i = 0; i < PIECES; i++) {
		struct accel_asid_map arg = {
			.size = sizeof(arg),
			.flags = RW | ACCEL_MAP_FIXED,
			.asid = asid,
			.buffer = buffer,
			.length = PAGE,
			.iova = (16 + (uint64_t)i) * PAGE,
		};

		cr_assert(zero(int, accel_asid_map(context, &arg)));
	}
	settle();
}

/* Copies several mappings: all or nothing. */
static int copy_pieces(void)
{
	struct accel_asid_copy arg = {
		.size = sizeof(arg),
		.flags = RW,
		.dst_asid = asid,
		.src_asid = asid,
		.src_iova = 16 * PAGE,
		.length = PIECES * PAGE,
	};
	struct accel_asid_info info = {.size = sizeof(info), .id = asid};
	int r = accel_asid_copy(context, &arg);

	cr_expect(zero(int, accel_asid_get_info(context, &info)));
	cr_expect(eq(u64, info.mappings, r < 0 ? PIECES : 2 * PIECES));
	return r == -ENODEV ? -EIO : r;
}

Test(failures, asid_copy)
{
	try_each(prepare_pieces, copy_pieces, false);
}

static void prepare_shared(void)
{
	struct accel_context *other = soft_open(device);

	cr_assert(zero(int, accel_asid_share(other, soft_asid(other, 0), &shared)));
	accel_context_destroy(other);
	prepare_context();
}

static int import_asid(void)
{
	return accel_asid_import(context, shared, &asid);
}

Test(failures, asid_import)
{
	try_each(prepare_shared, import_asid, false);
}

/* ---- sets -------------------------------------------------------------------------- */

static int create_set(void)
{
	struct accel_set_create arg = {.size = sizeof(arg), .quota = 1};

	return accel_set_create(context, &arg);
}

Test(failures, set_create)
{
	try_each(prepare_context, create_set, false);
}

static void prepare_member(void)
{
	prepare_set();
	asid = soft_asid(context, set);
	settle();
}

static int bind_guest(void)
{
	struct accel_set_entry arg = {
		.size = sizeof(arg),
		.set = set,
		.asid = asid,
		.guest = 5,
	};
	struct accel_set_info info = {.size = sizeof(info), .id = set};
	int r = accel_set_bind(context, &arg);

	cr_expect(zero(int, accel_set_get_info(context, &info)));
	cr_expect(eq(u32, info.bound, r == 0));
	return r;
}

Test(failures, set_bind)
{
	try_each(prepare_member, bind_guest, true);
}

/* ---- queues and fences ------------------------------------------------------------- */

static int create_queue(uint32_t flags)
{
	struct accel_queue_create arg = {
		.size = sizeof(arg),
		.flags = flags,
		.entries = 16,
		.set = set,
	};

	return accel_queue_create(context, &arg);
}

static int create_mediated(void)
{
	return create_queue(0);
}

static int create_user(void)
{
	return create_queue(ACCEL_QUEUE_USER);
}

Test(failures, queue_create_mediated)
{
	try_each(prepare_context, create_mediated, false);
}

Test(failures, queue_create_user)
{
	try_each(prepare_context, create_user, false);
}

Test(failures, queue_create_guarded)
{
	try_each(prepare_set, create_user, false);
}

static void prepare_queue(void)
{
	prepare_context();
	queue = soft_queue(context, 0, 0);
	settle();
}

static int open_ring(void)
{
	return accel_queue_open_ring(context, queue, &memfd);
}

Test(failures, queue_open_ring)
{
	try_each(prepare_queue, open_ring, false);
}

static int create_fence(void)
{
	struct accel_fence arg = {.size = sizeof(arg)};

	return accel_fence_create(context, &arg);
}

Test(failures, fence_create)
{
	try_each(prepare_context, create_fence, false);
}
