/* SPDX-License-Identifier: MIT */
/* test-device.c - devices and their registry */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "registry.h"
#include "soft-fixture.h"
#include "util.h"

TestSuite(device, .init = soft_init, .fini = soft_finish);

static int create(const struct accel_backend *backend,
		  const struct accel_device_params *params)
{
	struct accel_device *device = NULL;
	int r = accel_device_create(soft_registry, backend, params, &device);

	if (r < 0)
		cr_assert(eq(ptr, device, NULL), "output written on failure");
	return r;
}

/* ---- parameters -------------------------------------------------------------------- */

Test(device, defaults)
{
	const struct accel_device_params params = {.size = sizeof(params),
						   .name = "plain"};
	struct accel_device_info info;

	cr_assert(zero(int, create(&accel_soft_backend, &params)));
	info = soft_info(accel_device_find(soft_registry, "plain"));
	cr_assert(eq(u32, info.queues, 64));
	cr_assert(eq(u32, info.asid_bits, 16));
	cr_assert(eq(u64, info.memory, UINT64_C(1) << 30));
	cr_assert(zero(u32, info.latency_ns));
	cr_assert(zero(u32, info.flags & ACCEL_DEVICE_EXCLUSIVE));
}

Test(device, largest_parameters)
{
	const struct accel_device_params params = {
		.size = sizeof(params),
		.name = "01234567890123456789-_aAzZ90123",
		.queues = 1024,
		.asid_bits = 20,
		.memory = UINT64_C(1) << 40,
		.latency_ns = 1000000000,
		.exclusive = true,
	};
	struct accel_device_info info;

	cr_assert(zero(int, create(&accel_soft_backend, &params)));
	info = soft_info(accel_device_find(soft_registry, params.name));
	cr_assert(eq(str, info.name, (char *)params.name));
	cr_assert(eq(u32, info.queues, params.queues));
	cr_assert(eq(u32, info.asid_bits, params.asid_bits));
	cr_assert(eq(u64, info.memory, params.memory));
	cr_assert(eq(u32, info.latency_ns, params.latency_ns));
	cr_assert(not(zero(u32, info.flags & ACCEL_DEVICE_EXCLUSIVE)));
}

