/* SPDX-License-Identifier: MIT */
/*
 * test-ownership.c - an exclusive device, and memory of its last user that is still
 * imported
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buffer.h"
#include "context.h"
#include "guard.h"
#include "soft-fixture.h"

#define WORDS  (PAGE / sizeof(uint64_t))
#define OLD    UINT64_C(0x0123456789abcdef) /* left by A */
#define SECRET UINT64_C(0xfedcba9876543210) /* written by B */

static struct accel_device *device;

static void init(void)
{
	soft_init();
	device = soft_add_device("exclusive", NULL, true);
}

TestSuite(ownership, .init = init, .fini = soft_finish);

static int try_open(void)
{
	struct accel_context *context;
	int r = soft_try_open(device, &context);

	if (r == 0)
		accel_context_destroy(context);
	return r;
}

static bool opens_at_once(void *data)
{
	struct accel_context **ret_context = data;
	int r = soft_try_open(device, ret_context);

	cr_assert(r == 0 || r == -EAGAIN, "unexpected result %d", r);
	return r == 0;
}

/* No importer holds memory: open returns at most -EAGAIN before it succeeds. */
static struct accel_context *open_at_once(void)
{
	struct accel_context *context = NULL;

	cr_assert(wait_until(opens_at_once, &context));
	return context;
}

static bool opens(void *data)
{
	struct accel_context **ret_context = data;
	int r = soft_try_open(device, ret_context);

	cr_assert(r == 0 || r == -EAGAIN || r == -EBUSY, "unexpected result %d", r);
	return r == 0;
}

/* The last importer has just closed, which the device may not have noticed. */
static struct accel_context *open_next(void)
{
	struct accel_context *context = NULL;

	cr_assert(wait_until(opens, &context));
	return context;
}

static bool is_busy(void *data)
{
	int r = try_open();

	cr_assert(r == -EBUSY || r == -EAGAIN, "unexpected result %d", r);
	return r == -EBUSY;
}

/* After the first -EBUSY, each attempt returns -EBUSY. */
static void expect_busy(void)
{
	cr_assert(wait_until(is_busy, NULL));
	for (int i = 0; i < 10; i++)
		cr_assert(eq(int, try_open(), -EBUSY));
}

static void fill(uint64_t *memory, uint64_t word)
{
	for (size_t i = 0; i < WORDS; i++)
		memory[i] = word;
}

static bool is_all(const uint64_t *memory, uint64_t word)
{
	for (size_t i = 0; i < WORDS; i++)
		if (memory[i] != word)
			return false;
	return true;
}

/* An import of a buffer by another process or device. */
struct import {
	int fd;
	uint64_t *memory;
};

static struct import import_buffer(struct accel_context *context, uint32_t buffer)
{
	int fd = soft_fd(context, buffer, O_RDWR);

	return (struct import){fd, soft_view(fd, PAGE)};
}

/*
 * The core's own open file description, which does not count as a user of the memory: it
 * shows the content after the core has released it. Not mapped, since a mapping would
 * prevent sealing.
 */
static int look_behind(struct accel_context *context, uint32_t buffer)
{
	struct accel_base *base = accel_context_get(context, ACCEL_TYPE_BUFFER, buffer);
	int fd = fcntl(((struct accel_buffer *)base)->fd, F_DUPFD_CLOEXEC, 0);

	accel_base_unref(base);
	cr_assert(ge(int, fd, 0));
	return fd;
}

/* A client may seal its memory: it is then overwritten in place. */
static void freeze_seals(int fd)
{
	cr_assert(zero(int, fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL)));
}

static void read_page(int fd, uint64_t page[WORDS])
{
	cr_assert(eq(i64, pread(fd, page, PAGE, 0), (int64_t)PAGE));
}

static bool has_everywhere(int fd, uint64_t word)
{
	uint64_t page[WORDS];

	read_page(fd, page);
	return is_all(page, word);
}

