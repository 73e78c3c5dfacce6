/* SPDX-License-Identifier: MIT */
/* test-faults-calls.c - modules that make system calls, when one fails */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>

#include "base/log.h"
#include "base/offload.h"
#include "buffers/dmabuf_io.h"
#include "buffers/closer.h"
#include "names/caller.h"
#include "fail-each.h"
#include "faults.h"
#include "fixture.h"

static struct buffer buffer;
static int memfd;

static void init(void)
{
	log_set_level(LOG_ERR - 1);
	caller_setup();
	fixture_init();
	memfd = new_memfd(4096);
}

static void finish(void)
{
	close(memfd);
	fixture_finish();
}

TestSuite(fault_calls, .init = init, .fini = finish);

static void make_buffer(void)
{
	cr_assert(zero(int, buffer_init(&buffer, fcntl(memfd, F_DUPFD_CLOEXEC, 0), false,
					NULL)));
}

/* ---- buffer ------------------------------------------------------------------------ */

static int given;

static void give(void)
{
	given = fcntl(memfd, F_DUPFD_CLOEXEC, 0);
	buffer.fd = -1;
}

static int init_buffer(void)
{
	return buffer_init(&buffer, given, false, NULL);
}

static void finish_init(int r)
{
	if (r < 0) {
		cr_assert(is_open(given), "the caller's descriptor was closed");
		cr_assert(eq(int, buffer.fd, -1), "output written on failure");
		close(given);
	}
	buffer_finish(&buffer);
}

Test(fault_calls, buffer_init)
{
	fail_each(&(struct operation){give, init_buffer, finish_init});
}

static void make_unfrozen(void)
{
	int fd = new_memfd(1);

	cr_assert(zero(int, fchmod(fd, 0777)));
	cr_assert(zero(int, buffer_init(&buffer, fd, false, NULL)));
}

static int freeze(void)
{
	return buffer_freeze(&buffer, false);
}

static void finish_buffer(int r)
{
	buffer_finish(&buffer);
}

Test(fault_calls, buffer_freeze)
{
	fail_each(&(struct operation){make_unfrozen, freeze, finish_buffer});
}

static int revoke_buffer(void)
{
	return buffer_revoke(&buffer);
}

static void finish_revoke(int r)
{
	uint64_t size;

	cr_assert(zero(int, buffer_size(&buffer, &size)));
	cr_assert(eq(u64, size, r < 0 ? 1 : 0));
	buffer_finish(&buffer);
}

/* A memfd whose seals cannot be read counts as pinned. */
Test(fault_calls, buffer_revoke)
{
	fail_each(&(struct operation){make_unfrozen, revoke_buffer, finish_revoke});
}

static int held(void)
{
	int r = buffer_held(&buffer);

	return r == 1 ? -EBUSY : r;
}

Test(fault_calls, buffer_held)
{
	fail_each(&(struct operation){make_unfrozen, held, finish_buffer, true});
}

static int opened;

static int open_buffer(void)
{
	opened = buffer_open(&buffer, O_RDONLY);
	return opened < 0 ? opened : 0;
}

static void finish_open(int r)
{
	if (r == 0)
		close(opened);
	buffer_finish(&buffer);
}

/* If O_NONBLOCK cannot be cleared, the open still succeeds. */
Test(fault_calls, buffer_open)
{
	fail_each(&(struct operation){make_unfrozen, open_buffer, finish_open, true});
}

/* ---- caller ------------------------------------------------------------------------ */

static struct caller *caller;
static int pidfd;

static int read_caller(void)
{
	pidfd = caller_open(gettid());
	return caller_read(gettid(), pidfd, NULL, &caller);
}

static void finish_caller(int r)
{
	if (r == 0)
		caller_unref(caller);
	if (pidfd >= 0)
		close(pidfd);
}

/* Fields that cannot be read are unknown; only -ENOMEM is an error. */
Test(fault_calls, caller_read)
{
	fail_each(&(struct operation){NULL, read_caller, finish_caller, true});
}

/* ---- closing ----------------------------------------------------------------------- */