Test(device, parameters_out_of_range)
{
	struct accel_device_params wrong[] = {
		{.name = ""},
		{.name = "a/b"},
		{.name = "."},
		{.name = "a b"},
		{.name = "01234567890123456789012345678901"}, /* no NUL */
		{.name = "a", .queues = 1025},
		{.name = "a", .asid_bits = 21},
		{.name = "a", .memory = 4097},
		{.name = "a", .memory = UINT64_MAX & ~(PAGE - 1)},
		{.name = "a", .latency_ns = 1000000001},
		{.name = "a", .reserved = {[6] = 1}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		wrong[i].size = sizeof(wrong[i]);
		cr_expect(eq(int, create(&accel_soft_backend, &wrong[i]), -EINVAL),
			  "row %zu", i);
	}
	cr_assert(eq(ptr, accel_device_find(soft_registry, "a"), NULL));
}

/* As a program compiled with a later header passes it. */
struct later_params {
	struct accel_device_params params;
	uint64_t later;
};

Test(device, parameters_of_another_version)
{
	struct later_params later = {.params = {.size = sizeof(later), .name = "a"}};
	const struct accel_device_params *params = &later.params;

	later.later = 1;
	cr_expect(eq(int, create(&accel_soft_backend, params), -E2BIG));
	later.params.size = sizeof(*params) - 1;
	cr_expect(eq(int, create(&accel_soft_backend, params), -EINVAL));
	later.params.size = 0;
	cr_expect(eq(int, create(&accel_soft_backend, params), -EINVAL));
	cr_assert(eq(ptr, accel_device_find(soft_registry, "a"), NULL));
	later.params.size = sizeof(later);
	later.later = 0;
	cr_expect(zero(int, create(&accel_soft_backend, params)));
}

Test(device, name_is_taken)
{
	const struct accel_device_params params = {.size = sizeof(params),
						   .name = "soft"};

	cr_assert(eq(int, create(&accel_soft_backend, &params), -EEXIST));
	cr_assert(eq(ptr, accel_device_find(soft_registry, "soft"), soft_device));
}

/* ---- backends ---------------------------------------------------------------------- */

static const struct accel_device_params other = {.size = sizeof(other), .name = "other"};

Test(device, backend_with_a_hole)
{
	const size_t holes[] = {
		offsetof(struct accel_backend, name),
		offsetof(struct accel_backend, device_start),
		offsetof(struct accel_backend, device_stop),
		offsetof(struct accel_backend, memory_alloc),
		offsetof(struct accel_backend, memory_scrub),
		offsetof(struct accel_backend, queue_start),
		offsetof(struct accel_backend, queue_kick),
		offsetof(struct accel_backend, queue_stop),
	};
	struct accel_backend backend;

	for (size_t i = 0; i < ARRAY_SIZE(holes); i++) {
		backend = accel_soft_backend;
		memset((char *)&backend + holes[i], 0, sizeof(void *));
		cr_expect(eq(int, create(&backend, &other), -EINVAL), "hole %zu", i);
	}
}

Test(device, backend_of_another_version)
{
	struct accel_backend backend = accel_soft_backend;

	backend.version++;
	cr_assert(eq(int, create(&backend, &other), -EINVAL));
}

Test(device, backend_with_a_long_name)
{
	struct accel_backend backend = accel_soft_backend;

	backend.name = "01234567890123456789012345678901";
	cr_assert(eq(int, create(&backend, &other), -EINVAL));
}

static struct accel_properties properties;
static int start_result;
static unsigned starts, stops;

static int start(const struct accel_device_params *params,
		 struct accel_properties *ret_properties, void **ret_device)
{
	starts++;
	*ret_properties = properties;
	return start_result;
}

static void stop(void *device)
{
	stops++;
}

static int create_with_properties(void)
{
	static struct accel_backend backend;

	backend = accel_soft_backend;
	backend.device_start = start;
	backend.device_stop = stop;
	return create(&backend, &other);
}

static const struct accel_properties sound = {
	.operations = 1U << ACCEL_OP_NOP,
	.page_size = 4096,
	.aperture = {0x1000, 0xffffff},
	.n_reserved = 2,
	.reserved = {{0x1000, 0x1fff}, {0x3000, 0x4fff}},
};

Test(device, backend_refuses)
{
	properties = sound;
	start_result = -EIO;
	cr_assert(eq(int, create_with_properties(), -EIO));
	cr_assert(zero(uint, stops));
}

Test(device, impossible_properties)
{
	struct accel_properties wrong[8];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		wrong[i] = sound;
	wrong[0].operations = 1U << ACCEL_OP_COPY;
	wrong[1].page_size = 0;
	wrong[2].page_size = 4096 + 1024;
	wrong[3].aperture = (struct accel_range){2, 1};
	wrong[4].n_reserved = ACCEL_MAX_RANGES + 1;
	wrong[5].reserved[0] = (struct accel_range){0, 0x1fff}; /* starts outside */
	wrong[6].reserved[1].first = 0x1fff;                    /* they overlap */
	wrong[7].reserved[1].last = 0x1000000;                  /* ends outside */
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		properties = wrong[i];
		cr_expect(eq(int, create_with_properties(), -EINVAL), "row %zu", i);
		cr_expect(eq(uint, stops, starts), "row %zu: not stopped", i);
	}
	properties = sound;
	cr_assert(zero(int, create_with_properties()));
}

Test(device, memory_is_whole_pages_of_the_backend)
{
	struct accel_backend backend = accel_soft_backend;
	const struct accel_device_params odd = {
		.size = sizeof(odd), .name = "odd", .memory = 65536 + 4096};

	backend.device_start = start;
	backend.device_stop = stop;
	properties = sound;
	properties.page_size = 65536;
	cr_assert(eq(int, create(&backend, &odd), -EINVAL));
	cr_assert(eq(uint, stops, 1));
}

/* ---- the registry ------------------------------------------------------------------ */

