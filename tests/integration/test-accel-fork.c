/* SPDX-License-Identifier: MIT */
/*
 * test-accel-fork.c - fork, clone and exec with commands in flight
 *
 *
 * Devices that access a process's pages usually demand precautions: before fork, complete
 * all commands, unmap and close; afterwards, touch all pages before the child does, and
 * set up again. These cases take no precaution. The device must keep using the parent's
 * pages, whichever process writes first, and the child must inherit nothing but
 * descriptors.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "accel.h"
#include "child.h"
#include "harness.h"
#include "raw.h"

#define PAGES 8
#define BYTES (PAGES * PAGE)

/* A process that uses a device with its private memory and a queue. */
struct worker {
	const struct instance *instance;
	struct seat seat;
	struct dmabuffs_accel_queue *queue;
	struct region region; /* read by the device */
	uint32_t asid, fence;
	uint8_t *source, *result; /* private pages */
	void *ring;
	size_t ring_bytes;
};

static uint8_t *map_private(void)
{
	void *address = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT(address != MAP_FAILED);
	return address;
}

/* Finds the mapping of a queue's memory in this process; false if there is none. */
static bool find_ring(void **ret_address, size_t *ret_bytes)
{
	unsigned long first, end;
	bool found = false;
	char line[600];
	FILE *maps = fopen("/proc/self/maps", "re");

	ASSERT(maps);
	while (!found && fgets(line, sizeof(line), maps))
		found = strstr(line, "accel-ring") != NULL;
	fclose(maps);
	if (!found)
		return false;
	ASSERT_EQ(sscanf(line, "%lx-%lx", &first, &end), 2);
	*ret_address = (void *)first;
	*ret_bytes = end - first;
	return true;
}

static void worker_start(struct worker *worker, const struct instance *instance)
{
	worker->instance = instance;
	seat_open(&worker->seat, instance, SOFT0);
	worker->queue = make_queue_with(&worker->seat, ACCEL_QUEUE_USER, 64, 0);
	region_create(&worker->seat, &worker->region, BYTES);
	attach_region(&worker->seat, worker->queue, &worker->region);
	worker->asid = bind_self(&worker->seat, 0);
	ASSERT_OK(attach(worker->seat.context, dmabuffs_accel_queue_id(worker->queue),
			 worker->asid));
	worker->fence = make_fence(worker->seat.context);
	worker->source = map_private();
	worker->result = map_private();
	memset(worker->source, 0x10, BYTES);
	memset(worker->result, 0x20, BYTES);
	ASSERT(find_ring(&worker->ring, &worker->ring_bytes));
}

static void worker_end(struct worker *worker)
{
	dmabuffs_accel_queue_close(worker->queue);
	region_finish(&worker->region);
	seat_close(&worker->seat);
}

/* Reads the whole source and writes the whole result after the fence is raised. */
static uint64_t submit_held(struct worker *worker)
{
	const struct accel_command commands[] = {
		wait_fence(worker->fence, 1),
		copy(worker->region.asid, worker->region.iova, worker->asid,
		     (uintptr_t)worker->source, BYTES),
		fill(worker->asid, (uintptr_t)worker->result, BYTES, 0xdd),
	};
	uint64_t index;

	ASSERT_OK(dmabuffs_accel_queue_submit(worker->queue, commands,
					      ARRAY_SIZE(commands), &index));
	return index + 2;
}

static bool all_are(const uint8_t *bytes, uint8_t value)
{
	const volatile uint8_t *p = bytes;
	size_t i = 0;

	while (i < BYTES && p[i] == value)
		i++;
	return i == BYTES;
}

/* ---- the child has no ring --------------------------------------------------------- */

static void expect_unmapped(const void *address, size_t bytes)
{
	unsigned char resident[16];

	ASSERT(bytes <= sizeof(resident) * PAGE);
	ASSERT_ERR(SYS(mincore((void *)address, bytes, resident)), ENOMEM);
	ASSERT_ERR(SYS(msync((void *)address, bytes, MS_ASYNC)), ENOMEM);
}

