/* SPDX-License-Identifier: MIT */
/* test-asid.c - creating, destroying and sharing address spaces */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "asid-fixture.h"
#include "asid.h"
#include "context.h"
#include "faults.h"

static struct accel_context *other;

static void init(void)
{
	device_params.asid_bits = 3;
	asid_fixture_init();
	other = new_context();
}

static void finish(void)
{
	accel_context_destroy(other);
	asid_fixture_finish();
}

TestSuite(asid, .init = init, .fini = finish);

static int create(uint32_t flags, uint32_t set)
{
	struct accel_asid_create arg = {.size = sizeof(arg), .flags = flags, .set = set};
	int r = accel_asid_create(context, &arg);

	return r < 0 ? r : (int)arg.id;
}

static uint32_t asids_in_use(void)
{
	struct accel_device_info info = {.size = sizeof(info)};

	accel_device_query(device, &info);
	return info.asids;
}

static uint32_t import(struct accel_context *in, struct accel_asid *asid)
{
	uint32_t id;

	cr_assert(zero(int, accel_asid_import(in, asid, &id)));
	return id;
}

static struct accel_asid *share(uint32_t id)
{
	struct accel_asid *asid;

	cr_assert(zero(int, accel_asid_share(context, id, &asid)));
	return asid;
}

/* ---- creation and destruction ------------------------------------------------------ */

Test(asid, is_empty_at_first)
{
	uint32_t id = new_asid(context, 0);
	struct accel_asid_info info = info_of(context, id);

	cr_expect(eq(u32, info.id, id));
	cr_expect(zero(u32, info.flags));
	cr_expect(zero(u32, info.number));
	cr_expect(zero(u32, info.set));
	cr_expect(zero(u32, info.attached));
	cr_expect(zero(u64, info.mappings));
	cr_expect(zero(u64, info.mapped));
	cr_expect(eq(u64, owner_charged[ACCEL_RES_ASIDS], 1));
}

Test(asid, number_is_told_to_who_asks_at_creation)
{
	uint32_t id = new_asid(context, ACCEL_ASID_VISIBLE);
	struct accel_asid_info info = info_of(context, id);

	cr_expect(eq(u32, info.flags, ACCEL_ASID_VISIBLE));
	cr_expect(not(zero(u32, info.number)));
	cr_expect(lt(u32, info.number, 1U << 3));
	id = new_asid(context, ACCEL_ASID_VISIBLE);
	cr_expect(ne(u32, info_of(context, id).number, info.number));
}

Test(asid, unknown_flags)
{
	cr_expect(eq(int, create(ACCEL_ASID_SVA, 0), -EOPNOTSUPP));
	cr_expect(eq(int, create(ACCEL_ASID_IMPORTED, 0), -EOPNOTSUPP));
	cr_expect(eq(int, create(1U << 31, 12345), -EOPNOTSUPP));
	cr_expect(zero(u32, asids_in_use()));
}

Test(asid, unknown_id)
{
	struct accel_asid_info info = {.size = sizeof(info), .id = 5};
	uint32_t id = new_asid(context, 0);
	struct accel_asid *asid = NULL;

	cr_expect(eq(int, destroy_asid(context, 0), -ENOENT));
	cr_expect(eq(int, destroy_asid(context, id + 1), -ENOENT));
	cr_expect(eq(int, destroy_asid(other, id), -ENOENT));
	cr_expect(eq(int, accel_asid_get_info(context, &info), -ENOENT));
	cr_expect(eq(int, accel_asid_share(context, id + 1, &asid), -ENOENT));
	cr_expect(eq(ptr, asid, NULL));
	cr_expect(zero(int, destroy_asid(context, id)));
	cr_expect(eq(int, destroy_asid(context, id), -ENOENT));
	cr_expect(ne(u32, new_asid(context, 0), id));
}

