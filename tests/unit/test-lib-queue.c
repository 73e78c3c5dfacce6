/* SPDX-License-Identifier: MIT */
/*
 * test-lib-queue.c - queues of libdmabuffs, on a ring that the test shares
 *
 * The test acts as the device: it lays out a memfd, which the fake broker hands out, and
 * advances the ring as an engine would.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accel_queue.h"
#include "broker.h"
#include "../support/make-memfd.h"
#include "fake-device.h"

#define ENTRIES    16
#define QUEUE_ID   7
#define RING_BYTES (ACCEL_RING_ENTRIES + ENTRIES * sizeof(struct accel_command))

static struct fake_broker broker;
static struct dmabuffs_accel_queue *queue;
static int ring_fd = -1;
static struct accel_ring *ring;
static size_t ring_bytes;

static struct {
	unsigned int creates, destroys, resets, submits;
	int error;
	struct accel_queue_submit batch;
	uint32_t info_flags;
} device;

static struct accel_command *slots(void)
{
	return (void *)((char *)ring + ACCEL_RING_ENTRIES);
}

static bool give_ring(int connection, unsigned int number, int fd)
{
	return fake_answer_echo(connection, number, ring_fd);
}

static int answer(int fd, unsigned long request, void *arg)
{
	if (device.error)
		return device.error;
	switch (_IOC_NR(request)) {
	case _IOC_NR(DMABUFFS_ACCEL_IOC_QUEUE_CREATE):
		device.creates++;
		((struct accel_queue_create *)arg)->id = QUEUE_ID;
		return 0;
	case _IOC_NR(DMABUFFS_ACCEL_IOC_QUEUE_INFO):
		((struct accel_queue_info *)arg)->flags = device.info_flags;
		((struct accel_queue_info *)arg)->entries = ENTRIES;
		return 0;
	case _IOC_NR(DMABUFFS_ACCEL_IOC_QUEUE_DESTROY):
		cr_assert(eq(u32, ((struct accel_object *)arg)->id, QUEUE_ID));
		device.destroys++;
		return 0;
	case _IOC_NR(DMABUFFS_ACCEL_IOC_QUEUE_RESET):
		device.resets++;
		return 0;
	case _IOC_NR(DMABUFFS_ACCEL_IOC_QUEUE_SUBMIT):
		device.submits++;
		memcpy(&device.batch, arg, _IOC_SIZE(request));
		((struct accel_queue_submit *)arg)->index = 1000;
		return 0;
	case _IOC_NR(DMABUFFS_ACCEL_IOC_OPEN):
		cr_assert(eq(u32, ((struct dmabuffs_accel_open *)arg)->id, QUEUE_ID));
		memset(((struct dmabuffs_accel_open *)arg)->ticket, 3, 16);
		return 0;
	default:
		return -ENOTTY;
	}
}

/* Lays out a ring as the service does; tests then corrupt it. */
static void make_ring(size_t bytes, uint32_t entries, int seals)
{
	ring_bytes = bytes;
	ring_fd = new_sealed_memfd(bytes, seals);
	ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, 0);
	cr_assert(ne(ptr, ring, MAP_FAILED));
	ring->magic = ACCEL_RING_MAGIC;
	ring->version = ACCEL_RING_VERSION;
	ring->entries = entries;
	ring->entry_size = sizeof(struct accel_command);
}

static void drop_ring(void)
{
	munmap(ring, ring_bytes);
	close(ring_fd);
}

static void start(void)
{
	fake_broker_start(&broker, give_ring, false);
	fake_device_command = answer;
}

static void finish(void)
{
	dmabuffs_accel_queue_close(queue);
	drop_ring();
	fake_device_command = NULL;
	fake_broker_stop(&broker);
}

static int create(uint32_t flags)
{
	return dmabuffs_accel_queue_create(&broker.instance, ring_fd, flags, ENTRIES, 0,
					   &queue);
}

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

static void start_user(void)
{
	start();
	make_ring(RING_BYTES, ENTRIES, SEALS);
	cr_assert(zero(int, create(ACCEL_QUEUE_USER)));
}