static bool has_nowhere(int fd, uint64_t word)
{
	uint64_t page[WORDS];

	read_page(fd, page);
	for (size_t i = 0; i < WORDS; i++)
		if (page[i] == word)
			return false;
	return true;
}

static void let_go(struct import *import)
{
	munmap(import->memory, PAGE);
	close(import->fd);
}

static void touch(void *arg)
{
	(void)*(volatile uint64_t *)arg;
}

/* The next access to a mapping without pages raises SIGBUS. */
static bool is_dead(uint64_t *memory)
{
	return accel_guard_call(touch, memory) == -EFAULT;
}

/* As the next user, whose memory reads as zero. */
static void write_secret(struct accel_context *context)
{
	uint32_t buffer = soft_buffer(context, PAGE, 0);
	struct import own = import_buffer(context, buffer);

	cr_assert(is_all(own.memory, 0), "data of the last user is visible");
	fill(own.memory, SECRET);
	let_go(&own);
}

/* ---- one at a time ----------------------------------------------------------------- */

Test(ownership, row_second_open_is_busy)
{
	struct accel_context *context = soft_open(device);

	cr_assert(eq(int, try_open(), -EBUSY));
	cr_assert(eq(u32, soft_info(device).contexts, 1));
	accel_context_destroy(context);
	cr_assert(zero(int, try_open()), "busy although nothing was left");
}

Test(ownership, other_devices_are_not)
{
	struct accel_context *one = soft_open(soft_device);
	struct import import =
		import_buffer(one, soft_buffer(one, PAGE, ACCEL_BUFFER_PINNED));

	accel_context_destroy(one);
	accel_context_destroy(soft_open(soft_device));
	let_go(&import);
}

static void *stuck;

static void keep_running(void *engine)
{
	stuck = engine;
}

/* Commands of the old owner may still access memory, but for a moment only. */
Test(ownership, not_yet_while_an_engine_still_runs)
{
	static struct accel_backend backend;
	struct accel_context *context;

	backend = accel_soft_backend;
	backend.queue_stop = keep_running;
	device = soft_add_device("slow", &backend, true);
	context = soft_open(device);
	soft_queue(context, 0, 0);
	cr_assert(eq(int, try_open(), -EBUSY));
	accel_context_destroy(context);
	for (int i = 0; i < 100; i++)
		cr_assert(eq(int, try_open(), -EAGAIN));
	accel_soft_backend.queue_stop(stuck);
	accel_context_destroy(open_at_once());
}

/* ---- the attack of "Add p2p via dmabuf to habanalabs" ------------------------------ */

/* Steps 1 to 3: A leaves memory that an importer has pinned, and B is kept out. */
static struct import leave_pinned(int *ret_behind)
{
	struct accel_context *context = soft_open(device);
	uint32_t buffer = soft_buffer(context, PAGE, ACCEL_BUFFER_PINNED);
	struct import import = import_buffer(context, buffer);

	*ret_behind = look_behind(context, buffer);
	fill(import.memory, OLD);
	accel_context_destroy(context);
	expect_busy();
	cr_assert(is_all(import.memory, OLD), "imported memory changed");
	cr_assert(eq(u64, soft_info(device).memory_free, SOFT_MEMORY - PAGE));
	return import;
}

Test(ownership, row_attack_with_pinned_memory)
{
	int behind;
	struct import import = leave_pinned(&behind);
	struct accel_context *context;

	let_go(&import);
	context = open_next();
	cr_assert(eq(u64, soft_info(device).memory_free, SOFT_MEMORY));
	write_secret(context);
	cr_assert(has_nowhere(behind, SECRET));
	accel_context_destroy(context);
	close(behind);
}

Test(ownership, row_attack_with_pinned_memory_that_is_overwritten)
{
	int behind;
	struct import import = leave_pinned(&behind);
	struct accel_context *context;

	freeze_seals(import.fd);
	let_go(&import);
	context = open_next();
	cr_assert(has_everywhere(behind, 0), "not overwritten");
	write_secret(context);
	cr_assert(has_everywhere(behind, 0));
	accel_context_destroy(context);
	close(behind);
}