static void expect_no_ring(const struct worker *worker)
{
	const struct accel_command command = nop();
	struct accel_fault fault;
	size_t bytes;
	void *ring;

	ASSERT_ERR(dmabuffs_accel_queue_submit(worker->queue, &command, 1, NULL), ECHILD);
	ASSERT_ERR(dmabuffs_accel_queue_wait(worker->queue, 0, WAIT_NS), ECHILD);
	ASSERT_ERR(dmabuffs_accel_queue_fault(worker->queue, &fault), ECHILD);
	ASSERT_ERR(dmabuffs_accel_queue_reset(worker->queue), ECHILD);
	ASSERT_EQ(dmabuffs_accel_queue_completed(worker->queue), 0);
	expect_unmapped(worker->ring, worker->ring_bytes);
	ASSERT(!find_ring(&ring, &bytes));
}

/*
 * The child maps a page of its own where the parent's ring was; close() must not unmap
 * it.
 */
static void close_in_child(struct worker *worker)
{
	uint8_t *page = mmap(worker->ring, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	ASSERT(page == worker->ring);
	*page = 1;
	dmabuffs_accel_queue_close(worker->queue);
	ASSERT_EQ(*page, 1);
}

/* An inherited context descriptor is fully usable: create a queue. */
static void use_descriptor(const struct worker *worker)
{
	struct dmabuffs_accel_queue *queue;
	struct seat seat;

	seat_take(&seat, worker->instance, worker->seat.context);
	queue = make_queue(&seat);
	expect_done(queue, nop());
	ASSERT_OK(object_call(seat.context, DMABUFFS_ACCEL_IOC_QUEUE_DESTROY,
			      dmabuffs_accel_queue_id(queue)));
	dmabuffs_accel_queue_close(queue);
}

/* ---- copy-on-write ----------------------------------------------------------------- */

enum order { CHILD_FIRST, PARENT_FIRST, NOBODY };

struct race {
	struct worker *worker;
	enum order order;
};

/* The child's copies keep their content, whether the child wrote to them or not. */
static void write_and_watch(int peer, void *data)
{
	const struct race *race = data;
	struct worker *worker = race->worker;
	uint8_t source = 0x10, result = 0x20;

	expect_no_ring(worker);
	if (race->order == PARENT_FIRST)
		peer_wait(peer);
	if (race->order != NOBODY) {
		source = 0xcc;
		result = 0xcd;
		memset(worker->source, source, BYTES);
		memset(worker->result, result, BYTES);
	}
	peer_signal(peer);
	peer_wait(peer); /* the device has finished */
	ASSERT(all_are(worker->source, source));
	ASSERT(all_are(worker->result, result));
	expect_no_ring(worker);
	use_descriptor(worker);
	close_in_child(worker);
}

static void race_for_pages(struct instance *instance, enum order order)
{
	struct worker worker;
	struct race race = {&worker, order};
	struct child child;
	uint64_t last;

	worker_start(&worker, instance);
	last = submit_held(&worker);
	child_start(&child, NULL, write_and_watch, &race);
	if (order == PARENT_FIRST) {
		memset(worker.source, 0xaa, BYTES);
		memset(worker.result, 0xab, BYTES);
		peer_signal(child.peer);
		peer_wait(child.peer);
	} else {
		peer_wait(child.peer);
		memset(worker.source, 0xaa, BYTES);
		memset(worker.result, 0xab, BYTES);
	}
	ASSERT_ERR(dmabuffs_accel_queue_wait(worker.queue, last, 0), ETIMEDOUT);
	raise_fence(worker.seat.context, worker.fence, 1);
	ASSERT_OK(dmabuffs_accel_queue_wait(worker.queue, last, WAIT_NS));
	/* The device accessed the parent's pages. */
	ASSERT(all_are(worker.region.bytes, 0xaa));
	ASSERT(all_are(worker.result, 0xdd));
	peer_signal(child.peer);
	child_wait(&child);
	/* The child's writes are not visible to the parent. */
	ASSERT(all_are(worker.result, 0xdd));
	expect_done(worker.queue, nop());
	worker_end(&worker);
}

static void child_writes_first(struct instance *instance)
{
	race_for_pages(instance, CHILD_FIRST);
}

static void parent_writes_first(struct instance *instance)
{
	race_for_pages(instance, PARENT_FIRST);
}

static void child_only_reads(struct instance *instance)
{
	race_for_pages(instance, NOBODY);
}

/* No process writes the pages after fork, so the device's write is the first. */
static void device_writes_first(struct instance *instance)
{
	struct worker worker;
	struct race race = {&worker, NOBODY};
	struct child child;
	uint64_t last;

	worker_start(&worker, instance);
	last = submit_held(&worker);
	child_start(&child, NULL, write_and_watch, &race);
	peer_wait(child.peer);
	raise_fence(worker.seat.context, worker.fence, 1);
	ASSERT_OK(dmabuffs_accel_queue_wait(worker.queue, last, WAIT_NS));
	ASSERT(all_are(worker.region.bytes, 0x10));
	ASSERT(all_are(worker.result, 0xdd));
	peer_signal(child.peer);
	child_wait(&child);
	worker_end(&worker);
}

/* ---- concurrent forks and device writes -------------------------------------------- */

#define CHILDREN 20

static void watch_copy(int peer, void *data)
{
	struct worker *worker = data;
	uint8_t own = (uint8_t)(0x80 | (getpid() & 0x3f));

	memset(worker->result, own, BYTES);
	peer_signal(peer);
	/* Repeat until the parent signals, at least once. */
	do
		ASSERT(all_are(worker->result, own));
	while (!wait_ready(peer, POLLIN, 0));
	ASSERT(all_are(worker->result, own));
	expect_no_ring(worker);
}

/* The device fills the page repeatedly with values that no child writes. */
static uint64_t keep_filling(struct worker *worker, unsigned int rounds)
{
	uint64_t index = 0;

	for (unsigned int i = 0; i < rounds; i++) {
		const struct accel_command command =
			fill(worker->asid, (uintptr_t)worker->result, BYTES,
			     (uint8_t)(i & 0x7f));
		int r = dmabuffs_accel_queue_submit(worker->queue, &command, 1, &index);

		ASSERT(r == 0 || r == -EAGAIN);
	}
	return index;
}

static void storm(struct instance *instance)
{
	struct child children[CHILDREN];
	struct worker worker;
	uint64_t last = 0;

	worker_start(&worker, instance);
	for (size_t i = 0; i < CHILDREN; i++) {
		keep_filling(&worker, 64);
		child_start(&children[i], NULL, watch_copy, &worker);
		/* The parent writes to the page as well. */
		memset(worker.result, 0x7f, BYTES);
		last = keep_filling(&worker, 64);
	}
	for (size_t i = 0; i < CHILDREN; i++)
		peer_wait(children[i].peer);
	ASSERT_OK(dmabuffs_accel_queue_wait(worker.queue, last, WAIT_NS));
	expect_done(worker.queue,
		    fill(worker.asid, (uintptr_t)worker.result, BYTES, 0x55));
	ASSERT(all_are(worker.result, 0x55));
	for (size_t i = 0; i < CHILDREN; i++)
		peer_signal(children[i].peer);
	for (size_t i = 0; i < CHILDREN; i++)
		child_wait(&children[i]);
	worker_end(&worker);
}

/* ---- shared memory stays shared ---------------------------------------------------- */

static void look_at_region(int peer, void *data)
{
	struct worker *worker = data;

	peer_wait(peer);
	ASSERT(all_are(worker->region.bytes, 0x10));
	worker->region.bytes[0] = 0x99;
}

/* ASIDs of the MAP style contain shared memory only, which the child still shares. */
static void shared_memory(struct instance *instance)
{
	struct worker worker;
	struct child child;
	uint64_t last;

	worker_start(&worker, instance);
	last = submit_held(&worker);
	child_start(&child, NULL, look_at_region, &worker);
	raise_fence(worker.seat.context, worker.fence, 1);
	ASSERT_OK(dmabuffs_accel_queue_wait(worker.queue, last, WAIT_NS));
	peer_signal(child.peer);
	child_wait(&child);
	ASSERT_EQ(worker.region.bytes[0], 0x99);
	worker_end(&worker);
}

/* ---- clone and exec ---------------------------------------------------------------- */

/* Bypasses the atfork handlers of the C library. */
static void raw_clone(struct instance *instance)
{
	struct worker worker;
	uint64_t last;
	int status;
	long pid;

	worker_start(&worker, instance);
	last = submit_held(&worker);
	pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	ASSERT(pid >= 0);
	if (pid == 0) {
		expect_no_ring(&worker);
		memset(worker.source, 0xcc, BYTES);
		memset(worker.result, 0xcd, BYTES);
		_exit(all_are(worker.result, 0xcd) ? 0 : 1);
	}
	ASSERT_EQ(waitpid((pid_t)pid, &status, 0), pid);
	ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	raise_fence(worker.seat.context, worker.fence, 1);
	ASSERT_OK(dmabuffs_accel_queue_wait(worker.queue, last, WAIT_NS));
	ASSERT(all_are(worker.region.bytes, 0x10));
	ASSERT(all_are(worker.result, 0xdd));
	worker_end(&worker);
}

/* A thread shares the whole address space. */
static void clone_of_the_memory(struct instance *instance)
{
	struct worker worker;
	int status;
	pid_t pid;

	worker_start(&worker, instance);
	pid = vfork();
	ASSERT(pid >= 0);
	if (pid == 0) {
		/* With CLONE_VM the ring is mapped here too and works. */
		expect_done(worker.queue, nop());
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ASSERT_EQ(dmabuffs_accel_queue_completed(worker.queue), 1);
	expect_done(worker.queue, nop());
	worker_end(&worker);
}

/* True if a line of /proc/PID/maps or a link in /proc/PID/fd contains this text. */
static bool has_map(pid_t pid, const char *text)
{
	char path[40], line[600];
	bool found = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	ASSERT(maps);
	while (!found && fgets(line, sizeof(line), maps))
		found = strstr(line, text) != NULL;
	fclose(maps);
	return found;
}

static bool has_fd(pid_t pid, const char *text)
{
	char path[60], link[300];

	for (int fd = 0; fd < 64; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		n = readlink(path, link, sizeof(link) - 1);
		if (n < 0)
			continue;
		link[n] = '\0';
		if (strstr(link, text))
			return true;
	}
	return false;
}

struct exec {
	struct worker *worker;
	int lifetime[2];
};

static void just_exec(int peer, void *data)
{
	const struct exec *exec = data;

	ASSERT(has_fd(getpid(), DMABUFFS_ACCEL_DIR "/" SOFT0));
	ASSERT_OK(SYS(dup2(exec->lifetime[0], STDIN_FILENO)));
	execl("/bin/cat", "cat", NULL);
	_exit(127);
}

static bool has_ended(int peer)
{
	char byte;

	return wait_ready(peer, POLLIN, WAIT_MS) && recv(peer, &byte, 1, 0) == 0;
}

/* The executed program inherits nothing; the parent continues. */
static void exec_in_child(struct instance *instance)
{
	struct worker worker;
	struct exec exec = {.worker = &worker};
	struct child child;
	uint64_t last;

	ASSERT_OK(SYS(pipe2(exec.lifetime, O_CLOEXEC)));
	worker_start(&worker, instance);
	last = submit_held(&worker);
	child_start(&child, NULL, just_exec, &exec);
	ASSERT(has_ended(child.peer));
	ASSERT(!has_fd(child.pid, instance->dir));
	ASSERT(!has_map(child.pid, "accel"));
	raise_fence(worker.seat.context, worker.fence, 1);
	ASSERT_OK(dmabuffs_accel_queue_wait(worker.queue, last, WAIT_NS));
	ASSERT(all_are(worker.result, 0xdd));
	close(exec.lifetime[1]);
	child_wait(&child);
	worker_end(&worker);
}

/* Work submitted through an inherited context by a process that then executes cat(1). */
struct leaver {
	const struct instance *instance;
	int context, lifetime[2];
	uint32_t fence, region_asid;
	uint64_t iova;
};

static void submit_and_exec(int peer, void *data)
{
	const struct leaver *leaver = data;
	struct dmabuffs_accel_queue *queue;
	uint8_t *page = map_private();
	struct seat seat;
	uint32_t asid, id;

	seat_take(&seat, leaver->instance, leaver->context);
	queue = make_queue(&seat);
	id = dmabuffs_accel_queue_id(queue);
	asid = bind_self(&seat, 0);
	ASSERT_OK(attach(seat.context, id, asid));
	ASSERT_OK(attach(seat.context, id, leaver->region_asid));
	memset(page, 0xee, BYTES);
	const struct accel_command commands[] = {
		wait_fence(leaver->fence, 1),
		copy(leaver->region_asid, leaver->iova, asid, (uintptr_t)page, BYTES),
	};
	ASSERT_OK(dmabuffs_accel_queue_submit(queue, commands, 2, NULL));
	peer_put(peer, &id, sizeof(id));
	ASSERT_OK(SYS(dup2(leaver->lifetime[0], STDIN_FILENO)));
	execl("/bin/cat", "cat", NULL);
	_exit(127);
}

/* Commands submitted before execve(2) must not access the new program's memory. */
static void exec_with_commands(struct instance *instance)
{
	struct leaver leaver = {.instance = instance};
	struct accel_queue_info info;
	struct accel_event event;
	struct worker worker;
	struct child child;
	uint32_t id;

	ASSERT_OK(SYS(pipe2(leaver.lifetime, O_CLOEXEC)));
	worker_start(&worker, instance);
	leaver.context = worker.seat.context;
	leaver.fence = worker.fence;
	leaver.region_asid = worker.region.asid;
	leaver.iova = worker.region.iova;
	child_start(&child, NULL, submit_and_exec, &leaver);
	peer_get(child.peer, &id, sizeof(id));
	ASSERT(has_ended(child.peer));
	raise_fence(worker.seat.context, worker.fence, 1);
	ASSERT(wait_ready(worker.seat.context, POLLIN, WAIT_MS));
	ASSERT_EQ(SYS(read(worker.seat.context, &event, sizeof(event))), sizeof(event));
	ASSERT_EQ(event.type, ACCEL_EVENT_FAULT);
	ASSERT_EQ(event.object, id);
	ASSERT_EQ(event.reason, ACCEL_FAULT_SVA);
	info = queue_info(worker.seat.context, id);
	ASSERT_EQ(info.state, ACCEL_QUEUE_FAULTED);
	ASSERT(all_are(worker.region.bytes, 0));
	expect_done(worker.queue, nop());
	close(leaver.lifetime[1]);
	child_wait(&child);
	worker_end(&worker);
}

const struct test_case test_cases[] = {
	{"fork_child_writes_first", child_writes_first},
	{"fork_parent_writes_first", parent_writes_first},
	{"fork_child_only_reads", child_only_reads},
	{"fork_device_writes_first", device_writes_first},
	{"fork_storm", storm, .seconds = 60},
	{"fork_shared_memory", shared_memory},
	{"fork_raw_clone", raw_clone},
	{"fork_vfork", clone_of_the_memory},
	{"fork_exec_in_child", exec_in_child},
	{"fork_exec_with_commands", exec_with_commands},
	{0},
};