static void start_mediated(void)
{
	start();
	make_ring(ACCEL_RING_ENTRIES, 0, SEALS);
	cr_assert(zero(int, create(0)));
}

static int submit(unsigned int n, uint64_t *ret_index)
{
	struct accel_command commands[ACCEL_SUBMIT_MAX + 1] = {0};

	for (unsigned int i = 0; i < ACCEL_SUBMIT_MAX + 1; i++)
		commands[i].value = 100 + i;
	return dmabuffs_accel_queue_submit(queue, commands, n, ret_index);
}

/* ---- create and open --------------------------------------------------------------- */

Test(queue, create_and_close, .init = start_user, .fini = finish)
{
	cr_assert(eq(u32, dmabuffs_accel_queue_id(queue), QUEUE_ID));
	cr_assert(eq(u32, device.creates, 1));
	cr_assert(zero(u32, device.destroys));
	cr_assert(eq(u32, broker.op, DMABUFFS_BROKER_FETCH));
	cr_assert(eq(u8, broker.ticket, 3));
	cr_assert(zero(u64, dmabuffs_accel_queue_completed(queue)));
	dmabuffs_accel_queue_close(queue);
	queue = NULL;
	cr_assert(zero(u32, device.destroys), "the queue was destroyed");
	dmabuffs_accel_queue_close(NULL);
}

Test(queue, create_passes_errors_on, .init = start)
{
	device.error = -EBUSY;
	cr_assert(eq(int, create(ACCEL_QUEUE_USER), -EBUSY));
	cr_assert(eq(ptr, queue, NULL));
	cr_assert(zero(u32, broker.requests));
	fake_broker_stop(&broker);
}

static void expect_refused(const char *what, uint32_t flags, int error)
{
	unsigned int before = device.destroys;

	cr_assert(eq(int, create(flags), error), "%s", what);
	cr_assert(eq(ptr, queue, NULL), "%s", what);
	cr_assert(eq(u32, device.destroys, before + 1), "%s", what);
	drop_ring();
}

Test(queue, create_refuses_what_is_no_ring, .init = start)
{
	make_ring(RING_BYTES, ENTRIES, F_SEAL_GROW);
	expect_refused("not sealed against truncation", ACCEL_QUEUE_USER, -EPROTO);
	make_ring(ACCEL_RING_ENTRIES - 1, ENTRIES, SEALS);
	expect_refused("less than a page", ACCEL_QUEUE_USER, -EPROTO);
	make_ring(RING_BYTES - 1, ENTRIES, SEALS);
	expect_refused("too short for its entries", ACCEL_QUEUE_USER, -EPROTO);
	make_ring(ACCEL_RING_ENTRIES + 64 * (ACCEL_RING_MAX + 1), ENTRIES, SEALS);
	expect_refused("too long", ACCEL_QUEUE_USER, -EPROTO);
	make_ring(RING_BYTES, ENTRIES, SEALS);
	ring->magic++;
	expect_refused("magic", ACCEL_QUEUE_USER, -EPROTO);
	make_ring(RING_BYTES, ENTRIES, SEALS);
	ring->version++;
	expect_refused("version", ACCEL_QUEUE_USER, -EPROTO);
	make_ring(RING_BYTES, ENTRIES, SEALS);
	ring->entry_size = 128;
	expect_refused("size of an entry", ACCEL_QUEUE_USER, -EPROTO);
	make_ring(RING_BYTES, ENTRIES - 1, SEALS);
	expect_refused("not a power of two", ACCEL_QUEUE_USER, -EPROTO);
	make_ring(2 * RING_BYTES, 2 * ENTRIES, SEALS);
	expect_refused("another number of entries", ACCEL_QUEUE_USER, -EPROTO);
	make_ring(ACCEL_RING_ENTRIES, 0, SEALS);
	expect_refused("a mediated one", ACCEL_QUEUE_USER, -EPROTO);
	make_ring(RING_BYTES, ENTRIES, SEALS);
	expect_refused("a user-mode ring for a mediated queue", 0, -EPROTO);
	fake_broker_stop(&broker);
}