Test(ownership, row_attack_with_revocable_memory)
{
	struct accel_context *context = soft_open(device);
	struct import import = import_buffer(context, soft_buffer(context, PAGE, 0));
	char byte;

	fill(import.memory, OLD);
	accel_context_destroy(context);
	context = open_at_once();
	cr_assert(is_dead(import.memory));
	cr_assert(zero(i64, pread(import.fd, &byte, 1, 0)));
	write_secret(context);
	cr_assert(is_dead(import.memory));
	cr_assert(zero(i64, pread(import.fd, &byte, 1, 0)));
	cr_assert(ne(int, ftruncate(import.fd, PAGE), 0),
		  "revoked memory could grow again");
	accel_context_destroy(context);
	let_go(&import);
}

/* ---- users of the memory ----------------------------------------------------------- */

static struct accel_context *owner;
static uint32_t pinned;

static void own_pinned(void)
{
	owner = soft_open(device);
	pinned = soft_buffer(owner, PAGE, ACCEL_BUFFER_PINNED);
}

Test(ownership, held_by_a_descriptor)
{
	int fd;

	own_pinned();
	fd = soft_fd(owner, pinned, O_RDONLY);
	accel_context_destroy(owner);
	expect_busy();
	close(fd);
	accel_context_destroy(open_next());
}

Test(ownership, held_by_a_mapping)
{
	struct import import;

	own_pinned();
	import = import_buffer(owner, pinned);
	close(import.fd);
	accel_context_destroy(owner);
	expect_busy();
	munmap(import.memory, PAGE);
	accel_context_destroy(open_next());
}

Test(ownership, held_by_another_device)
{
	uint32_t id;

	own_pinned();
	cr_assert(zero(int, accel_buffer_import(soft_context,
						soft_fd(owner, pinned, O_RDWR), &id)));
	accel_context_destroy(owner);
	expect_busy();
	cr_assert(zero(int, soft_call(soft_context, accel_buffer_free, id)));
	accel_context_destroy(open_next());
}

Test(ownership, held_in_two_places)
{
	struct import one, two;

	own_pinned();
	one = import_buffer(owner, pinned);
	two = import_buffer(owner, pinned);
	accel_context_destroy(owner);
	expect_busy();
	let_go(&one);
	expect_busy();
	let_go(&two);
	accel_context_destroy(open_next());
}

/* An import by another device is revoked like any other. */
Test(ownership, revoked_from_another_device)
{
	struct accel_context *context = soft_open(device);
	struct accel_queue_info info;
	struct accel_command command;
	struct soft_job job;
	uint32_t id;

	soft_job_init(&job, soft_context, 0);
	cr_assert(
		zero(int, accel_buffer_import(
				  soft_context,
				  soft_fd(context, soft_buffer(context, PAGE, 0), O_RDWR),
				  &id)));
	command = soft_fill(job.asid, soft_map(soft_context, job.asid, id, PAGE), OLD);
	cr_assert(zero(i64, soft_submit(soft_context, job.queue, &command)));
	cr_assert(soft_completed(soft_context, job.queue, 1));
	accel_context_destroy(context);
	accel_context_destroy(open_next());
	cr_assert(eq(i64, soft_submit(soft_context, job.queue, &command), 1));
	cr_assert(soft_in_state(soft_context, job.queue, ACCEL_QUEUE_FAULTED));
	info = soft_queue_info(soft_context, job.queue);
	cr_assert(eq(u32, info.fault.reason, ACCEL_FAULT_REVOKED));
	soft_job_finish(&job);
}

/* Mappings in a shared ASID would outlive the owner. */
Test(ownership, address_spaces_are_not_shared)
{
	struct accel_context *context = soft_open(device);
	struct accel_asid *asid = NULL;
	uint32_t id = soft_asid(context, 0);

	cr_assert(eq(int, accel_asid_share(context, id, &asid), -EOPNOTSUPP));
	cr_assert(eq(ptr, asid, NULL));
	accel_context_destroy(context);
}