Test(device, registry_lists_them_in_order)
{
	struct accel_device *second = soft_add_device("second", NULL, false);
	struct accel_device *third = soft_add_device("third", NULL, true);

	cr_assert(eq(ptr, accel_device_at(soft_registry, 0), soft_device));
	cr_assert(eq(ptr, accel_device_at(soft_registry, 1), second));
	cr_assert(eq(ptr, accel_device_at(soft_registry, 2), third));
	cr_assert(eq(ptr, accel_device_at(soft_registry, 3), NULL));
	cr_assert(eq(ptr, accel_device_find(soft_registry, "second"), second));
	cr_assert(eq(ptr, accel_device_find(soft_registry, "secon"), NULL));
	cr_assert(eq(ptr, accel_device_find(soft_registry, ""), NULL));
}

Test(device, info_counts_what_is_in_use)
{
	struct accel_device_info info = soft_info(soft_device);
	struct accel_context *second = soft_open(soft_device);

	cr_assert(eq(str, info.name, (char *)"soft"));
	cr_assert(eq(str, info.backend, (char *)"soft"));
	cr_assert(eq(u32, info.contexts, 1));
	cr_assert(eq(u64, info.memory, SOFT_MEMORY));
	cr_assert(eq(u64, info.memory_free, SOFT_MEMORY));
	cr_assert(eq(u32, info.queues_free, SOFT_QUEUES));
	cr_assert(zero(u32, info.asids));
	cr_assert(not(zero(u64, info.operations & 1U << ACCEL_OP_NOP)));
	soft_buffer(soft_context, 3 * PAGE, 0);
	soft_asid(soft_context, 0);
	soft_queue(second, 0, 0);
	info.flags = 0;
	cr_assert(zero(int, accel_device_get_info(soft_context, &info)));
	cr_assert(eq(u32, info.contexts, 2));
	cr_assert(eq(u64, info.memory_free, SOFT_MEMORY - 3 * PAGE));
	cr_assert(eq(u32, info.queues_free, SOFT_QUEUES - 1));
	cr_assert(eq(u32, info.asids, 1));
	accel_context_destroy(second);
}

/* The caller's struct ends where its size says. */
Test(device, query_of_another_version)
{
	const uint32_t sizes[] = {0, 3, 4, offsetof(struct accel_device_info, backend),
				  sizeof(struct accel_device_info)};
	const struct accel_device_info whole = soft_info(soft_device);
	struct {
		struct accel_device_info info;
		uint64_t later;
	} arg;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const char *bytes = (const char *)&arg;

		memset(&arg, 0xff, sizeof(arg));
		arg.info.size = sizes[i];
		accel_device_query(soft_device, &arg.info);
		cr_expect(eq(u32, arg.info.size, sizes[i]));
		for (size_t at = sizeof(arg.info.size); at < sizeof(arg); at++)
			cr_assert(eq(chr, bytes[at],
				     at < sizes[i] ? ((const char *)&whole)[at]
						   : (char)0xff),
				  "size %u, byte %zu", sizes[i], at);
	}
	arg.info.size = sizeof(arg);
	accel_device_query(soft_device, &arg.info);
	cr_expect(zero(u64, arg.later));
}

Test(device, no_registry_is_destroyed)
{
	cr_assert(accel_registry_destroy(NULL));
}

/* ---- the log ----------------------------------------------------------------------- */

static char log_text[256];
static int log_level;

static void keep_log(void *data, int level, const char *text)
{
	cr_assert(eq(ptr, data, log_text));
	log_level = level;
	snprintf(log_text, sizeof(log_text), "%s", text);
}

/* Needs a registry with a log and one device; tries to map private memory. */
Test(device, row_private_memory_is_refused_with_the_reason_in_the_log)
{
	const struct accel_device_params params = {.size = sizeof(params),
						   .name = "logged"};
	struct accel_asid_create asid = {.size = sizeof(asid)};
	struct accel_asid_map map = {.size = sizeof(map), .flags = RW | ACCEL_MAP_USER};
	struct accel_registry *registry;
	struct accel_device *device;
	struct accel_context *context;

	cr_assert(zero(int, accel_registry_create(keep_log, log_text, &registry)));
	cr_assert(zero(int, accel_device_create(registry, &accel_soft_backend, &params,
						&device)));
	cr_assert(zero(int, accel_context_create(device, NULL, &context)));
	cr_assert(zero(int, accel_asid_create(context, &asid)));
	map.asid = asid.id;
	map.length = PAGE;
	cr_assert(eq(int, accel_asid_map(context, &map), -EINVAL));
	cr_assert(eq(int, log_level, 4));
	cr_assert(eq(ptr, strstr(log_text, "logged: "), log_text));
	cr_assert(ne(ptr, strstr(log_text, "private memory"), NULL));
	accel_context_destroy(context);
	cr_assert(accel_registry_destroy(registry));
}