Test(queue, open_goes_on_where_it_stopped, .init = start_user, .fini = finish)
{
	uint64_t index = 0;

	cr_assert(zero(int, submit(3, &index)));
	dmabuffs_accel_queue_close(queue);
	queue = NULL;
	device.info_flags = ACCEL_QUEUE_USER;
	cr_assert(zero(int, dmabuffs_accel_queue_open(&broker.instance, ring_fd, QUEUE_ID,
						      &queue)));
	cr_assert(eq(u32, device.creates, 1));
	cr_assert(zero(int, submit(1, &index)));
	cr_assert(eq(u64, index, 3));
}

/* ---- submit ------------------------------------------------------------------------ */

Test(queue, submit_writes_the_ring, .init = start_user, .fini = finish)
{
	/* Opening rings once, in case an earlier submitter exited before it could. */
	uint32_t rung = ring->doorbell;
	uint64_t index = 99;

	cr_assert(zero(int, submit(2, &index)));
	cr_assert(zero(u64, index));
	cr_assert(eq(u64, ring->tail, 2));
	cr_assert(eq(u64, slots()[1].value, 101));
	cr_assert(eq(u32, ring->doorbell, rung), "rang although the device is awake");
	ring->need_wakeup = 1;
	cr_assert(zero(int, submit(1, &index)));
	cr_assert(eq(u64, index, 2));
	cr_assert(eq(u32, ring->doorbell, rung + 1));
	cr_assert(zero(int, submit(1, NULL)));
	cr_assert(zero(u32, device.submits));
}

Test(queue, submit_takes_all_or_none, .init = start_user, .fini = finish)
{
	uint64_t index = 99;

	cr_assert(zero(int, submit(14, NULL)));
	cr_assert(eq(int, submit(3, &index), -EAGAIN));
	cr_assert(eq(u64, ring->tail, 14));
	cr_assert(eq(u64, index, 99));
	ring->head = 1;
	cr_assert(zero(int, submit(3, &index)));
	cr_assert(eq(u64, index, 14));
	cr_assert(eq(u64, ring->tail, 17));
	cr_assert(eq(u64, slots()[0].value, 102), "no wrap at the end");
	cr_assert(eq(int, submit(1, &index), -EAGAIN));
}

Test(queue, submit_refuses_what_never_fits, .init = start_user, .fini = finish)
{
	cr_assert(eq(int, submit(0, NULL), -EINVAL));
	cr_assert(eq(int, submit(ENTRIES + 1, NULL), -EINVAL));
	cr_assert(eq(int, submit(ACCEL_SUBMIT_MAX + 1, NULL), -EINVAL));
	cr_assert(zero(u64, ring->tail));
	cr_assert(zero(int, submit(ENTRIES, NULL)));
}

/* Other clients of the queue may write anything there. */
Test(queue, submit_survives_a_hostile_ring, .init = start_user, .fini = finish)
{
	ring->entries = ACCEL_RING_MAX;
	ring->tail = 1 << 20;
	ring->head = UINT64_MAX;
	for (int i = 0; i < 100; i++) {
		int r = submit(ENTRIES, NULL);

		cr_assert(r == 0 || r == -EAGAIN || r == -EPROTO, "%d", r);
		ring->head += 1000003;
	}
}

Test(queue, submit_mediated, .init = start_mediated, .fini = finish)
{
	uint64_t index = 0;

	cr_assert(zero(int, submit(5, &index)));
	cr_assert(eq(u64, index, 1000));
	cr_assert(eq(u32, device.batch.size, 24 + 5 * 64));
	cr_assert(eq(u32, device.batch.queue, QUEUE_ID));
	cr_assert(eq(u32, device.batch.count, 5));
	cr_assert(zero(u32, device.batch.flags));
	cr_assert(eq(u64, device.batch.commands[4].value, 104));
	cr_assert(eq(int, submit(ENTRIES + 1, NULL), -EINVAL));
	device.error = -EAGAIN;
	index = 99;
	cr_assert(eq(int, submit(1, &index), -EAGAIN));
	cr_assert(eq(u64, index, 99));
	cr_assert(eq(u32, device.submits, 1));
}

/* ---- completion and faults --------------------------------------------------------- */