/* ---- memory freed earlier ---------------------------------------------------------- */

Test(ownership, freed_and_held_is_remembered)
{
	struct import import;

	own_pinned();
	import = import_buffer(owner, pinned);
	cr_assert(zero(int, soft_call(owner, accel_buffer_free, pinned)));
	cr_assert(eq(u64, soft_info(device).memory_free, SOFT_MEMORY - PAGE));
	accel_context_destroy(owner);
	expect_busy();
	let_go(&import);
	accel_context_destroy(open_next());
}

Test(ownership, freed_and_revocable_is_revoked)
{
	struct accel_context *context = soft_open(device);
	uint32_t buffer = soft_buffer(context, PAGE, 0);
	struct import import = import_buffer(context, buffer);

	fill(import.memory, OLD);
	cr_assert(zero(int, soft_call(context, accel_buffer_free, buffer)));
	cr_assert(is_all(import.memory, OLD), "freed memory changed while imported");
	accel_context_destroy(context);
	accel_context_destroy(open_at_once());
	cr_assert(is_dead(import.memory));
	let_go(&import);
}

Test(ownership, freed_and_not_held_is_forgotten)
{
	own_pinned();
	cr_assert(zero(int, soft_call(owner, accel_buffer_free, pinned)));
	cr_assert(eq(u64, soft_info(device).memory_free, SOFT_MEMORY));
	accel_context_destroy(owner);
	cr_assert(zero(int, try_open()));
}

static bool keeps_seals(struct accel_context *context, uint32_t flags)
{
	int fd = soft_fd(context, soft_buffer(context, PAGE, flags), O_RDONLY);
	bool keeps = accel_registry_keeps_seals(soft_registry, fd);

	close(fd);
	return keeps;
}

/* A device asks for pins with the seals, if it is exclusive. */
Test(ownership, seals_are_kept_open)
{
	int pipe_ends[2];

	owner = soft_open(device);
	cr_assert(keeps_seals(owner, ACCEL_BUFFER_PINNED));
	cr_assert(not(keeps_seals(owner, 0)));
	cr_assert(not(keeps_seals(soft_context, ACCEL_BUFFER_PINNED)));
	cr_assert(zero(int, pipe(pipe_ends)));
	cr_assert(not(accel_registry_keeps_seals(soft_registry, pipe_ends[0])));
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	accel_context_destroy(owner);
}

/* ---- the scrub --------------------------------------------------------------------- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool open;
	unsigned entered;
	int result;
} gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER};

/* Waits at the gate, then scrubs, or fails. */
static int scrub_at_gate(void *data, int fd, void *memory, uint64_t bytes)
{
	int r;

	pthread_mutex_lock(&gate.lock);
	gate.entered++;
	pthread_cond_broadcast(&gate.changed);
	while (!gate.open)
		pthread_cond_wait(&gate.changed, &gate.lock);
	r = gate.result;
	pthread_mutex_unlock(&gate.lock);
	return r ?: accel_soft_backend.memory_scrub(data, fd, memory, bytes);
}

static void open_gate(int result)
{
	pthread_mutex_lock(&gate.lock);
	gate.open = true;
	gate.result = result;
	pthread_cond_broadcast(&gate.changed);
	pthread_mutex_unlock(&gate.lock);
}

static bool is_scrubbing(void *data)
{
	bool entered;

	pthread_mutex_lock(&gate.lock);
	entered = gate.entered > 0;
	pthread_mutex_unlock(&gate.lock);
	return entered;
}

static struct accel_backend gated;

static void add_gated_device(void)
{
	gated = accel_soft_backend;
	gated.memory_scrub = scrub_at_gate;
	device = soft_add_device("gated", &gated, true);
}

