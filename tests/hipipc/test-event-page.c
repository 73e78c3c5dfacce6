/* SPDX-License-Identifier: MIT */
/* test-event-page.c - the page of an interprocess event */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <clock.h>

#include "event-page-fixture.h"

/* ---- opening ----------------------------------------------------------------------- */

static void expect_refused(int fd)
{
	struct shared_event *event = NULL;

	cr_assert(eq(int, event_page_open(fd, &event), -EBADMSG));
	cr_assert(zero(ptr, event));
	if (fd >= 0)
		close(fd);
}

static int open_again(int fd, int flags)
{
	int other = reopen(fd, flags);

	cr_assert(ge(int, other, 0));
	close(fd);
	return other;
}

Test(event_page, what_is_no_page_is_refused)
{
	int pipes[2], fd;

	cr_assert(zero(int, pipe(pipes)));
	expect_refused(-1);
	expect_refused(pipes[0]);
	expect_refused(pipes[1]);
	expect_refused(open("/dev/zero", O_RDWR));
	expect_refused(open("/tmp", O_RDONLY | O_DIRECTORY));
	expect_refused(page_make(EVENT_PAGE_BYTES, 0, EVENT_PAGE_MAGIC, 1));
	expect_refused(page_make(EVENT_PAGE_BYTES, F_SEAL_SHRINK, EVENT_PAGE_MAGIC, 1));
	expect_refused(page_make(EVENT_PAGE_BYTES, F_SEAL_GROW, EVENT_PAGE_MAGIC, 1));
	expect_refused(page_make(EVENT_PAGE_BYTES * 2, PAGE_SEALS, EVENT_PAGE_MAGIC, 1));
	expect_refused(page_make(EVENT_PAGE_BYTES - 1, PAGE_SEALS, EVENT_PAGE_MAGIC, 1));
	expect_refused(page_make(EVENT_PAGE_BYTES, PAGE_SEALS, EVENT_PAGE_MAGIC + 1, 1));
	expect_refused(page_make(EVENT_PAGE_BYTES, PAGE_SEALS, EVENT_PAGE_MAGIC, 2));
	expect_refused(page_make(EVENT_PAGE_BYTES, PAGE_SEALS, 0, 0));
	expect_refused(open_again(page_make_good(), O_RDONLY));
	expect_refused(open_again(page_make_good(), O_PATH));
	fd = page_make_good();
	cr_assert(zero(int, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)));
	expect_refused(fd);
	fd = page_make_good();
	cr_assert(zero(int, fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE)));
	expect_refused(fd);
}

/* All numbers are locked: none is left for this process. */
Test(event_page, a_page_that_is_locked_all_over)
{
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = page_make_good();

	cr_assert(zero(int, fcntl(fd, F_OFD_SETLK, &all)));
	expect_refused(fd);
}

