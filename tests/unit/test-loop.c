/* SPDX-License-Identifier: MIT */
/* test-loop.c - the threads that read requests, with an imitated kernel and libfuse */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <linux/fuse.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake-session.h"
#include "faults.h"
#include "base/request.h"
#include "process/loop.h"
#include "../support/wait.h"

#define MAX_WRITE (128U << 10)

static struct loop loop;
static int kernel, device;
static pthread_t runner;
static int result;
static atomic_uint n_served, n_inside;
static sem_t leave; /* by each request that blocks */
static bool blocks;
static size_t last_size;
static uint64_t last_unique;
static bool last_is_resent;
static uint64_t last_poll;

static void process(const struct fuse_buf *request)
{
	n_inside++;
	last_size = request->size;
	last_unique = request_unique();
	last_is_resent = request_is_resent();
	last_poll = request_poll();
	if (blocks)
		sem_wait(&leave);
	n_inside--;
	n_served++;
}

static void init(void)
{
	int pair[2];

	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair)));
	kernel = pair[0];
	device = pair[1];
	fake_session_process = process;
	cr_assert(zero(int, sem_init(&leave, 0, 0)));
	loop_init(&loop, NULL, device, MAX_WRITE);
}

TestSuite(loop, .init = init);

static void *run(void *arg)
{
	result = loop_run(&loop);
	return NULL;
}

static void start(void)
{
	cr_assert(zero(int, pthread_create(&runner, NULL, run, NULL)));
}

static int join(void)
{
	cr_assert(zero(int, pthread_join(runner, NULL)));
	return result;
}

static int stop(void)
{
	loop_stop(&loop);
	return join();
}

static void request(uint32_t opcode)
{
	struct fuse_in_header header = {.len = sizeof(header), .opcode = opcode};

	cr_assert(eq(long, send(kernel, &header, sizeof(header), 0), sizeof(header)));
}

static bool is_equal(void *data)
{
	const atomic_uint **both = data;

	return *both[0] == *both[1];
}

static void wait_for(atomic_uint *counter, unsigned value)
{
	atomic_uint wanted = value;

	cr_assert(wait_until(is_equal, (atomic_uint *[]){counter, &wanted}));
}

Test(loop, serves)
{
	start();
	for (unsigned i = 1; i <= 100; i++) {
		request(FUSE_GETATTR);
		wait_for(&n_served, i);
	}
	cr_assert(eq(sz, last_size, sizeof(struct fuse_in_header)));
	cr_assert(zero(int, stop()));
}

/* The mark of a request that was sent before is no part of its number. */
Test(loop, knows_the_unique)
{
	struct fuse_in_header header = {
		.len = sizeof(header),
		.opcode = FUSE_GETATTR,
		.unique = 77,
	};

	start();
	for (unsigned i = 1; i <= 2; i++) {
		cr_assert(eq(long, send(kernel, &header, sizeof(header), 0),
			     sizeof(header)));
		wait_for(&n_served, i);
		cr_assert(eq(u64, last_unique, 77));
		cr_assert(eq(int, last_is_resent, i == 2));
		header.unique |= UINT64_C(1) << 63;
	}
	cr_assert(zero(u64, request_unique()));
	cr_assert(zero(int, stop()));
}

/* What a predecessor had read comes first, and counts as sent again. */
Test(loop, keeps_requests)
{
	const struct ledger_config config = {.capacity = {[0 ... LEDGER_KINDS - 1] = 1},
					     .n_queues = 2};
	struct fuse_in_header header = {.len = sizeof(header), .unique = 60};
	struct ledger *ledger;

	cr_assert(zero(int, ledger_create(&config, &ledger)));
	memcpy(ledger_receiver(ledger, 9), &header, sizeof(header));
	loop_set_ledger(&loop, ledger, true);
	cr_assert(zero(int, pending_collect(&loop.pending)));
	start();
	wait_for(&n_served, 1);
	cr_assert(eq(u64, last_unique, 60));
	cr_assert(eq(int, last_is_resent, 1));
	header.unique = 62;
	cr_assert(eq(long, send(kernel, &header, sizeof(header), 0), sizeof(header)));
	wait_for(&n_served, 2);
	cr_assert(eq(u64, last_unique, 62));
	cr_assert(eq(int, last_is_resent, 0));
	cr_assert(zero(int, stop()));
	/* The kernel waits for both. */
	cr_assert(eq(u32, ledger->header->kept_high, 2));
	cr_assert(eq(u64, ledger_kept(ledger, 0)->unique, 60));
	cr_assert(eq(u64, ledger_kept(ledger, 1)->unique, 62));
	ledger_close(ledger);
}

