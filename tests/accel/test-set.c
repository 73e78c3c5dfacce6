/* SPDX-License-Identifier: MIT */
/* test-set.c - sets of ASIDs: quota, owner, guest ids */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>

#include "context.h"
#include "soft-fixture.h"

TestSuite(set, .init = soft_init, .fini = soft_finish);

static int create_asid(struct accel_context *context, uint32_t set)
{
	struct accel_asid_create arg = {.size = sizeof(arg), .set = set};

	return accel_asid_create(context, &arg);
}

static struct accel_set_info info_of(uint32_t set)
{
	struct accel_set_info arg = {.size = sizeof(arg), .id = set};

	cr_assert(zero(int, accel_set_get_info(soft_context, &arg)));
	return arg;
}

static void expect_info(uint32_t set, uint32_t quota, uint32_t asids, uint32_t bound)
{
	struct accel_set_info info = info_of(set);

	cr_expect(eq(u32, info.quota, quota));
	cr_expect(eq(u32, info.asids, asids));
	cr_expect(eq(u32, info.bound, bound));
}

static int bind_guest(uint32_t set, uint32_t asid, uint64_t guest)
{
	struct accel_set_entry arg = {
		.size = sizeof(arg),
		.set = set,
		.asid = asid,
		.guest = guest,
	};

	return accel_set_bind(soft_context, &arg);
}

static int unbind_guest(uint32_t set, uint64_t guest)
{
	struct accel_set_entry arg = {.size = sizeof(arg), .set = set, .guest = guest};

	return accel_set_unbind(soft_context, &arg);
}

/* Returns 0 if there is none. */
static uint32_t asid_of(uint32_t set, uint64_t guest)
{
	struct accel_set_entry arg = {.size = sizeof(arg), .set = set, .guest = guest};
	int r = accel_set_lookup(soft_context, &arg);

	cr_assert(r == 0 || (r == -ENOENT && arg.asid == 0));
	return arg.asid;
}

/* Returns ACCEL_NO_GUEST if there is none. */
static uint64_t guest_of(uint32_t set, uint32_t asid)
{
	struct accel_set_entry arg = {
		.size = sizeof(arg),
		.flags = ACCEL_SET_BY_ASID,
		.set = set,
		.asid = asid,
		.guest = ACCEL_NO_GUEST,
	};
	int r = accel_set_lookup(soft_context, &arg);

	cr_assert(r == 0 || (r == -ENOENT && arg.guest == ACCEL_NO_GUEST));
	return arg.guest;
}

static int destroy_set(uint32_t set)
{
	return soft_call(soft_context, accel_set_destroy, set);
}

static int destroy_asid(uint32_t asid)
{
	return soft_call(soft_context, accel_asid_destroy, asid);
}

/* ---- quota ------------------------------------------------------------------------- */

Test(set, quota_is_at_least_1)
{
	struct accel_set_create arg = {.size = sizeof(arg)};

	cr_assert(eq(int, accel_set_create(soft_context, &arg), -EINVAL));
	cr_assert(zero(u32, arg.id));
}

Test(set, row_over_quota)
{
	uint32_t set = soft_set(soft_context, 2);
	uint32_t first = soft_asid(soft_context, set);

	soft_asid(soft_context, set);
	cr_assert(eq(int, create_asid(soft_context, set), -EDQUOT));
	expect_info(set, 2, 2, 0);
	cr_assert(eq(u64, owner_charged[ACCEL_RES_ASIDS], 2));
	cr_assert(eq(u32, soft_info(soft_device).asids, 2));
	cr_assert(zero(int, destroy_asid(first)));
	expect_info(set, 2, 1, 0);
	cr_assert(zero(int, create_asid(soft_context, set)));
}