Test(asid, wrong_arguments)
{
	uint32_t id = new_asid(context, 0);
	struct accel_object object = {.size = sizeof(object), .id = id, .flags = 1};
	struct accel_asid_info info = {.size = sizeof(info), .id = id, .flags = 1};

	cr_expect(eq(int, accel_asid_get_info(context, &info), -EOPNOTSUPP));
	cr_expect(eq(int, accel_asid_destroy(context, &object), -EOPNOTSUPP));
	object.flags = 0;
	object.reserved = 1;
	cr_expect(eq(int, accel_asid_destroy(context, &object), -EINVAL));
	cr_expect(zero(int, destroy_asid(context, id)));
}

Test(asid, all_numbers_are_in_use)
{
	uint32_t last = 0;

	for (int i = 0; i < 7; i++)
		last = new_asid(context, 0);
	cr_expect(eq(int, create(0, 0), -ENOSPC));
	cr_expect(eq(u64, owner_charged[ACCEL_RES_ASIDS], 7));
	cr_expect(eq(u32, asids_in_use(), 7));
	cr_expect(zero(int, destroy_asid(context, last)));
	cr_expect(gt(int, create(0, 0), 0));
}

Test(asid, limit_of_the_owner)
{
	owner_limits[ACCEL_RES_ASIDS] = 2;
	new_asid(context, 0);
	new_asid(context, 0);
	cr_expect(eq(int, create(0, 0), -EDQUOT));
	cr_expect(eq(u32, asids_in_use(), 2));
}

Test(asid, end_takes_the_mappings_along)
{
	uint32_t id = new_asid(context, 0), buffer = new_buffer(context, PAGE, 0);

	for (int i = 0; i < 10; i++)
		map_any(id, buffer, PAGE, RW);
	cr_expect(zero(int, destroy_asid(context, id)));
	cr_expect(zero(u32, asids_in_use()));
	cr_expect(zero(u64, owner_charged[ACCEL_RES_ASIDS]));
}

Test(asid, no_memory)
{
	unsigned failures = 0;
	struct accel_set_create set = {.size = sizeof(set), .quota = 5};

	cr_assert(zero(int, accel_set_create(context, &set)));
	for (;; failures++) {
		struct accel_set_info info = {.size = sizeof(info), .id = set.id};
		int r;

		faults_arm(failures + 1);
		r = create(0, set.id);
		if (!faults_disarm()) {
			cr_assert(gt(int, r, 0));
			break;
		}
		cr_assert(eq(int, r, -ENOMEM));
		cr_assert(zero(u32, asids_in_use()));
		cr_assert(zero(u64, owner_charged[ACCEL_RES_ASIDS]));
		cr_assert(zero(int, accel_set_get_info(context, &info)));
		cr_assert(zero(u32, info.asids));
	}
	cr_assert(ge(uint, failures, 3));
}

/* ---- queues and sets --------------------------------------------------------------- */

static void attach(uint32_t queue, uint32_t id, bool detach)
{
	struct accel_queue_attach arg = {.size = sizeof(arg), .queue = queue, .asid = id};

	cr_assert(zero(int, detach ? accel_queue_detach(context, &arg)
				   : accel_queue_attach(context, &arg)));
}

Test(asid, attached_to_a_queue)
{
	struct accel_queue_create queue = {.size = sizeof(queue), .entries = 16};
	uint32_t id = new_asid(context, 0);

	cr_assert(zero(int, accel_queue_create(context, &queue)));
	attach(queue.id, id, false);
	cr_expect(eq(u32, info_of(context, id).attached, 1));
	cr_expect(eq(int, destroy_asid(context, id), -EBUSY));
	attach(queue.id, id, true);
	cr_expect(zero(u32, info_of(context, id).attached));
	cr_expect(zero(int, destroy_asid(context, id)));
}

static uint32_t new_set(struct accel_context *in, uint32_t quota)
{
	struct accel_set_create arg = {.size = sizeof(arg), .quota = quota};

	cr_assert(zero(int, accel_set_create(in, &arg)));
	return arg.id;
}

