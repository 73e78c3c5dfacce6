/* SPDX-License-Identifier: MIT */
/* test-devices-restore.c - contexts of a killed process, from its ledger and bank */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <accel-records.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/request.h"
#include "devices/device_file.h"
#include "devices/device_records.h"
#include "devices/devices_restore.h"
#include "fixture.h"

#define PAGE   UINT64_C(4096)
#define UNIQUE UINT64_C(4711)

static struct state state;
static struct limits limits;
static struct table table;
static struct tickets tickets;
static struct notifier notifier;
static struct devices devices;
static struct devices_restore work;

/* What the child passes on. */
struct passed {
	uint64_t handle;
	uint32_t buffer, asid, queue;
	uint64_t iova;
};

static struct passed *passed;

/* ---- the service ------------------------------------------------------------------- */

static void dropped(const struct bank_item *item, int fd, void *data)
{
	close(fd);
}

static void kept(const struct bank_item *item, int fd, void *data)
{
	if (!devices_restore_keep(&work, item, fd))
		close(fd);
}

static const struct bank_ops ops = {.dropped = dropped, .kept = kept};

static void start_service(void)
{
	struct options options = {.accel = true};
	struct limits_config config;
	struct node root;

	cr_assert(zero(int, buffer_setup()));
	limits_config_default(&config);
	limits_init(&limits, &config);
	node_init(&root, S_IFDIR | 0755, 0, 0);
	cr_assert(zero(int, table_init(&table, &limits, &state, &root)));
	tickets_init(&tickets, &limits);
	cr_assert(zero(int, notifier_start(&notifier, NULL, &table)));
	devices.limits = &limits;
	devices.tickets = &tickets;
	devices.notifier = &notifier;
	devices.state = &state;
	cr_assert(zero(int, devices_start(&devices, &options)));
}

static struct device_file *open_device(void)
{
	const struct payer payer = {.uid = UID_A};
	struct device_file *file = NULL;

	cr_assert(zero(int, device_file_open(&devices, devices.list[0], &payer, &file)));
	return file;
}

/* ---- the child --------------------------------------------------------------------- */

static void make_objects(struct device_file *file)
{
	struct accel_buffer_alloc buffer = {.size = sizeof(buffer), .bytes = 4 * PAGE};
	struct accel_asid_create asid = {.size = sizeof(asid)};
	struct accel_queue_create queue = {.size = sizeof(queue), .entries = 16};
	struct accel_asid_map map = {.flags = ACCEL_MAP_READ | ACCEL_MAP_WRITE,
				     .length = 4 * PAGE};

	cr_assert(zero(int, accel_buffer_alloc(file->context, &buffer)));
	cr_assert(zero(int, accel_asid_create(file->context, &asid)));
	cr_assert(zero(int, accel_queue_create(file->context, &queue)));
	map.asid = asid.id;
	map.buffer = buffer.id;
	cr_assert(zero(int, accel_asid_map(file->context, &map)));
	passed->buffer = buffer.id;
	passed->asid = asid.id;
	passed->queue = queue.id;
	passed->iova = map.iova;
}

static void write_buffer(struct device_file *file)
{
	int fd;

	cr_assert(
		zero(int, accel_buffer_open(file->context, passed->buffer, O_RDWR, &fd)));
	cr_assert(eq(long, pwrite(fd, "before", 7, 0), 7));
	close(fd);
}

/* An open context, one that is being closed, and one that was closed. */
static void run_child(int ready)
{
	struct identity identity = {{1, 2}, {3, 4}};
	struct device_file *file;

	start_service();
	request_set(UNIQUE);
	file = open_device();
	request_set(0);
	device_file_set_identity(file, &identity);
	passed->handle = file->handle;
	make_objects(file);
	write_buffer(file);
	device_file_close(open_device());
	accel_context_destroy(open_device()->context);
	cr_assert(eq(long, write(ready, "", 1), 1));
	for (;;)
		pause();
}

/* ---- the test ---------------------------------------------------------------------- */