/* A shared ASID counts in the quota, and its number stays in use. */
Test(set, shared_asid_counts_until_its_end)
{
	uint32_t set = soft_set(soft_context, 1), id = soft_asid(soft_context, set);
	struct accel_asid *asid;

	cr_assert(zero(int, accel_asid_share(soft_context, id, &asid)));
	cr_assert(zero(int, destroy_asid(id)));
	cr_assert(eq(int, create_asid(soft_context, set), -EDQUOT));
	cr_assert(eq(int, destroy_set(set), -EBUSY));
	accel_asid_unref(asid);
	cr_assert(zero(int, destroy_set(set)));
}

/* ---- owner ------------------------------------------------------------------------- */

Test(set, row_set_of_another_owner)
{
	uint32_t set = soft_set(soft_context, 1);
	struct accel_context *stranger = soft_open(soft_device);
	struct accel_set_entry entry = {.size = sizeof(entry), .set = set, .asid = 1};
	struct accel_set_info info = {.size = sizeof(info), .id = set};
	struct accel_queue_create queue = {
		.size = sizeof(queue),
		.entries = 16,
		.set = set,
	};

	cr_expect(eq(int, create_asid(stranger, set), -EPERM));
	cr_expect(eq(int, accel_queue_create(stranger, &queue), -EPERM));
	cr_expect(eq(int, soft_call(stranger, accel_set_destroy, set), -EPERM));
	cr_expect(eq(int, accel_set_get_info(stranger, &info), -EPERM));
	cr_expect(eq(int, accel_set_bind(stranger, &entry), -EPERM));
	cr_expect(eq(int, accel_set_lookup(stranger, &entry), -EPERM));
	cr_expect(eq(int, accel_set_next(stranger, &entry), -EPERM));
	entry.asid = 0;
	cr_expect(eq(int, accel_set_unbind(stranger, &entry), -EPERM));
	expect_info(set, 1, 0, 0);
	accel_context_destroy(stranger);
}

Test(set, ids_are_unique_in_the_device)
{
	struct accel_context *other = soft_open(soft_device);

	cr_assert(ne(u32, soft_set(soft_context, 1), soft_set(other, 1)));
	accel_context_destroy(other);
}

Test(set, id_ends_with_its_context)
{
	struct accel_context *other = soft_open(soft_device);
	uint32_t set = soft_set(other, 1);

	cr_assert(eq(int, create_asid(soft_context, set), -EPERM));
	accel_context_destroy(other);
	cr_assert(eq(int, create_asid(soft_context, set), -ENOENT));
}

/* ---- guest ids --------------------------------------------------------------------- */

Test(set, bind_and_look_up)
{
	uint32_t set = soft_set(soft_context, 2);
	uint32_t one = soft_asid(soft_context, set), two = soft_asid(soft_context, set);

	cr_assert(zero(int, bind_guest(set, one, 0)));
	cr_assert(zero(int, bind_guest(set, two, UINT64_MAX - 1)));
	cr_assert(eq(u32, asid_of(set, 0), one));
	cr_assert(eq(u32, asid_of(set, UINT64_MAX - 1), two));
	cr_assert(eq(u64, guest_of(set, one), 0));
	cr_assert(eq(u64, guest_of(set, two), UINT64_MAX - 1));
	expect_info(set, 2, 2, 2);
	cr_assert(zero(int, unbind_guest(set, 0)));
	cr_assert(zero(u32, asid_of(set, 0)));
	cr_assert(eq(u64, guest_of(set, one), ACCEL_NO_GUEST));
	expect_info(set, 2, 2, 1);
}

Test(set, bind_refuses)
{
	uint32_t set = soft_set(soft_context, 2), other = soft_set(soft_context, 1);
	uint32_t one = soft_asid(soft_context, set), two = soft_asid(soft_context, set);
	uint32_t foreign = soft_asid(soft_context, other);
	uint32_t loose = soft_asid(soft_context, 0);

	cr_assert(zero(int, bind_guest(set, one, 5)));
	cr_assert(eq(int, bind_guest(set, one, 6), -EEXIST));
	cr_assert(eq(int, bind_guest(set, two, 5), -EEXIST));
	cr_assert(eq(int, bind_guest(set, foreign, 6), -EPERM));
	cr_assert(eq(int, bind_guest(set, loose, 6), -EPERM));
	cr_assert(eq(int, bind_guest(set, 12345, 6), -ENOENT));
	cr_assert(eq(int, bind_guest(set, two, ACCEL_NO_GUEST), -EINVAL));
	expect_info(set, 2, 2, 1);
	cr_assert(zero(int, bind_guest(other, foreign, 5)), "another set, another guest");
}

