/* SPDX-License-Identifier: MIT */
/* test-event-page-tampering.c - pages of events that another process writes as it likes
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <clock.h>

#include "event-page-fixture.h"

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
	int fd = page_make_good();
	struct shared_event *event = page_open(fd);
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
	int fd = page_make_good();
	struct shared_event *event = page_open(fd);
	struct event_page *page = map_page(fd);
	struct event_record beyond;

	page->recorded = UINT64_MAX - 1;
	cr_assert(eq(u64, page_record(event), UINT64_MAX));
	cr_assert(eq(int, event_page_query(event, UINT64_MAX), -EAGAIN));
	cr_assert(eq(int, event_page_record(event, &beyond), -EIO));
	event_page_unref(event);
}

/* The count of waiters is wrong, so no wake-up is sent; the next slice notices. */
Test(event_page, nobody_is_woken)
{
	int fd = page_make_good(), told;
	pid_t pid = page_start_recorder(fd, false, &told), dummy;
	struct shared_event *event = page_open(fd);
	struct event_page *page = map_page(fd);
	double begun = soft_now_s();

	cr_assert(eq(sz, (size_t)read(told, &dummy, sizeof(dummy)), sizeof(dummy)));
	if (fork() == 0) {
		(void)poll(NULL, 0, 50);
		__atomic_store_n(&page->slots[1].reached, 1, __ATOMIC_SEQ_CST);
		_exit(0);
	}
	cr_assert(zero(int, event_page_wait(event, 1)));
	cr_assert(lt(dbl, soft_now_s() - begun, 20));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	event_page_unref(event);
}

/*
 * The recorder of an older record of the slot has exited; the new record is unaffected.
 */
Test(event_page, a_slot_with_a_past)
{
	int fd = page_make_good(), told;
	pid_t pid = page_start_recorder(fd, false, &told), dummy;
	struct shared_event *event = page_open(fd);

	cr_assert(eq(sz, (size_t)read(told, &dummy, sizeof(dummy)), sizeof(dummy)));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < EVENT_PAGE_SLOTS; i++)
		(void)page_record(event);
	cr_assert(eq(int, event_page_query(event, EVENT_PAGE_SLOTS + 1), -EAGAIN));
	page_reach(event, EVENT_PAGE_SLOTS + 1);
	cr_assert(zero(int, event_page_wait(event, EVENT_PAGE_SLOTS + 1)));
	event_page_unref(event);
}

/* A recorder exited between its two steps: the next one completes the second. */
Test(event_page, half_a_record)
{
	int fd = page_make_good();
	struct shared_event *event = page_open(fd);
	struct event_page *page = map_page(fd);

	page->slots[1].claim = UINT64_C(1) << 32 | 77;
	cr_assert(eq(u64, page_record(event), 2));
	cr_assert(eq(int, event_page_wait(event, 1), -EOWNERDEAD));
	cr_assert(eq(int, event_page_query(event, 2), -EAGAIN));
	event_page_unref(event);
}

/* ---- a slot that is shared, and a claim that is forged ----------------------------- */

/* Marks the record as reached, as another process would. */
static void reach_there(struct event_page *page, uint64_t number)
{
	__atomic_store_n(&page->slots[number % EVENT_PAGE_SLOTS].reached, number,
			 __ATOMIC_SEQ_CST);
}

/* A process tracks each of its own records, whatever is recorded later. */
Test(event_page, more_outstanding_than_slots)
{
	int fd = page_make_good();
	struct shared_event *event = page_open(fd);
	struct event_page *page = map_page(fd);

	for (int i = 0; i < 3 * EVENT_PAGE_SLOTS; i++)
		(void)page_record(event);
	page_reach(event, EVENT_PAGE_SLOTS + 1);
	event_page_fail(event, page_record_of(EVENT_PAGE_SLOTS + 2));
	reach_there(page, 2 * EVENT_PAGE_SLOTS + 3);
	for (uint64_t n = 1; n <= 3; n++)
		cr_assert(eq(int, event_page_query(event, n), -EAGAIN));
	page_reach(event, 1);
	page_reach(event, 2);
	event_page_fail(event, page_record_of(3));
	cr_assert(zero(int, event_page_wait(event, 1)));
	cr_assert(zero(int, event_page_wait(event, EVENT_PAGE_SLOTS + 1)));
	cr_assert(eq(int, event_page_wait(event, EVENT_PAGE_SLOTS + 2), -EOWNERDEAD));
	cr_assert(eq(int, event_page_wait(event, 3), -EOWNERDEAD));
	event_page_unref(event);
}