Test(queue, wait_sees_completion, .init = start_user, .fini = finish)
{
	cr_assert(zero(int, submit(2, NULL)));
	cr_assert(eq(int, dmabuffs_accel_queue_wait(queue, 0, 0), -ETIMEDOUT));
	cr_assert(eq(int, dmabuffs_accel_queue_wait(queue, 0, 5000000), -ETIMEDOUT));
	ring->completed = 1;
	cr_assert(zero(int, dmabuffs_accel_queue_wait(queue, 0, -1)));
	cr_assert(eq(int, dmabuffs_accel_queue_wait(queue, 1, 0), -ETIMEDOUT));
	cr_assert(eq(u64, dmabuffs_accel_queue_completed(queue), 1));
}

Test(queue, states, .init = start_user, .fini = finish)
{
	cr_assert(zero(int, submit(2, NULL)));
	ring->completed = 1;
	ring->state = ACCEL_QUEUE_FAULTED;
	cr_assert(zero(int, dmabuffs_accel_queue_wait(queue, 0, -1)));
	cr_assert(eq(int, dmabuffs_accel_queue_wait(queue, 1, -1), -EIO));
	cr_assert(eq(int, submit(1, NULL), -EIO));
	ring->state = ACCEL_QUEUE_ISOLATED;
	cr_assert(eq(int, submit(1, NULL), -EIO));
	ring->state = ACCEL_QUEUE_DEAD;
	cr_assert(eq(int, submit(1, NULL), -ENODEV));
	cr_assert(eq(int, dmabuffs_accel_queue_wait(queue, 1, -1), -ENODEV));
	cr_assert(eq(u64, ring->tail, 2));
}

Test(queue, fault_is_told, .init = start_user, .fini = finish)
{
	struct accel_fault fault = {.index = 99};

	cr_assert(eq(int, dmabuffs_accel_queue_fault(queue, &fault), -ENODATA));
	ring->state = ACCEL_QUEUE_DEAD;
	cr_assert(eq(int, dmabuffs_accel_queue_fault(queue, &fault), -ENODATA));
	cr_assert(eq(u64, fault.index, 99));
	ring->fault = (struct accel_fault){
		.index = 5, .address = 0x1000, .reason = ACCEL_FAULT_UNMAPPED};
	ring->state = ACCEL_QUEUE_FAULTED;
	cr_assert(zero(int, dmabuffs_accel_queue_fault(queue, &fault)));
	cr_assert(eq(u64, fault.index, 5));
	cr_assert(eq(u64, fault.address, 0x1000));
	ring->state = ACCEL_QUEUE_RUNNING;
	cr_assert(eq(int, dmabuffs_accel_queue_fault(queue, &fault), -ENODATA));
}

Test(queue, reset_goes_on_from_the_ring, .init = start_user, .fini = finish)
{
	uint64_t index = 0;

	cr_assert(zero(int, submit(2, NULL)));
	ring->state = ACCEL_QUEUE_FAULTED;
	device.error = -EIO;
	cr_assert(eq(int, dmabuffs_accel_queue_reset(queue), -EIO));
	cr_assert(eq(int, submit(1, NULL), -EIO));
	device.error = 0;
	/* Another client had advanced it. */
	ring->tail = ring->head = ring->completed = 40;
	ring->state = ACCEL_QUEUE_RUNNING;
	cr_assert(zero(int, dmabuffs_accel_queue_reset(queue)));
	cr_assert(eq(u32, device.resets, 1));
	cr_assert(zero(int, submit(1, &index)));
	cr_assert(eq(u64, index, 40));
	cr_assert(eq(u64, ring->tail, 41));
}

/* ---- children ---------------------------------------------------------------------- */

static bool is_mapped(const void *address)
{
	unsigned char resident;

	return mincore((void *)address, 4096, &resident) == 0;
}

/* Runs in the child, where assertions do not work; returns 0 or the failed check. */
static int use_in_child(void)
{
	struct accel_fault fault;

	if (is_mapped(queue->ring))
		return 1;
	if (submit(1, NULL) != -ECHILD)
		return 2;
	if (dmabuffs_accel_queue_wait(queue, 0, -1) != -ECHILD)
		return 3;
	if (dmabuffs_accel_queue_completed(queue) != 0)
		return 4;
	if (dmabuffs_accel_queue_fault(queue, &fault) != -ECHILD)
		return 5;
	if (dmabuffs_accel_queue_reset(queue) != -ECHILD)
		return 6;
	if (dmabuffs_accel_queue_id(queue) != QUEUE_ID)
		return 7;
	dmabuffs_accel_queue_close(queue);
	return 0;
}