static uint32_t asids_of(uint32_t set)
{
	struct accel_set_info arg = {.size = sizeof(arg), .id = set};

	cr_assert(zero(int, accel_set_get_info(context, &arg)));
	return arg.asids;
}

Test(asid, of_a_set)
{
	uint32_t set = new_set(context, 2);
	int id = create(0, set);

	cr_assert(gt(int, id, 0));
	cr_expect(eq(u32, info_of(context, (uint32_t)id).set, set));
	cr_expect(gt(int, create(0, set), 0));
	cr_expect(eq(int, create(0, set), -EDQUOT));
	cr_expect(eq(u32, asids_of(set), 2));
	cr_expect(eq(u64, owner_charged[ACCEL_RES_ASIDS], 2));
	cr_expect(zero(int, destroy_asid(context, (uint32_t)id)));
	cr_expect(eq(u32, asids_of(set), 1));
	cr_expect(gt(int, create(0, set), 0));
}

Test(asid, of_a_set_that_is_not_ones_own)
{
	cr_expect(eq(int, create(0, new_set(other, 1)), -EPERM));
	cr_expect(eq(int, create(0, 12345), -ENOENT));
	cr_expect(eq(int, create(0, new_asid(context, 0)), -ENOENT));
	cr_expect(eq(u32, asids_in_use(), 1));
}

/* A shared ASID stays charged to its set. */
Test(asid, of_a_set_and_shared)
{
	uint32_t set = new_set(context, 1);
	struct accel_set_entry next = {.size = sizeof(next), .set = set};
	struct accel_asid *asid;
	uint32_t id = (uint32_t)create(0, set);

	asid = share(id);
	cr_expect(zero(u32, info_of(other, import(other, asid)).set));
	cr_expect(zero(int, destroy_asid(context, id)));
	cr_expect(eq(int, accel_set_next(context, &next), -ENOENT));
	cr_expect(eq(u32, asids_of(set), 1));
	cr_expect(eq(int, create(0, set), -EDQUOT));
	accel_asid_unref(asid);
	accel_context_destroy(other);
	other = NULL;
	cr_expect(zero(u32, asids_of(set)));
	cr_expect(gt(int, create(0, set), 0));
}

/* ---- sharing ----------------------------------------------------------------------- */

Test(asid, imported)
{
	uint32_t id = new_asid(context, ACCEL_ASID_VISIBLE), there;
	uint32_t buffer = new_buffer(context, PAGE, 0);
	struct accel_asid *asid = share(id);
	struct accel_asid_info info;

	there = import(other, asid);
	accel_asid_unref(asid);
	cr_expect(zero(int, map(id, buffer, 0, PAGE, RW | AT, PAGE)));
	info = info_of(other, there);
	cr_expect(eq(u32, info.flags, ACCEL_ASID_VISIBLE | ACCEL_ASID_IMPORTED));
	cr_expect(eq(u32, info.number, info_of(context, id).number));
	cr_expect(eq(u64, info.mappings, 1));
	cr_expect(eq(u32, asids_in_use(), 1));
	/* The ASID is charged to its creator, the id to the importer. */
	cr_expect(eq(u64, owner_charged[ACCEL_RES_ASIDS], 2));
}

Test(asid, imported_twice)
{
	uint32_t id = new_asid(context, 0), again = 77;
	struct accel_asid *asid = share(id);

	cr_expect(eq(int, accel_asid_import(context, asid, &again), -EEXIST));
	import(other, asid);
	cr_expect(eq(int, accel_asid_import(other, asid, &again), -EEXIST));
	cr_expect(eq(u32, again, 77));
	accel_asid_unref(asid);
}

Test(asid, imported_by_another_device)
{
	const struct accel_device_params params = {.size = sizeof(params),
						   .name = "second"};
	struct accel_asid *asid = share(new_asid(context, 0));
	struct accel_context *stranger;
	struct accel_device *second;
	uint32_t id = 77;

	cr_assert(zero(int,
		       accel_device_create(registry, &fake_backend, &params, &second)));
	cr_assert(zero(int, accel_context_create(second, NULL, &stranger)));
	cr_expect(eq(int, accel_asid_import(stranger, asid, &id), -EXDEV));
	cr_expect(eq(u32, id, 77));
	accel_asid_unref(asid);
	accel_context_destroy(stranger);
}