Test(set, unbind_refuses)
{
	uint32_t set = soft_set(soft_context, 1), asid = soft_asid(soft_context, set);
	struct accel_set_entry arg = {
		.size = sizeof(arg),
		.set = set,
		.asid = asid,
		.guest = 5,
	};

	cr_assert(eq(int, unbind_guest(set, 5), -ENOENT));
	cr_assert(zero(int, bind_guest(set, asid, 5)));
	cr_assert(eq(int, accel_set_unbind(soft_context, &arg), -EINVAL));
	cr_assert(eq(u32, asid_of(set, 5), asid));
	cr_assert(eq(int, unbind_guest(set, ACCEL_NO_GUEST), -ENOENT));
}

Test(set, destroyed_asid_is_unbound)
{
	uint32_t set = soft_set(soft_context, 1), asid = soft_asid(soft_context, set);

	cr_assert(zero(int, bind_guest(set, asid, 5)));
	cr_assert(zero(int, destroy_asid(asid)));
	cr_assert(zero(u32, asid_of(set, 5)));
	expect_info(set, 1, 0, 0);
	asid = soft_asid(soft_context, set);
	cr_assert(zero(int, bind_guest(set, asid, 5)));
}

/* ---- iteration --------------------------------------------------------------------- */

/* Returns 0 at the end. */
static uint32_t next_of(uint32_t set, uint32_t asid, uint64_t *ret_guest)
{
	struct accel_set_entry arg = {.size = sizeof(arg), .set = set, .asid = asid};
	int r = accel_set_next(soft_context, &arg);

	if (r == -ENOENT)
		return 0;
	cr_assert(zero(int, r));
	*ret_guest = arg.guest;
	return arg.asid;
}

/* More ASIDs than the first allocation holds. */
Test(set, next_goes_through_all)
{
	enum { N = 40 };
	uint32_t set = soft_set(soft_context, N), asids[N], asid = 0;
	uint64_t guest;

	for (uint32_t i = 0; i < N; i++) {
		asids[i] = soft_asid(soft_context, set);
		soft_asid(soft_context, 0);
		if (i % 2)
			cr_assert(zero(int, bind_guest(set, asids[i], 1000 - i)));
	}
	for (uint32_t i = 0; i < N; i++) {
		asid = next_of(set, asid, &guest);
		cr_assert(eq(u32, asid, asids[i]));
		cr_assert(eq(u64, guest, i % 2 ? 1000 - i : ACCEL_NO_GUEST));
	}
	cr_assert(zero(u32, next_of(set, asid, &guest)));
	cr_assert(zero(u32, next_of(set, UINT32_MAX, &guest)));
}

/* ASIDs destroyed meanwhile are skipped. */
Test(set, next_after_one_that_is_gone)
{
	uint32_t set = soft_set(soft_context, 3);
	uint32_t one = soft_asid(soft_context, set), two = soft_asid(soft_context, set);
	uint32_t three = soft_asid(soft_context, set);
	uint64_t guest;

	cr_assert(zero(int, destroy_asid(two)));
	cr_assert(eq(u32, next_of(set, one, &guest), three));
	cr_assert(eq(u32, next_of(set, two, &guest), three));
}

/* ---- queues guarded by a set ------------------------------------------------------- */

