/* SPDX-License-Identifier: MIT */
/* test-event-page.c - the page of an interprocess event, and tampering with it */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <clock.h>
#include <memfd.h>

#include "../support/make-memfd.h"
#include "event_page.h"

TestSuite(event_page, .timeout = 300);

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

static double now_s(void)
{
	return (double)now_ns() / (double)NS_PER_S;
}

/* A page of another process, unknown in this one. */
static int make_page(uint64_t bytes, int seals, uint32_t magic, uint32_t version)
{
	const struct event_page page = {.magic = magic, .version = version};
	int fd = memfd_new("event", bytes, seals);

	cr_assert(ge(int, fd, 0));
	cr_assert(eq(sz, (size_t)pwrite(fd, &page, 8, 0), 8));
	return fd;
}

static int make_good_page(void)
{
	return make_page(EVENT_PAGE_BYTES, SEALS, EVENT_PAGE_MAGIC, EVENT_PAGE_VERSION);
}

static struct shared_event *open_page(int fd)
{
	struct shared_event *event = NULL;

	cr_assert(zero(int, event_page_open(fd, &event)));
	return event;
}

#define MAX_RECORDS 1024

static struct event_record records[MAX_RECORDS];
static size_t n_records;

static uint64_t record(struct shared_event *event)
{
	struct event_record *one = &records[n_records++];

	cr_assert(n_records <= MAX_RECORDS);
	cr_assert(zero(int, event_page_record(event, one)));
	return one->number;
}

static struct event_record *record_of(uint64_t number)
{
	size_t i = 0;

	while (i < n_records && records[i].number != number)
		i++;
	cr_assert(i < n_records);
	return &records[i];
}

static void reach(struct shared_event *event, uint64_t number)
{
	event_page_reach(event, record_of(number));
}

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
	expect_refused(make_page(EVENT_PAGE_BYTES, 0, EVENT_PAGE_MAGIC, 1));
	expect_refused(make_page(EVENT_PAGE_BYTES, F_SEAL_SHRINK, EVENT_PAGE_MAGIC, 1));
	expect_refused(make_page(EVENT_PAGE_BYTES, F_SEAL_GROW, EVENT_PAGE_MAGIC, 1));
	expect_refused(make_page(EVENT_PAGE_BYTES * 2, SEALS, EVENT_PAGE_MAGIC, 1));
	expect_refused(make_page(EVENT_PAGE_BYTES - 1, SEALS, EVENT_PAGE_MAGIC, 1));
	expect_refused(make_page(EVENT_PAGE_BYTES, SEALS, EVENT_PAGE_MAGIC + 1, 1));
	expect_refused(make_page(EVENT_PAGE_BYTES, SEALS, EVENT_PAGE_MAGIC, 2));
	expect_refused(make_page(EVENT_PAGE_BYTES, SEALS, 0, 0));
	expect_refused(open_again(make_good_page(), O_RDONLY));
	expect_refused(open_again(make_good_page(), O_PATH));
	fd = make_good_page();
	cr_assert(zero(int, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)));
	expect_refused(fd);
	fd = make_good_page();
	cr_assert(zero(int, fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE)));
	expect_refused(fd);
}

/* All numbers are locked: none is left for this process. */
Test(event_page, a_page_that_is_locked_all_over)
{
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = make_good_page();

	cr_assert(zero(int, fcntl(fd, F_OFD_SETLK, &all)));
	expect_refused(fd);
}