/* A short request of that kind, and one of another, have none. */
Test(loop, knows_the_poll_handle)
{
	struct {
		struct fuse_in_header header;
		struct fuse_poll_in poll;
	} message = {
		.header = {.len = sizeof(message), .opcode = FUSE_POLL, .unique = 77},
		.poll = {.kh = 99},
	};

	start();
	cr_assert(eq(long, send(kernel, &message, sizeof(message), 0), sizeof(message)));
	wait_for(&n_served, 1);
	cr_assert(eq(u64, last_poll, 99));
	cr_assert(eq(long, send(kernel, &message, sizeof(message) - 1, 0),
		     sizeof(message) - 1));
	wait_for(&n_served, 2);
	cr_assert(zero(u64, last_poll));
	message.header.opcode = FUSE_IOCTL;
	cr_assert(eq(long, send(kernel, &message, sizeof(message), 0), sizeof(message)));
	wait_for(&n_served, 3);
	cr_assert(zero(u64, last_poll));
	cr_assert(zero(int, stop()));
}

Test(loop, the_largest_write)
{
	static char write[MAX_WRITE + 4096] = {0};
	int room = 2 * sizeof(write);

	cr_assert(zero(int, setsockopt(kernel, SOL_SOCKET, SO_SNDBUFFORCE, &room,
				       sizeof(room))));
	((struct fuse_in_header *)write)->opcode = FUSE_WRITE;
	start();
	cr_assert(eq(long, send(kernel, write, sizeof(write), 0), sizeof(write)));
	wait_for(&n_served, 1);
	cr_assert(eq(sz, last_size, sizeof(write)));
	cr_assert(zero(int, stop()));
}

/* As many as there may be threads are inside at once; the next one waits. */
Test(loop, requests_that_block)
{
	blocks = true;
	start();
	for (unsigned i = 0; i <= LOOP_MAX_THREADS; i++)
		request(FUSE_IOCTL);
	wait_for(&n_inside, LOOP_MAX_THREADS);
	cr_assert(eq(uint, loop.n_threads, LOOP_MAX_THREADS));
	for (unsigned i = 0; i <= LOOP_MAX_THREADS; i++)
		sem_post(&leave);
	wait_for(&n_served, LOOP_MAX_THREADS + 1);
	cr_assert(zero(int, stop()));
}

Test(loop, no_thread_for_a_forget)
{
	start();
	for (unsigned i = 1; i <= 100; i++) {
		request(i % 2 ? FUSE_FORGET : FUSE_BATCH_FORGET);
		wait_for(&n_served, i);
	}
	cr_assert(eq(uint, loop.n_threads, 1));
	cr_assert(zero(int, stop()));
}

Test(loop, serves_without_a_further_thread)
{
	start();
	request(FUSE_FORGET);
	wait_for(&n_served, 1);
	faults_refuse_threads(true);
	for (unsigned i = 2; i <= 10; i++)
		request(FUSE_GETATTR);
	wait_for(&n_served, 10);
	cr_assert(eq(uint, loop.n_threads, 1));
	cr_assert(zero(int, stop()));
}

Test(loop, without_any_thread)
{
	faults_refuse_threads(true);
	cr_assert(eq(int, loop_run(&loop), -EAGAIN));
}

Test(loop, stopped_before_it_runs)
{
	loop_stop(&loop);
	cr_assert(zero(int, loop_run(&loop)));
}

static int run_with_error(int error)
{
	faults_fail_reads(error);
	start();
	request(FUSE_GETATTR);
	return join();
}

Test(loop, ends_with_the_connection)
{
	cr_assert(zero(int, run_with_error(ENODEV)));
}

/* A read of the device that was taking a request when the connection was aborted. */
Test(loop, ends_when_aborted_during_a_read)
{
	cr_assert(zero(int, run_with_error(ECONNABORTED)));
}

Test(loop, reports_other_errors)
{
	cr_assert(eq(int, run_with_error(EPERM), -EPERM));
}

static bool is_read(void *data)
{
	int n_bytes;

	cr_assert(zero(int, ioctl(device, FIONREAD, &n_bytes)));
	return n_bytes == 0;
}

static bool has_served(void *data)
{
	return n_served > 0;
}

static void goes_on_after(int error)
{
	faults_fail_reads(error);
	start();
	request(FUSE_GETATTR);
	cr_assert(wait_until(is_read, NULL));
	faults_fail_reads(0);
	request(FUSE_GETATTR);
	cr_assert(wait_until(has_served, NULL));
	cr_assert(zero(int, stop()));
}

Test(loop, goes_on_after_an_interrupted_read)
{
	goes_on_after(EINTR);
	init();
	goes_on_after(ENOENT);
	init();
	goes_on_after(EAGAIN);
}

Test(loop, refuses_half_a_header)
{
	start();
	cr_assert(eq(long, send(kernel, "half", 4, 0), 4));
	cr_assert(eq(int, join(), -EIO));
	cr_assert(zero(uint, n_served));
}

/* The threads are left behind: the process has to end. */
Test(loop, does_not_wait_for_a_request_that_does_not_return, .timeout = 60)
{
	blocks = true;
	start();
	request(FUSE_IOCTL);
	wait_for(&n_inside, 1);
	cr_assert(eq(int, stop(), -ETIMEDOUT));
}