/* Close in the child must not unmap memory that has replaced the ring. */
static int close_over_other_memory(void)
{
	void *place = queue->ring;
	size_t bytes = queue->bytes;
	char *other = mmap(place, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (other != place)
		return 1;
	*other = 1;
	if (submit(1, NULL) != -ECHILD)
		return 2;
	dmabuffs_accel_queue_close(queue);
	return is_mapped(other) && *other == 1 ? 0 : 3;
}

static int use_in_grandchild(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(use_in_child());
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
								    : 99;
}

static int wait_for(pid_t pid)
{
	int status;

	cr_assert(gt(int, pid, 0));
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_assert(zero(int, WTERMSIG(status)));
	return WEXITSTATUS(status);
}

static int run_in_child(int (*act)(void))
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(act());
	return wait_for(pid);
}

static void expect_undisturbed(void)
{
	uint64_t index = 0;

	cr_assert(zero(u32, device.resets));
	cr_assert(eq(u64, ring->tail, 1));
	cr_assert(zero(int, submit(1, &index)), "the parent cannot submit");
	cr_assert(eq(u64, index, 1));
	ring->completed = 2;
	cr_assert(zero(int, dmabuffs_accel_queue_wait(queue, index, 0)));
}

Test(queue_fork, a_child_has_none, .init = start_user, .fini = finish)
{
	cr_assert(zero(int, submit(1, NULL)));
	cr_assert(is_mapped(queue->ring));
	cr_assert(zero(int, run_in_child(use_in_child)));
	cr_assert(zero(int, run_in_child(use_in_grandchild)));
	expect_undisturbed();
}

Test(queue_fork, nor_has_one_of_a_raw_clone, .init = start_user, .fini = finish)
{
	pid_t pid;

	cr_assert(zero(int, submit(1, NULL)));
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0)
		_exit(use_in_child());
	cr_assert(zero(int, wait_for(pid)));
	expect_undisturbed();
}

Test(queue_fork, closing_leaves_what_is_there_now, .init = start_user, .fini = finish)
{
	cr_assert(zero(int, submit(1, NULL)));
	cr_assert(zero(int, run_in_child(close_over_other_memory)));
	expect_undisturbed();
}

/* MADV_WIPEONFORK may be missing: simulate a mark that survives the fork. */
static int use_with_a_mark_that_stays(void)
{
	*queue->same_process = 1;
	queue->pid = getppid();
	return use_in_child();
}

Test(queue_fork, the_pid_tells_where_the_mark_cannot, .init = start_user, .fini = finish)
{
	cr_assert(zero(int, submit(1, NULL)));
	cr_assert(zero(int, run_in_child(use_with_a_mark_that_stays)));
	expect_undisturbed();
}

static int submit_mediated(void)
{
	return submit(1, NULL) == -ECHILD && device.submits == 0 ? 0 : 1;
}

Test(queue_fork, a_mediated_one_neither, .init = start_mediated, .fini = finish)
{
	cr_assert(zero(int, run_in_child(submit_mediated)));
	cr_assert(zero(int, submit(1, NULL)));
}

/* The fake broker's threads run in the parent, and serve the child as well. */
static int open_another(void)
{
	struct dmabuffs_accel_queue *own;
	struct accel_command command = {0};

	device.info_flags = ACCEL_QUEUE_USER;
	if (dmabuffs_accel_queue_open(&broker.instance, ring_fd, QUEUE_ID, &own) < 0)
		return 1;
	if (dmabuffs_accel_queue_submit(own, &command, 1, NULL) < 0)
		return 2;
	dmabuffs_accel_queue_close(own);
	return 0;
}

Test(queue_fork, a_child_can_open_its_own, .init = start_user, .fini = finish)
{
	cr_assert(zero(int, run_in_child(open_another)));
	cr_assert(eq(u64, ring->tail, 1));
}