Test(event_page, one_for_each_inode)
{
	struct shared_event *first, *second, *again;
	int fd = make_good_page(), out = -1;

	first = open_page(fd);
	second = open_page(fd);
	cr_assert(eq(ptr, first, second));
	cr_assert(zero(int, event_page_export(first, &out)));
	again = open_page(out);
	cr_assert(eq(ptr, first, again));
	close(fd);
	close(out);
	event_page_unref(first);
	event_page_unref(second);
	cr_assert(eq(u64, record(again), 1));
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
		event = open_page(fd);
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
		cr_assert(eq(u64, record(event), n));
		cr_assert(eq(u64, event_page_last(event), n));
		cr_assert(eq(int, event_page_query(event, n), -EAGAIN));
		if (n > 1) {
			reach(event, n - 1);
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
		record(event);
	for (uint64_t n = EVENT_PAGE_SLOTS; n >= 1; n--) {
		reach(event, n);
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
	one = record(event);
	two = record(event);
	event_page_fail(event, record_of(one));
	cr_assert(eq(int, event_page_query(event, one), -EOWNERDEAD));
	cr_assert(eq(int, event_page_wait(event, one), -EOWNERDEAD));
	cr_assert(eq(int, event_page_query(event, two), -EAGAIN));
	reach(event, two);
	cr_assert(zero(int, event_page_query(event, two)));
	event_page_unref(event);
}

/* A number above all records has no recorder. */
Test(event_page, numbers_that_nobody_took)
{
	struct shared_event *event;

	cr_assert(zero(int, event_page_create(&event)));
	record(event);
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
	int fd = make_good_page();
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

/* A child that records, reports that, and hangs; a pipe is closed when it exits. */
static pid_t start_recorder(int fd, bool forks, int *ret_told)
{
	int told[2];
	pid_t pid;

	cr_assert(zero(int, pipe(told)));
	pid = fork();
	cr_assert(ge(int, pid, 0));
	if (pid == 0) {
		struct shared_event *event;
		pid_t child;

		if (event_page_open(fd, &event) < 0 ||
		    event_page_record(event, &records[0]) < 0)
			_exit(1);
		/* Leaves only the library's resources open. */
		close(fd);
		child = forks ? fork() : 1;
		if (child == 0)
			alarm(30);
		else if (write(told[1], &child, sizeof(child)) != sizeof(child))
			_exit(2);
		for (;;)
			pause();
	}
	close(told[1]);
	*ret_told = told[0];
	return pid;
}

static void kill_recorder(bool forks)
{
	int fd = make_good_page(), told;
	pid_t pid = start_recorder(fd, forks, &told), child = 0;
	struct shared_event *event = open_page(fd);
	double killed;

	cr_assert(eq(sz, (size_t)read(told, &child, sizeof(child)), sizeof(child)));
	cr_assert(eq(u64, event_page_last(event), 1));
	cr_assert(eq(int, event_page_query(event, 1), -EAGAIN));
	kill(pid, SIGKILL);
	killed = now_s();
	cr_assert(eq(int, event_page_wait(event, 1), -EOWNERDEAD));
	cr_assert(lt(dbl, now_s() - killed, 20));
	cr_assert(eq(int, event_page_query(event, 1), -EOWNERDEAD));
	waitpid(pid, NULL, 0);
	if (forks)
		kill(child, SIGKILL);
	/* The remaining processes can record it. */
	cr_assert(eq(u64, record(event), 2));
	reach(event, 2);
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
	int fd = make_good_page(), go[2], ready[2];
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
		(void)record(event);
		if (event_page_export(event, &out) < 0)
			_exit(2);
		close(out);
		close(fd);
		if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(3);
		reach(event, 1);
		_exit(0);
	}
	event = open_page(fd);
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

/* ---- tampering --------------------------------------------------------------------- */

static struct event_page *map_page(int fd)
{
	void *page =
		mmap(NULL, EVENT_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	cr_assert(ne(ptr, page, MAP_FAILED));
	return page;
}

struct vandal {
	struct event_page *page;
	atomic_bool stop;
};

static void *write_garbage(void *data)
{
	struct vandal *vandal = data;
	uint64_t *words = (void *)vandal->page;
	uint64_t state = 88172645463325252;

	while (!atomic_load(&vandal->stop)) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		__atomic_store_n(&words[state % (EVENT_PAGE_BYTES / 8)], state * state,
				 __ATOMIC_RELAXED);
	}
	/* All records were reached: releases the remaining waiters. */
	for (size_t i = 0; i < EVENT_PAGE_SLOTS; i++)
		__atomic_store_n(&vandal->page->slots[i].reached, UINT64_MAX,
				 __ATOMIC_SEQ_CST);
	return NULL;
}

/* Threads return errors, since Criterion's assertions work in one thread only. */
static void *use_page(void *data)
{
	struct shared_event *event = data;

	for (int i = 0; i < 2000; i++) {
		struct event_record one;
		int r = event_page_record(event, &one);

		if (r < 0 && r != -EIO)
			return (void *)"record";
		if (r < 0)
			continue;
		event_page_reach(event, &one);
		(void)event_page_query(event, event_page_last(event));
	}
	return NULL;
}

static void *wait_often(void *data)
{
	struct shared_event *event = data;

	for (int i = 0; i < 200; i++) {
		int r = event_page_wait(event, event_page_last(event));

		if (r < 0 && r != -EOWNERDEAD)
			return (void *)"wait";
	}
	return NULL;
}

Test(event_page, garbage_while_it_is_used)
{
	int fd = make_good_page();
	struct shared_event *event = open_page(fd);
	struct vandal vandal = {.page = map_page(fd)};
	pthread_t threads[3];
	void *used, *waited;

	pthread_create(&threads[0], NULL, write_garbage, &vandal);
	pthread_create(&threads[1], NULL, use_page, event);
	pthread_create(&threads[2], NULL, wait_often, event);
	pthread_join(threads[1], &used);
	atomic_store(&vandal.stop, true);
	pthread_join(threads[0], NULL);
	pthread_join(threads[2], &waited);
	cr_assert(zero(ptr, used));
	cr_assert(zero(ptr, waited));
	event_page_unref(event);
}

Test(event_page, numbers_at_their_end)
{
	int fd = make_good_page();
	struct shared_event *event = open_page(fd);
	struct event_page *page = map_page(fd);
	struct event_record beyond;

	page->recorded = UINT64_MAX - 1;
	cr_assert(eq(u64, record(event), UINT64_MAX));
	cr_assert(eq(int, event_page_query(event, UINT64_MAX), -EAGAIN));
	cr_assert(eq(int, event_page_record(event, &beyond), -EIO));
	event_page_unref(event);
}

/* The count of waiters is wrong, so no wake-up is sent; the next slice notices. */
Test(event_page, nobody_is_woken)
{
	int fd = make_good_page(), told;
	pid_t pid = start_recorder(fd, false, &told), dummy;
	struct shared_event *event = open_page(fd);
	struct event_page *page = map_page(fd);
	double begun = now_s();

	cr_assert(eq(sz, (size_t)read(told, &dummy, sizeof(dummy)), sizeof(dummy)));
	if (fork() == 0) {
		(void)poll(NULL, 0, 50);
		__atomic_store_n(&page->slots[1].reached, 1, __ATOMIC_SEQ_CST);
		_exit(0);
	}
	cr_assert(zero(int, event_page_wait(event, 1)));
	cr_assert(lt(dbl, now_s() - begun, 20));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	event_page_unref(event);
}

/*
 * The recorder of an older record of the slot has exited; the new record is unaffected.
 */
Test(event_page, a_slot_with_a_past)
{
	int fd = make_good_page(), told;
	pid_t pid = start_recorder(fd, false, &told), dummy;
	struct shared_event *event = open_page(fd);

	cr_assert(eq(sz, (size_t)read(told, &dummy, sizeof(dummy)), sizeof(dummy)));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < EVENT_PAGE_SLOTS; i++)
		(void)record(event);
	cr_assert(eq(int, event_page_query(event, EVENT_PAGE_SLOTS + 1), -EAGAIN));
	reach(event, EVENT_PAGE_SLOTS + 1);
	cr_assert(zero(int, event_page_wait(event, EVENT_PAGE_SLOTS + 1)));
	event_page_unref(event);
}

/* A recorder exited between its two steps: the next one completes the second. */
Test(event_page, half_a_record)
{
	int fd = make_good_page();
	struct shared_event *event = open_page(fd);
	struct event_page *page = map_page(fd);

	page->slots[1].claim = UINT64_C(1) << 32 | 77;
	cr_assert(eq(u64, record(event), 2));
	cr_assert(eq(int, event_page_wait(event, 1), -EOWNERDEAD));
	cr_assert(eq(int, event_page_query(event, 2), -EAGAIN));
	event_page_unref(event);
}

/* ---- a slot that is shared, and a claim that is forged --------------------------------
 */

/* Marks the record as reached, as another process would. */
static void reach_there(struct event_page *page, uint64_t number)
{
	__atomic_store_n(&page->slots[number % EVENT_PAGE_SLOTS].reached, number,
			 __ATOMIC_SEQ_CST);
}

/* A process tracks each of its own records, whatever is recorded later. */
Test(event_page, more_outstanding_than_slots)
{
	int fd = make_good_page();
	struct shared_event *event = open_page(fd);
	struct event_page *page = map_page(fd);

	for (int i = 0; i < 3 * EVENT_PAGE_SLOTS; i++)
		(void)record(event);
	reach(event, EVENT_PAGE_SLOTS + 1);
	event_page_fail(event, record_of(EVENT_PAGE_SLOTS + 2));
	reach_there(page, 2 * EVENT_PAGE_SLOTS + 3);
	for (uint64_t n = 1; n <= 3; n++)
		cr_assert(eq(int, event_page_query(event, n), -EAGAIN));
	reach(event, 1);
	reach(event, 2);
	event_page_fail(event, record_of(3));
	cr_assert(zero(int, event_page_wait(event, 1)));
	cr_assert(zero(int, event_page_wait(event, EVENT_PAGE_SLOTS + 1)));
	cr_assert(eq(int, event_page_wait(event, EVENT_PAGE_SLOTS + 2), -EOWNERDEAD));
	cr_assert(eq(int, event_page_wait(event, 3), -EOWNERDEAD));
	event_page_unref(event);
}

/* For other processes, only the newest record of a slot is known. */
Test(event_page, older_ones_of_others)
{
	int fd = make_good_page(), told;
	pid_t pid = start_recorder(fd, false, &told), dummy;
	struct shared_event *event = open_page(fd);

	cr_assert(eq(sz, (size_t)read(told, &dummy, sizeof(dummy)), sizeof(dummy)));
	for (int i = 0; i < EVENT_PAGE_SLOTS; i++)
		(void)record(event);
	cr_assert(eq(int, event_page_query(event, 1), -EAGAIN));
	reach(event, EVENT_PAGE_SLOTS + 1);
	cr_assert(zero(int, event_page_wait(event, 1)));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	event_page_unref(event);
}

/* The claim names this process, which never made such a record. */
Test(event_page, a_forged_claim_in_our_name)
{
	int fd = make_good_page();
	struct shared_event *event = open_page(fd);
	struct event_page *page = map_page(fd);
	uint64_t ours;

	reach(event, record(event));
	(void)record(event);
	ours = (uint32_t)page->slots[1].claim;
	page->slots[3].claim = UINT64_C(3) << 32 | ours;
	page->recorded = 3;
	cr_assert(eq(int, event_page_wait(event, 3), -EOWNERDEAD));
	cr_assert(eq(int, event_page_query(event, 3), -EOWNERDEAD));
	/* And a genuine but newer record in the same slot. */
	page->slots[2].claim = (uint64_t)(2 + EVENT_PAGE_SLOTS) << 32 | ours;
	cr_assert(eq(int, event_page_query(event, 2), -EAGAIN));
	cr_assert(eq(int, event_page_query(event, 2 + EVENT_PAGE_SLOTS), -EOWNERDEAD));
	reach(event, 2);
	cr_assert(zero(int, event_page_wait(event, 2)));
	event_page_unref(event);
}

/* Otherwise a stream could be made to wait for a later task. */
Test(event_page, numbers_that_are_set_back)
{
	int fd = make_good_page();
	struct shared_event *event = open_page(fd);
	struct event_page *page = map_page(fd);
	struct event_record again;

	reach(event, record(event));
	page->recorded = 2;
	cr_assert(eq(u64, event_page_last(event), 2));
	page->recorded = 1;
	cr_assert(eq(int, event_page_record(event, &again), -EIO));
	page->recorded = 2;
	cr_assert(eq(u64, record(event), 3));
	event_page_unref(event);
}

/* ---- descriptors ---------------------------------------------------------------------
 */

/* The same number refers to different files in this thread and in the first one. */
static void *open_apart(void *data)
{
	struct shared_event *event;
	int *fd = data, page;

	if (unshare(CLONE_FILES) < 0)
		return (void *)"unshare";
	page = make_good_page();
	if (dup2(page, *fd) < 0 || event_page_open(*fd, &event) < 0)
		return (void *)"open";
	if (event_page_record(event, &records[0]) < 0)
		return (void *)"record";
	return map_page(page)->recorded == 1 ? NULL : (void *)"another page";
}

Test(event_page, a_thread_with_descriptors_of_its_own)
{
	int fd = make_good_page();
	pthread_t thread;
	void *wrong;

	pthread_create(&thread, NULL, open_apart, &fd);
	pthread_join(thread, &wrong);
	cr_assert(zero(ptr, wrong));
	cr_assert(zero(u64, map_page(fd)->recorded));
}