static int to_close[2];

static void start_closer(void)
{
	make_buffer();
	for (size_t i = 0; i < ARRAY_SIZE(to_close); i++)
		to_close[i] = new_memfd(1);
	cr_assert(zero(int, closer_start()));
}

/* What fails does so before there is anything to close; a thread can be done without. */
static int reserve_and_close(void)
{
	struct closing *closing;
	int r = closing_reserve(&fixture_limits, &(struct payer){UID_A, 0},
				ARRAY_SIZE(to_close), &closing);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(to_close); i++)
		closing_add(closing, to_close[i]);
	closing_add_buffer(closing, &buffer);
	closing_end(closing);
	return 0;
}

/* The end waits for what is queued. */
static void finish_close(int r)
{
	cr_assert(closer_stop());
	for (size_t i = 0; i < ARRAY_SIZE(to_close); i++) {
		cr_assert(eq(int, is_open(to_close[i]), r < 0));
		if (r < 0)
			close(to_close[i]);
	}
	cr_assert(eq(int, buffer.fd >= 0, r < 0));
	buffer_finish(&buffer);
}

Test(fault_calls, closing)
{
	fail_each(
		&(struct operation){start_closer, reserve_and_close, finish_close, true});
}

static void finish_closer_start(int r)
{
	if (r == 0)
		cr_assert(closer_stop());
}

Test(fault_calls, closer_start)
{
	fail_each(&(struct operation){NULL, closer_start, finish_closer_start});
}

/* ---- dmabuf_io --------------------------------------------------------------------- */

static struct dmabuf_io io;
static _Atomic unsigned n_answered;
static unsigned n_submitted;

static void start_io(void)
{
	make_buffer();
	n_answered = 0;
	dmabuf_io_init(&io, &fixture_limits);
}

static void answer(void *context, ssize_t result, const void *bytes)
{
	n_answered++;
}

static int submit_io(void)
{
	const struct dmabuf_io_access read = {.op = DMABUF_IO_READ, .size = 10};

	return dmabuf_io_submit(&io, UID_A, &buffer, &read, answer, NULL);
}

static void finish_io(int r)
{
	cr_assert(dmabuf_io_stop(&io));
	cr_assert(eq(uint, n_answered, r == 0));
	buffer_finish(&buffer);
}

Test(fault_calls, dmabuf_io_submit)
{
	fail_each(&(struct operation){start_io, submit_io, finish_io});
}

/* Some jobs find a busy thread, and another one cannot be started. */
static int submit_some(void)
{
	int r = 0;

	for (n_submitted = 0; n_submitted < 4; n_submitted++) {
		r = submit_io();
		if (r < 0)
			break;
	}
	return r;
}

static void finish_some(int r)
{
	cr_assert(dmabuf_io_stop(&io));
	cr_assert(eq(uint, n_answered, n_submitted));
	cr_assert(eq(int, r == 0, n_submitted == 4));
	buffer_finish(&buffer);
}

Test(fault_calls, dmabuf_io_threads)
{
	fail_each(&(struct operation){start_io, submit_some, finish_some, true});
}

/* ---- offload ----------------------------------------------------------------------- */

static _Atomic bool was_run;

static void run_offloaded(void *arg)
{
	was_run = true;
}

static int offload(void)
{
	struct offload *call;
	int r = offload_reserve(&fixture_limits, &(struct payer){UID_A}, &call);

	was_run = false;
	return r < 0 ? r : offload_start(call, run_offloaded, NULL);
}

static long live_before;

static bool live_is(void *data)
{
	return faults_live_allocations() == *(long *)data;
}

static bool all_have_returned(void *data)
{
	return offload_wait_all(&fixture_limits);
}

static void finish_offload(int r)
{
	cr_assert(wait_until(all_have_returned, NULL));
	cr_assert(eq(int, was_run, r == 0));
	cr_assert(wait_until(live_is, &live_before));
}

Test(fault_calls, offload)
{
	live_before = faults_live_allocations();
	fail_each(&(struct operation){NULL, offload, finish_offload});
}