/* Leaves memory with OLD in it and no importer; returns the core's description. */
static int leave_old(void)
{
	uint64_t page[WORDS];
	int behind;

	own_pinned();
	behind = look_behind(owner, pinned);
	fill(page, OLD);
	cr_assert(eq(i64, pwrite(behind, page, PAGE, 0), (int64_t)PAGE));
	freeze_seals(behind);
	accel_context_destroy(owner);
	return behind;
}

Test(ownership, row_again_while_scrubbing)
{
	int behind;

	add_gated_device();
	behind = leave_old();
	cr_assert(wait_until(is_scrubbing, NULL));
	for (int i = 0; i < 100; i++)
		cr_assert(eq(int, try_open(), -EAGAIN));
	cr_assert(has_everywhere(behind, OLD));
	open_gate(0);
	accel_context_destroy(open_at_once());
	cr_assert(has_everywhere(behind, 0));
	close(behind);
}

static unsigned scrubs(void)
{
	unsigned entered;

	pthread_mutex_lock(&gate.lock);
	entered = gate.entered;
	pthread_mutex_unlock(&gate.lock);
	return entered;
}

static bool was_scrubbed_again(void *data)
{
	int r = try_open();

	cr_assert(r == -EAGAIN || r == -EBUSY, "unexpected result %d", r);
	return scrubs() > 3;
}

static bool was_checked_again(void *data)
{
	cr_assert(eq(int, try_open(), -EBUSY));
	return scrubs() > *(unsigned *)data + 5;
}

/* A pin that lasts: the checks for it change nothing in what an open returns. */
Test(ownership, row_pinned_by_a_driver)
{
	unsigned before;
	int behind;

	add_gated_device();
	open_gate(-EBUSY);
	behind = leave_old();
	cr_assert(wait_until(is_busy, NULL));
	before = scrubs();
	cr_assert(wait_until(was_checked_again, &before));
	open_gate(0);
	accel_context_destroy(open_next());
	close(behind);
}

/* The device ends although a driver has pinned its memory. */
Test(ownership, ends_while_memory_is_pinned)
{
	int behind;

	add_gated_device();
	open_gate(-EBUSY);
	behind = leave_old();
	cr_assert(wait_until(is_busy, NULL));
	close(behind);
}

/* The device stays busy until a scrub succeeds. */
Test(ownership, scrub_that_fails)
{
	int behind;

	add_gated_device();
	open_gate(-EIO);
	behind = leave_old();
	cr_assert(wait_until(was_scrubbed_again, NULL));
	cr_assert(has_everywhere(behind, OLD));
	open_gate(0);
	accel_context_destroy(open_next());
	cr_assert(has_everywhere(behind, 0));
	close(behind);
}

/* Memory that is held does not delay the scrub of the rest. */
Test(ownership, scrub_beside_what_is_held)
{
	struct import import;
	uint32_t other;
	int behind;

	own_pinned();
	import = import_buffer(owner, pinned);
	other = soft_buffer(owner, PAGE, ACCEL_BUFFER_PINNED);
	behind = look_behind(owner, other);
	freeze_seals(behind);
	cr_assert(eq(i64, pwrite(behind, "old", 3, 0), 3));
	accel_context_destroy(owner);
	expect_busy();
	cr_assert(has_everywhere(behind, 0));
	cr_assert(eq(u64, soft_info(device).memory_free, SOFT_MEMORY - PAGE));
	let_go(&import);
	accel_context_destroy(open_next());
	close(behind);
}

/* Destroying the registry does not wait for importers. */
Test(ownership, registry_ends_while_memory_is_held)
{
	const struct accel_device_params params = {
		.size = sizeof(params), .name = "last", .exclusive = true};
	struct accel_registry *registry;
	struct import import;

	cr_assert(zero(int, accel_registry_create(NULL, NULL, &registry)));
	cr_assert(zero(int, accel_device_create(registry, &accel_soft_backend, &params,
						&device)));
	own_pinned();
	import = import_buffer(owner, pinned);
	accel_context_destroy(owner);
	cr_assert(accel_registry_destroy(registry));
	let_go(&import);
}