Test(event_page, one_for_each_inode)
{
	struct shared_event *first, *second, *again;
	int fd = page_make_good(), out = -1;

	first = page_open(fd);
	second = page_open(fd);
	cr_assert(eq(ptr, first, second));
	cr_assert(zero(int, event_page_export(first, &out)));
	again = page_open(out);
	cr_assert(eq(ptr, first, again));
	close(fd);
	close(out);
	event_page_unref(first);
	event_page_unref(second);
	cr_assert(eq(u64, page_record(again), 1));
	event_page_unref(again);
	event_page_unref(NULL);
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

Test(event_page, nothing_is_left)
{
	unsigned before = open_descriptors();
	struct shared_event *event;
	int fd;

	for (int i = 0; i < 50; i++) {
		cr_assert(zero(int, event_page_create(&event)));
		cr_assert(zero(int, event_page_export(event, &fd)));
		event_page_unref(event);
		event = page_open(fd);
		cr_assert(zero(u64, event_page_last(event)));
		close(fd);
		event_page_unref(event);
	}
	cr_assert(eq(uint, open_descriptors(), before));
}

/* ---- records ----------------------------------------------------------------------- */

Test(event_page, record_reach_query)
{
	struct shared_event *event;

	cr_assert(zero(int, event_page_create(&event)));
	cr_assert(zero(u64, event_page_last(event)));
	cr_assert(zero(int, event_page_query(event, 0)));
	for (uint64_t n = 1; n <= 3 * EVENT_PAGE_SLOTS; n++) {
		cr_assert(eq(u64, page_record(event), n));
		cr_assert(eq(u64, event_page_last(event), n));
		cr_assert(eq(int, event_page_query(event, n), -EAGAIN));
		if (n > 1) {
			page_reach(event, n - 1);
			cr_assert(zero(int, event_page_wait(event, n - 1)));
		}
		cr_assert(eq(int, event_page_query(event, n), -EAGAIN));
	}
	event_page_unref(event);
}

Test(event_page, in_any_order)
{
	struct shared_event *event;

	cr_assert(zero(int, event_page_create(&event)));
	for (int i = 0; i < EVENT_PAGE_SLOTS; i++)
		page_record(event);
	for (uint64_t n = EVENT_PAGE_SLOTS; n >= 1; n--) {
		page_reach(event, n);
		cr_assert(zero(int, event_page_query(event, n)));
		if (n > 1)
			cr_assert(eq(int, event_page_query(event, n - 1), -EAGAIN));
	}
	event_page_unref(event);
}

Test(event_page, fail)
{
	struct shared_event *event;
	uint64_t one, two;

	cr_assert(zero(int, event_page_create(&event)));
	one = page_record(event);
	two = page_record(event);
	event_page_fail(event, page_record_of(one));
	cr_assert(eq(int, event_page_query(event, one), -EOWNERDEAD));
	cr_assert(eq(int, event_page_wait(event, one), -EOWNERDEAD));
	cr_assert(eq(int, event_page_query(event, two), -EAGAIN));
	page_reach(event, two);
	cr_assert(zero(int, event_page_query(event, two)));
	event_page_unref(event);
}

/* A number above all records has no recorder. */
Test(event_page, numbers_that_nobody_took)
{
	struct shared_event *event;

	cr_assert(zero(int, event_page_create(&event)));
	page_record(event);
	cr_assert(eq(int, event_page_wait(event, 2), -EOWNERDEAD));
	cr_assert(eq(int, event_page_wait(event, EVENT_PAGE_SLOTS + 1), -EOWNERDEAD));
	cr_assert(eq(int, event_page_wait(event, UINT64_MAX), -EOWNERDEAD));
	event_page_unref(event);
}

/* ---- processes --------------------------------------------------------------------- */

#define PROCESSES 4
#define RECORDS   25000 /* by each */
#define IN_FLIGHT 16    /* of each: all together less than there are slots */

static void expect_exit(pid_t pid)
{
	int status = -1;

	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_assert(zero(int, status));
}

/* Records run ahead of reaching; each number is unique. */
static int run_recorder(int fd, uint8_t *taken)
{
	struct event_record mine[IN_FLIGHT];
	struct shared_event *event;

	if (event_page_open(fd, &event) < 0)
		return 1;
	for (int i = 0; i < RECORDS; i++) {
		struct event_record *one = &mine[i % IN_FLIGHT];

		if (i >= IN_FLIGHT)
			event_page_reach(event, one);
		if (event_page_record(event, one) < 0)
			return 2;
		if (one->number > PROCESSES * RECORDS ||
		    __atomic_fetch_add(&taken[one->number], 1, __ATOMIC_SEQ_CST))
			return 3;
	}
	for (int i = RECORDS; i < RECORDS + IN_FLIGHT; i++)
		event_page_reach(event, &mine[i % IN_FLIGHT]);
	event_page_unref(event);
	return 0;
}

/* Waits for the last record repeatedly. */
static int run_waiter(int fd)
{
	struct shared_event *event;
	uint64_t last = 0;

	if (event_page_open(fd, &event) < 0)
		return 1;
	while (last < PROCESSES * RECORDS) {
		last = event_page_last(event);
		if (event_page_wait(event, last) < 0)
			return 2;
	}
	event_page_unref(event);
	return 0;
}

Test(event_page, many_records_by_many)
{
	size_t bytes = PROCESSES * RECORDS + 1;
	uint8_t *taken = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = page_make_good();
	pid_t pids[PROCESSES + 2];

	cr_assert(ne(ptr, taken, MAP_FAILED));
	for (int i = 0; i < PROCESSES + 2; i++) {
		pids[i] = fork();
		cr_assert(ge(int, pids[i], 0));
		if (pids[i] == 0)
			_exit(i < PROCESSES ? run_recorder(fd, taken) : run_waiter(fd));
	}
	for (int i = 0; i < PROCESSES + 2; i++)
		expect_exit(pids[i]);
	for (size_t i = 1; i < bytes; i++)
		cr_assert(eq(u8, taken[i], 1));
}

static void kill_recorder(bool forks)
{
	int fd = page_make_good(), told;
	pid_t pid = page_start_recorder(fd, forks, &told), child = 0;
	struct shared_event *event = page_open(fd);
	double killed;

	cr_assert(eq(sz, (size_t)read(told, &child, sizeof(child)), sizeof(child)));
	cr_assert(eq(u64, event_page_last(event), 1));
	cr_assert(eq(int, event_page_query(event, 1), -EAGAIN));
	kill(pid, SIGKILL);
	killed = soft_now_s();
	cr_assert(eq(int, event_page_wait(event, 1), -EOWNERDEAD));
	cr_assert(lt(dbl, soft_now_s() - killed, 20));
	cr_assert(eq(int, event_page_query(event, 1), -EOWNERDEAD));
	waitpid(pid, NULL, 0);
	if (forks)
		kill(child, SIGKILL);
	/* The remaining processes can record it. */
	cr_assert(eq(u64, page_record(event), 2));
	page_reach(event, 2);
	cr_assert(zero(int, event_page_wait(event, 2)));
	event_page_unref(event);
}

Test(event_page, a_killed_recorder)
{
	kill_recorder(false);
}

/* A child that inherits the descriptor of the lock does not keep the record alive. */
Test(event_page, a_killed_recorder_with_a_child)
{
	kill_recorder(true);
}

/* Closing other descriptors of the file does not release the lock. */
Test(event_page, a_recorder_stays_alive)
{
	int fd = page_make_good(), go[2], ready[2];
	struct shared_event *event;
	char byte = 0;
	pid_t pid;

	cr_assert(zero(int, pipe(go)));
	cr_assert(zero(int, pipe(ready)));
	pid = fork();
	cr_assert(ge(int, pid, 0));
	if (pid == 0) {
		int out;

		if (event_page_open(fd, &event) < 0)
			_exit(1);
		(void)page_record(event);
		if (event_page_export(event, &out) < 0)
			_exit(2);
		close(out);
		close(fd);
		if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(3);
		page_reach(event, 1);
		_exit(0);
	}
	event = page_open(fd);
	cr_assert(eq(sz, (size_t)read(ready[0], &byte, 1), 1));
	for (int i = 0; i < 100; i++)
		cr_assert(eq(int, event_page_query(event, 1), -EAGAIN));
	cr_assert(eq(sz, (size_t)write(go[1], &byte, 1), 1));
	cr_assert(zero(int, event_page_wait(event, 1)));
	expect_exit(pid);
	/* The record was reached before the recorder exited. */
	cr_assert(zero(int, event_page_query(event, 1)));
	event_page_unref(event);
}