static void kill_a_service(void)
{
	struct pollfd ready = {.events = POLLIN};
	int pipe_fds[2];
	pid_t child;

	passed = mmap(NULL, sizeof(*passed), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert(ne(ptr, (void *)passed, MAP_FAILED));
	cr_assert(zero(int, state_create(64, &ops, NULL, &state)));
	cr_assert(zero(int, pipe2(pipe_fds, O_CLOEXEC)));
	child = fork();
	if (!child)
		run_child(pipe_fds[1]);
	close(pipe_fds[1]);
	ready.fd = pipe_fds[0];
	cr_assert(eq(int, poll(&ready, 1, WAIT_MS), 1));
	cr_assert(ready.revents & POLLIN, "the child failed");
	cr_assert(zero(int, kill(child, SIGKILL)));
	cr_assert(eq(int, waitpid(child, NULL, 0), child));
	close(pipe_fds[0]);
}

static void take_over(struct bank_report *ret_report)
{
	struct ledger_losses losses;

	state.inherited = true;
	start_service();
	cr_assert(zero(int, ledger_take_over(state.ledger, &losses)));
	cr_assert(zero(int, devices_restore_begin(&work, &devices)));
	cr_assert(zero(int, bank_rebuild(state.bank, ret_report)));
	cr_assert(zero(int, devices_restore_end(&work)));
}

static bool no_record_is_left(void *data)
{
	return ledger_next(state.ledger, LEDGER_ACCEL, 0) == LEDGER_NONE &&
	       ledger_next(state.ledger, LEDGER_MAPPING, 0) == LEDGER_NONE;
}

/* The bank has nothing of it, either. */
static void close_all(void)
{
	devices_close(&devices);
	cr_expect(wait_until(no_record_is_left, NULL));
	cr_expect(zero(int, bank_turn(state.bank, true)));
	cr_expect(zero(u64, bank_unwanted(state.bank)));
	for (int resource = 0; resource < RES_COUNT; resource++)
		cr_expect(zero(u64, limits_used(&limits, resource)));
}

/* That of passed->handle. */
static struct device_record *file_record(void)
{
	for (uint32_t slot = 0; slot < state.ledger->header->sections[LEDGER_ACCEL].high;
	     slot++) {
		struct device_record *record =
			(struct device_record *)device_records_object(state.ledger,
								      LEDGER_ACCEL, slot);

		if (record->kind == DEVICE_RECORD_FILE &&
		    record->handle == passed->handle)
			return record;
	}
	cr_fatal("no record of the file");
	return NULL;
}

Test(devices_restore, a_context)
{
	struct accel_asid_info asid = {.size = sizeof(asid)};
	struct accel_queue_info queue = {.size = sizeof(queue)};
	struct bank_report report;
	struct identity identity;
	struct device_file *file;
	char text[7];
	int fd;

	kill_a_service();
	take_over(&report);
	cr_expect(eq(u32, report.kept, 2)); /* the buffer and the ring */
	cr_expect(zero(uint, work.n_lost));
	cr_expect(eq(uint, work.n_contexts, 1));
	file = device_file_find(&devices, passed->handle);
	cr_assert(ne(ptr, (void *)file, NULL));
	cr_expect(eq(ptr, device_file_find_made(&devices, UNIQUE), file));
	cr_expect(eq(ptr, device_file_find_made(&devices, UNIQUE + 1), NULL));
	cr_assert(zero(int, device_file_identity(file, &identity)));
	cr_expect(eq(u32, identity.owner.gid, 4));
	asid.id = passed->asid;
	queue.id = passed->queue;
	cr_assert(zero(int, accel_asid_get_info(file->context, &asid)));
	cr_expect(eq(u64, asid.mapped, 4 * PAGE));
	cr_assert(zero(int, accel_queue_get_info(file->context, &queue)));
	cr_expect(eq(u32, queue.state, ACCEL_QUEUE_RUNNING));
	cr_assert(zero(int,
		       accel_buffer_open(file->context, passed->buffer, O_RDONLY, &fd)));
	cr_assert(eq(long, pread(fd, text, sizeof(text), 0), sizeof(text)));
	cr_expect(zero(int, strcmp(text, "before")));
	close(fd);
	cr_expect(eq(u64, limits_used(&limits, RES_CONTEXTS), 1));
	cr_expect(eq(u64, limits_used(&limits, RES_MEMORY), 4 * PAGE));
	cr_expect(ne(u64, open_device()->handle, passed->handle));
	close_all();
}

/* Without its ring, a queue is lost alone. */
Test(devices_restore, a_missing_descriptor)
{
	struct accel_queue_info queue = {.size = sizeof(queue)};
	struct bank_report report;
	struct device_file *file;

	kill_a_service();
	for (uint32_t slot = 0; slot < state.ledger->header->sections[LEDGER_ACCEL].high;
	     slot++) {
		struct accel_record *record =
			device_records_object(state.ledger, LEDGER_ACCEL, slot);

		/* So the ring in the bank is another one's. */
		if (record->kind == ACCEL_RECORD_QUEUE)
			ledger_accel(state.ledger, slot)->record.generation++;
	}
	take_over(&report);
	cr_expect(eq(uint, work.n_lost, 1));
	file = device_file_find(&devices, passed->handle);
	cr_assert(ne(ptr, (void *)file, NULL));
	queue.id = passed->queue;
	cr_expect(eq(int, accel_queue_get_info(file->context, &queue), -ENOENT));
	close_all();
}

/* The client's close would not find the context, which would stay until the end. */
Test(devices_restore, a_damaged_handle)
{
	struct bank_report report;

	kill_a_service();
	file_record()->handle = (uint64_t)1 << 40;
	take_over(&report);
	cr_expect(zero(uint, work.n_contexts));
	cr_expect(zero(u64, limits_used(&limits, RES_CONTEXTS)));
	close_all();
}

Test(devices_restore, a_damaged_identity)
{
	struct bank_report report;
	struct identity identity;

	kill_a_service();
	file_record()->owner_uid = UINT32_MAX;
	take_over(&report);
	cr_expect(eq(int,
		     device_file_identity(device_file_find(&devices, passed->handle),
					  &identity),
		     -ENOENT));
	close_all();
}
