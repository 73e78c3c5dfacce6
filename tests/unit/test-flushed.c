/* SPDX-License-Identifier: MIT */
/* test-flushed.c - contexts that may have been closed, and calls that wait for them */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../support/wait.h"
#include "clock.h"
#include "devices/flushed.h"
#include "util.h"

#define PERSON 1000
#define OTHER  1001

static struct flushed flushed;
static struct flush_note notes[] = {
	{.person = PERSON}, {.person = PERSON}, {.person = OTHER}};

static struct flush_wait call;

static void start(void)
{
	flushed_init(&flushed);
}

static void begin(unsigned ms)
{
	flushed_begin_wait(&flushed, PERSON, ms, &call);
}

static void end(void)
{
	flushed_end_wait(&flushed, &call);
}

static void finish(void)
{
	if (list_is_linked(&call.item))
		end();
	for (size_t i = 0; i < ARRAY_SIZE(notes); i++)
		flushed_remove(&flushed, &notes[i]);
	cr_expect(not(flushed_any(&flushed)));
	flushed_finish(&flushed);
}

TestSuite(flushed, .init = start, .fini = finish, .timeout = 60);

Test(flushed, nothing_to_wait_for)
{
	begin(WAIT_MS);
	cr_assert(not(flushed_any(&flushed)));
	cr_assert(not(flushed_wait(&flushed, &call)));
	flushed_remove(&flushed, &notes[0]);
}

Test(flushed, a_note_is_one_however_often)
{
	flushed_add(&flushed, &notes[0]);
	flushed_add(&flushed, &notes[0]);
	cr_assert(flushed_any(&flushed));
	flushed_remove(&flushed, &notes[0]);
	flushed_remove(&flushed, &notes[0]);
	cr_assert(not(flushed_any(&flushed)));
}

Test(flushed, others_are_not_waited_for)
{
	flushed_add(&flushed, &notes[2]);
	begin(WAIT_MS);
	cr_assert(not(flushed_wait(&flushed, &call)));
	cr_assert(flushed_any(&flushed));
}

/* What is noted later cannot be what the call found in its way. */
Test(flushed, later_notes_are_not_waited_for)
{
	begin(WAIT_MS);
	flushed_add(&flushed, &notes[0]);
	cr_assert(not(flushed_wait(&flushed, &call)));
}

static void *remove_first(void *data)
{
	flushed_remove(&flushed, &notes[0]);
	return NULL;
}

static void *add_first(void *data)
{
	flushed_add(&flushed, &notes[0]);
	return NULL;
}

static void *end_waits(void *data)
{
	flushed_end(&flushed);
	return NULL;
}

static void note_both(void)
{
	flushed_add(&flushed, &notes[0]);
	flushed_add(&flushed, &notes[1]);
}

/* Runs @act in a thread beside the wait. */
static bool wait_beside(void *(*act)(void *data))
{
	pthread_t thread;
	bool more;

	cr_assert(zero(int, pthread_create(&thread, NULL, act, NULL)));
	more = flushed_wait(&flushed, &call);
	pthread_join(thread, NULL);
	return more;
}

Test(flushed, wait_for_each_of_two)
{
	note_both();
	begin(WAIT_MS);
	cr_assert(wait_beside(remove_first));
	/* Also one that goes before the wait begins. */
	flushed_remove(&flushed, &notes[1]);
	cr_assert(flushed_wait(&flushed, &call));
	cr_assert(not(flushed_wait(&flushed, &call)));
}

/* Many times, as the wait may begin after that. */
Test(flushed, one_that_is_noted_again_was_open)
{
	flushed_add(&flushed, &notes[0]);
	for (int i = 0; i < 100; i++) {
		begin(WAIT_MS);
		cr_assert(wait_beside(add_first));
		cr_assert(not(flushed_wait(&flushed, &call)));
		end();
	}
	cr_assert(flushed_any(&flushed));
}

/* A change wakes those alone that wait for it, and none that has ended its wait. */
Test(flushed, waits_of_two)
{
	struct flush_wait other;

	flushed_begin_wait(&flushed, OTHER, WAIT_MS, &other);
	flushed_add(&flushed, &notes[2]);
	note_both();
	begin(WAIT_MS);
	flushed_end_wait(&flushed, &other);
	flushed_begin_wait(&flushed, OTHER, WAIT_MS, &other);
	flushed_remove(&flushed, &notes[2]);
	cr_assert(eq(sz, call.n_left, 2));
	cr_assert(eq(sz, other.n_left, 0));
	flushed_end_wait(&flushed, &other);
	flushed_remove(&flushed, &notes[0]);
	cr_assert(eq(sz, call.n_left, 1));
	cr_assert(eq(sz, other.n_left, 0));
}

Test(flushed, the_end_wakes)
{
	note_both();
	begin(WAIT_MS);
	cr_assert(not(wait_beside(end_waits)));
	/* And from then on no call waits. */
	cr_assert(not(flushed_wait(&flushed, &call)));
}

/* A context that does not go is open by another descriptor: only one call waits for it.
 */
Test(flushed, deadline)
{
	uint64_t before;

	flushed_add(&flushed, &notes[0]);
	flushed_add(&flushed, &notes[2]);
	before = now_ms();
	begin(20);
	cr_assert(not(flushed_wait(&flushed, &call)));
	cr_assert(ge(u64, now_ms() - before, 20));
	cr_assert(eq(sz, flushed.n_notes, 1), "of the other one");
	end();
	begin(WAIT_MS);
	cr_assert(not(flushed_wait(&flushed, &call)));
}