/* For other processes, only the newest record of a slot is known. */
Test(event_page, older_ones_of_others)
{
	int fd = page_make_good(), told;
	pid_t pid = page_start_recorder(fd, false, &told), dummy;
	struct shared_event *event = page_open(fd);

	cr_assert(eq(sz, (size_t)read(told, &dummy, sizeof(dummy)), sizeof(dummy)));
	for (int i = 0; i < EVENT_PAGE_SLOTS; i++)
		(void)page_record(event);
	cr_assert(eq(int, event_page_query(event, 1), -EAGAIN));
	page_reach(event, EVENT_PAGE_SLOTS + 1);
	cr_assert(zero(int, event_page_wait(event, 1)));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	event_page_unref(event);
}

/* The claim names this process, which never made such a record. */
Test(event_page, a_forged_claim_in_our_name)
{
	int fd = page_make_good();
	struct shared_event *event = page_open(fd);
	struct event_page *page = map_page(fd);
	uint64_t ours;

	page_reach(event, page_record(event));
	(void)page_record(event);
	ours = (uint32_t)page->slots[1].claim;
	page->slots[3].claim = UINT64_C(3) << 32 | ours;
	page->recorded = 3;
	cr_assert(eq(int, event_page_wait(event, 3), -EOWNERDEAD));
	cr_assert(eq(int, event_page_query(event, 3), -EOWNERDEAD));
	/* And a genuine but newer record in the same slot. */
	page->slots[2].claim = (uint64_t)(2 + EVENT_PAGE_SLOTS) << 32 | ours;
	cr_assert(eq(int, event_page_query(event, 2), -EAGAIN));
	cr_assert(eq(int, event_page_query(event, 2 + EVENT_PAGE_SLOTS), -EOWNERDEAD));
	page_reach(event, 2);
	cr_assert(zero(int, event_page_wait(event, 2)));
	event_page_unref(event);
}

/* Otherwise a stream could be made to wait for a later task. */
Test(event_page, numbers_that_are_set_back)
{
	int fd = page_make_good();
	struct shared_event *event = page_open(fd);
	struct event_page *page = map_page(fd);
	struct event_record again;

	page_reach(event, page_record(event));
	page->recorded = 2;
	cr_assert(eq(u64, event_page_last(event), 2));
	page->recorded = 1;
	cr_assert(eq(int, event_page_record(event, &again), -EIO));
	page->recorded = 2;
	cr_assert(eq(u64, page_record(event), 3));
	event_page_unref(event);
}

/* ---- descriptors ------------------------------------------------------------------- */

/* The same number refers to different files in this thread and in the first one. */
static void *open_apart(void *data)
{
	struct shared_event *event;
	int *fd = data, page;

	if (unshare(CLONE_FILES) < 0)
		return (void *)"unshare";
	page = page_make_good();
	if (dup2(page, *fd) < 0 || event_page_open(*fd, &event) < 0)
		return (void *)"open";
	if (event_page_record(event, &page_records[0]) < 0)
		return (void *)"record";
	return map_page(page)->recorded == 1 ? NULL : (void *)"another page";
}

Test(event_page, a_thread_with_descriptors_of_its_own)
{
	int fd = page_make_good();
	pthread_t thread;
	void *wrong;

	pthread_create(&thread, NULL, open_apart, &fd);
	pthread_join(thread, &wrong);
	cr_assert(zero(ptr, wrong));
	cr_assert(zero(u64, map_page(fd)->recorded));
}