/* ---- freed memory ------------------------------------------------------------------ */

Test(device, registry_settles)
{
	struct accel_object object = {.size = sizeof(object)};
	unsigned before;

	accel_registry_settle(soft_registry, 1000);
	before = count_fds();
	for (int i = 0; i < 20; i++) {
		object.id = soft_buffer(soft_context, UINT64_C(1) << 20, 0);
		cr_assert(eq(uint, count_fds(), before + 1));
		cr_assert(zero(int, accel_buffer_free(soft_context, &object)));
		/* Settling waits for it. */
		accel_registry_settle(soft_registry, 10000);
		cr_assert(eq(uint, count_fds(), before));
	}
}

/* ---- an engine that does not stop -------------------------------------------------- */

static void *stuck;

static void keep_running(void *engine)
{
	stuck = engine;
}

Test(device, registry_is_not_destroyed_under_a_running_engine)
{
	const struct accel_device_params params = {
		.size = sizeof(params), .name = "stuck", .queues = 1};
	struct accel_backend backend = accel_soft_backend;
	struct accel_registry *registry;
	struct accel_device *device;
	struct accel_context *context;

	backend.queue_stop = keep_running;
	cr_assert(zero(int, accel_registry_create(NULL, NULL, &registry)));
	cr_assert(zero(int, accel_device_create(registry, &backend, &params, &device)));
	context = soft_open(device);
	soft_queue(context, 0, 0);
	accel_context_destroy(context);
	cr_assert(ne(ptr, stuck, NULL));
	cr_assert(not(accel_registry_destroy(registry)));
	cr_assert(eq(u32, soft_info(device).queues_free, 1),
		  "the destroyed queue counts");
	accel_soft_backend.queue_stop(stuck);
	cr_assert(accel_registry_destroy(registry));
}

/* ---- memory that importers hold ---------------------------------------------------- */

static struct accel_registry *ending;
static _Atomic bool swept, released;

static bool is_ending(void *data)
{
	struct worker *worker = &ending->services.reaper.worker;
	bool stop;

	pthread_mutex_lock(&worker->lock);
	stop = worker->stop;
	pthread_mutex_unlock(&worker->lock);
	return stop;
}

/* Keeps the first sweep that releases memory at work until the registry ends. */
static void uncharge_at_the_end(void *data, enum accel_resource resource, uint64_t n)
{
	if (resource != ACCEL_RES_MEMORY || atomic_exchange(&swept, true))
		return;
	cr_assert(wait_until(is_ending, NULL));
}

static void note_release(void *data)
{
	released = true;
}

static bool is_swept(void *data)
{
	return swept;
}

/* A sweep has the second buffer in its hands while the registry is being destroyed. */
Test(device, registry_ends_during_a_sweep)
{
	const struct accel_device_params params = {.size = sizeof(params),
						   .name = "swept"};
	const struct accel_owner owner = {.size = sizeof(owner),
					  .uncharge = uncharge_at_the_end,
					  .release = note_release};
	struct accel_context *context;
	struct accel_device *device;
	uint32_t ids[2];
	int fds[2];

	cr_assert(zero(int, accel_registry_create(NULL, NULL, &ending)));
	cr_assert(zero(
		int, accel_device_create(ending, &accel_soft_backend, &params, &device)));
	cr_assert(zero(int, accel_context_create(device, &owner, &context)));
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		ids[i] = soft_buffer(context, PAGE, 0);
		fds[i] = soft_fd(context, ids[i], O_RDWR);
		cr_assert(zero(int, soft_call(context, accel_buffer_free, ids[i])));
	}
	accel_context_destroy(context);
	close(fds[0]);
	cr_assert(wait_until(is_swept, NULL));
	cr_assert(accel_registry_destroy(ending));
	cr_assert(released, "the memory that is held was forgotten");
	close(fds[1]);
}