Test(set, queue_takes_asids_of_its_set_only)
{
	uint32_t set = soft_set(soft_context, 1), other = soft_set(soft_context, 1);
	uint32_t queue = soft_queue(soft_context, 0, set);
	uint32_t free_for_all = soft_queue(soft_context, 0, 0);
	uint32_t foreign = soft_asid(soft_context, other);
	uint32_t loose = soft_asid(soft_context, 0);

	cr_assert(eq(int, soft_attach(soft_context, queue, foreign), -EPERM));
	cr_assert(eq(int, soft_attach(soft_context, queue, loose), -EPERM));
	cr_assert(zero(u32, soft_queue_info(soft_context, queue).attached));
	cr_assert(zero(int,
		       soft_attach(soft_context, queue, soft_asid(soft_context, set))));
	cr_assert(zero(int, soft_attach(soft_context, free_for_all, foreign)));
}

static bool can_be_destroyed(void *data)
{
	int r = destroy_set(*(uint32_t *)data);

	cr_assert(r == 0 || r == -EBUSY);
	return r == 0;
}

static bool no_set_is_charged(void *data)
{
	return owner_charged[ACCEL_RES_SETS] == 0;
}

Test(set, destroy_while_it_is_used)
{
	uint32_t set = soft_set(soft_context, 1);
	uint32_t asid = soft_asid(soft_context, set);
	uint32_t queue = soft_queue(soft_context, 0, set);

	cr_assert(eq(int, destroy_set(set), -EBUSY));
	cr_assert(zero(int, destroy_asid(asid)));
	cr_assert(eq(int, destroy_set(set), -EBUSY),
		  "destroyed a set that guards a queue");
	cr_assert(zero(int, soft_call(soft_context, accel_queue_destroy, queue)));
	cr_assert(wait_until(can_be_destroyed, &set), "the engine does not stop");
	cr_assert(eq(int, destroy_set(set), -ENOENT));
	/* The engine can hold the last reference for a moment. */
	cr_assert(wait_until(no_set_is_charged, NULL));
}

/* ---- events ------------------------------------------------------------------------ */

static void expect_event(uint32_t type, uint32_t set, uint32_t asid, uint64_t guest)
{
	struct accel_event event;

	cr_assert(eq(sz, accel_events_read(soft_context, &event, 1), 1));
	cr_expect(eq(u32, event.type, type));
	cr_expect(eq(u32, event.set, set));
	cr_expect(eq(u32, event.asid, asid));
	cr_expect(eq(u64, event.value, guest));
}

Test(set, events_of_its_asids)
{
	uint32_t set = soft_set(soft_context, 2);
	uint32_t one = soft_asid(soft_context, set), two = soft_asid(soft_context, set);

	soft_asid(soft_context, 0);
	cr_assert(not(accel_events_pending(soft_context)));
	cr_assert(zero(int, bind_guest(set, one, 5)));
	cr_assert(zero(int, unbind_guest(set, 5)));
	cr_assert(zero(int, destroy_asid(one)));
	cr_assert(zero(int, bind_guest(set, two, 6)));
	cr_assert(zero(int, destroy_asid(two)));
	expect_event(ACCEL_EVENT_BIND, set, one, 5);
	expect_event(ACCEL_EVENT_UNBIND, set, one, 5);
	expect_event(ACCEL_EVENT_FREE, set, one, 0);
	expect_event(ACCEL_EVENT_BIND, set, two, 6);
	expect_event(ACCEL_EVENT_UNBIND, set, two, 6);
	expect_event(ACCEL_EVENT_FREE, set, two, 0);
	cr_assert(not(accel_events_pending(soft_context)));
}

Test(set, fault_names_the_set_that_guards_the_queue)
{
	const struct accel_command bad = {.op = ACCEL_OP_COUNT};
	uint32_t set = soft_set(soft_context, 1);
	uint32_t queue = soft_queue(soft_context, 0, set);
	struct accel_event event;

	cr_assert(zero(i64, soft_submit(soft_context, queue, &bad)));
	cr_assert(soft_next_event(soft_context, &event));
	cr_assert(eq(u32, event.type, ACCEL_EVENT_FAULT));
	cr_assert(eq(u32, event.set, set));
	cr_assert(eq(u32, event.object, queue));
}
