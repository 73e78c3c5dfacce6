/* SPDX-License-Identifier: MIT */
/* test-events.c - the events of a context */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "context.h"
#include "events.h"
#include "faults.h"
#include "soft-fixture.h"

TestSuite(events, .init = soft_init, .fini = soft_finish);

static void post(uint64_t value)
{
	const struct accel_event event = {
		.sequence = 999,
		.type = ACCEL_EVENT_COMPLETED,
		.flags = ACCEL_EVENT_LOST,
		.value = value,
	};

	accel_events_post(&soft_context->events, &event);
}

static size_t take(struct accel_event *events, size_t n)
{
	return accel_events_read(soft_context, events, n);
}

Test(events, none_to_begin_with)
{
	struct accel_event event;

	cr_assert(not(accel_events_pending(soft_context)));
	cr_assert(zero(sz, take(&event, 1)));
	cr_assert(zero(uint, owner_notified));
}

Test(events, in_order_with_sequence_and_time)
{
	struct accel_event events[4];

	for (uint64_t i = 0; i < 3; i++)
		post(10 + i);
	cr_assert(accel_events_pending(soft_context));
	cr_assert(zero(sz, take(events, 0)));
	cr_assert(eq(sz, take(events, 2), 2));
	cr_assert(eq(sz, take(events + 2, 2), 1));
	for (uint64_t i = 0; i < 3; i++) {
		cr_assert(eq(u64, events[i].sequence, i));
		cr_assert(eq(u64, events[i].value, 10 + i));
		cr_assert(zero(u32, events[i].flags));
		cr_assert(gt(u64, events[i].time_ns, i ? events[i - 1].time_ns - 1 : 0));
	}
	cr_assert(not(accel_events_pending(soft_context)));
}

Test(events, notifies_with_each)
{
	post(1);
	cr_assert(eq(uint, owner_notified, 1));
	post(2);
	cr_assert(eq(uint, owner_notified, 2));
}

/* The oldest are dropped; the next event read carries the flag, once. */
Test(events, slow_reader_loses_the_oldest)
{
	enum { MORE = 10 };
	static struct accel_event events[ACCEL_EVENTS_MAX + 1];

	for (uint64_t i = 0; i < ACCEL_EVENTS_MAX; i++)
		post(i);
	cr_assert(eq(sz, take(events, 1), 1));
	cr_assert(zero(u32, events[0].flags), "lost flag before any loss");
	for (uint64_t i = 0; i < MORE + 1; i++)
		post(ACCEL_EVENTS_MAX + i);
	cr_assert(eq(sz, take(events, ACCEL_EVENTS_MAX + 1), ACCEL_EVENTS_MAX));
	cr_assert(eq(u32, events[0].flags, ACCEL_EVENT_LOST));
	for (uint64_t i = 0; i < ACCEL_EVENTS_MAX; i++) {
		cr_assert(eq(u64, events[i].sequence, i + 1 + MORE));
		cr_assert(eq(u64, events[i].value, events[i].sequence));
		if (i)
			cr_assert(zero(u32, events[i].flags));
	}
	post(0);
	cr_assert(eq(sz, take(events, 1), 1));
	cr_assert(zero(u32, events[0].flags));
}

/* An event for which no memory was available counts as lost. */
Test(events, no_memory)
{
	struct accel_event event;

	faults_arm(1);
	post(1);
	cr_assert(ne(ptr, (void *)faults_disarm(), NULL));
	cr_assert(not(accel_events_pending(soft_context)));
	cr_assert(eq(uint, owner_notified, 1));
	post(2);
	cr_assert(eq(sz, take(&event, 1), 1));
	cr_assert(eq(u64, event.sequence, 1));
	cr_assert(eq(u32, event.flags, ACCEL_EVENT_LOST));
}

/* Also while the dead context is still referenced: no callback after destruction. */
Test(events, muted_with_the_end_of_the_context)
{
	struct accel_context *context = accel_context_ref(soft_context);
	const struct accel_event event = {.type = ACCEL_EVENT_FAULT};

	accel_context_destroy(soft_context);
	soft_context = NULL;
	accel_events_post(&context->events, &event);
	cr_assert(zero(uint, owner_notified));
	accel_context_unref(context);
}

Test(events, completion_that_was_asked_for)
{
	const struct accel_command nop = {.op = ACCEL_OP_NOP};
	const struct accel_command told = {
		.op = ACCEL_OP_NOP,
		.flags = ACCEL_COMMAND_NOTIFY,
	};
	uint32_t queue = soft_queue(soft_context, 0, 0);
	struct accel_event event;

	cr_assert(zero(i64, soft_submit(soft_context, queue, &nop)));
	cr_assert(eq(i64, soft_submit(soft_context, queue, &told), 1));
	cr_assert(soft_next_event(soft_context, &event));
	cr_assert(eq(u32, event.type, ACCEL_EVENT_COMPLETED));
	cr_assert(eq(u32, event.object, queue));
	cr_assert(eq(u64, event.value, 1));
	cr_assert(eq(u64, soft_queue_info(soft_context, queue).completed, 2));
	cr_assert(not(accel_events_pending(soft_context)));
}

/* A context receives only its own events. */
Test(events, strangers_hear_nothing)
{
	struct accel_context *stranger = soft_open(soft_device);

	post(1);
	cr_assert(not(accel_events_pending(stranger)));
	accel_context_destroy(stranger);
}