/* The number is not reused while a reference to the ASID exists. */
Test(asid, outlives_its_id)
{
	uint32_t id = new_asid(context, ACCEL_ASID_VISIBLE), there;
	uint32_t number = info_of(context, id).number;
	struct accel_asid *asid = share(id);

	there = import(other, asid);
	cr_expect(zero(int, destroy_asid(context, id)));
	for (int i = 0; i < 6; i++)
		cr_expect(
			ne(u32,
			   info_of(context, new_asid(context, ACCEL_ASID_VISIBLE)).number,
			   number));
	cr_expect(eq(int, create(0, 0), -ENOSPC));
	accel_asid_unref(asid);
	cr_expect(eq(int, create(0, 0), -ENOSPC));
	cr_expect(zero(int, destroy_asid(other, there)));
	id = new_asid(context, ACCEL_ASID_VISIBLE);
	cr_expect(eq(u32, info_of(context, id).number, number));
}

Test(asid, outlives_its_context)
{
	uint32_t buffer = new_buffer(context, PAGE, 0), id = new_asid(context, 0), there;
	struct accel_asid *asid = share(id);

	map_any(id, buffer, PAGE, RW);
	accel_context_destroy(context);
	cr_expect(eq(u64, owner_charged[ACCEL_RES_ASIDS], 1));
	there = import(other, asid);
	accel_asid_unref(asid);
	cr_expect(eq(u64, info_of(other, there).mappings, 1));
	context = other;
	other = NULL;
	cr_expect(eq(i64, unmap(there, 0, UINT64_MAX), PAGE));
	cr_expect(zero(int, destroy_asid(context, there)));
	cr_expect(zero(u64, owner_charged[ACCEL_RES_ASIDS]));
}

/* After destruction of its id, an import gives the creator a guest id outside the set. */
Test(asid, imported_by_its_maker)
{
	uint32_t set = new_set(context, 2), id = (uint32_t)create(0, set), back;
	struct accel_asid *asid = share(id);

	cr_expect(zero(int, destroy_asid(context, id)));
	back = import(context, asid);
	cr_expect(ne(u32, back, id));
	cr_expect(eq(u32, info_of(context, back).flags, ACCEL_ASID_IMPORTED));
	cr_expect(zero(u32, info_of(context, back).set));
	cr_expect(zero(int, destroy_asid(context, back)));
	accel_asid_unref(asid);
	cr_expect(zero(u32, asids_of(set)));
}

Test(asid, unref_of_nothing)
{
	accel_asid_unref(NULL);
}

static _Atomic unsigned imports, refusals;

static void *import_some(void *asid)
{
	for (int i = 0; i < 2000; i++) {
		uint32_t id;
		int r = accel_asid_import(other, asid, &id);

		if (r < 0) {
			refusals += r == -EEXIST;
			continue;
		}
		imports++;
		cr_assert(zero(int, destroy_asid(other, id)));
	}
	return NULL;
}

static unsigned handles_of(struct accel_context *in)
{
	unsigned n;

	pthread_mutex_lock(&in->lock);
	n = (unsigned)in->handles.n_nodes;
	pthread_mutex_unlock(&in->lock);
	return n;
}

/* Only one import succeeds; each failure has the documented error. */
Test(asid, imported_by_two_threads)
{
	struct accel_asid *asid = share(new_asid(context, 0));
	pthread_t thread;

	cr_assert(zero(int, pthread_create(&thread, NULL, import_some, asid)));
	for (int i = 0; i < 2000; i++)
		cr_assert(le(uint, handles_of(other), 1));
	import_some(asid);
	pthread_join(thread, NULL);
	cr_assert(eq(uint, imports + refusals, 4000));
	cr_assert(zero(uint, handles_of(other)));
	accel_asid_unref(asid);
}
