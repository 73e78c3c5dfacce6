/* SPDX-License-Identifier: MIT */
/* test-table-index.c - the index of names for lists */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "names/table_index.h"
#include "fixture.h"

/* holes examined per call, as in table_index.c */
#define LOOK_THROUGH 256
#define MANY         10000

static struct table_index names;
static struct export *exports; /* with ids 10, 20, 30, ... */

static void init(void)
{
	exports = calloc(MANY, sizeof(*exports));
}

static void finish(void)
{
	table_index_finish(&names);
	free(exports);
}

TestSuite(index, .init = init, .fini = finish);

static void append(size_t n)
{
	for (size_t i = names.n + names.n_removed; n--; i++) {
		exports[i].id = (i + 1) * 10;
		cr_assert(zero(int, table_index_insert(&names, &exports[i])));
	}
}

/* Returns the id of the next export, 0 at the end. */
static uint64_t next(uint64_t cursor)
{
	bool more = true;
	struct export *export = table_index_next(&names, &cursor, &more);

	cr_assert(not(more));
	cr_assert(export ? export->id == cursor : true);
	return export ? export->id : 0;
}

Test(index, empty)
{
	cr_assert(zero(u64, next(0)));
	cr_assert(zero(u64, next(UINT64_MAX - 1)));
}

Test(index, goes_on_after_the_cursor)
{
	append(5);
	cr_assert(zero(u64, next(UINT64_MAX)), "behind every end");
	cr_assert(eq(u64, next(0), 10));
	cr_assert(eq(u64, next(9), 10));
	cr_assert(eq(u64, next(10), 20));
	cr_assert(eq(u64, next(11), 20));
	cr_assert(eq(u64, next(49), 50));
	cr_assert(eq(u64, next(50), 0));
	cr_assert(eq(u64, next(1000), 0));
}

/* As chown(2) does for the index of the new owner. */
Test(index, inserts_in_the_middle)
{
	append(5);
	exports[5].id = 25;
	cr_assert(zero(int, table_index_insert(&names, &exports[5])));
	cr_assert(eq(u64, next(20), 25));
	cr_assert(eq(u64, next(25), 30));
}

Test(index, fills_its_own_hole)
{
	append(5);
	table_index_remove(&names, 30);
	cr_assert(zero(int, table_index_insert(&names, &exports[2])));
	cr_assert(eq(sz, names.n, 5));
	cr_assert(zero(sz, names.n_removed));
	cr_assert(eq(u64, next(20), 30));
}

/* A name removed during a listing is not listed, and no name is listed twice. */
Test(index, holes)
{
	append(20);
	for (uint64_t id = 20; id <= 100; id += 20)
		table_index_remove(&names, id);
	cr_assert(eq(sz, names.n_removed, 5));
	cr_assert(eq(u64, next(10), 30));
	cr_assert(eq(u64, next(20), 30));
	cr_assert(eq(u64, next(95), 110));
	table_index_remove(&names, 10);
	table_index_remove(&names, 200);
	cr_assert(eq(u64, next(0), 30));
	cr_assert(eq(u64, next(190), 0));
}

Test(index, packs_when_half_are_holes)
{
	append(100);
	for (uint64_t id = 10; id <= 510; id += 10) {
		cr_assert(eq(sz, names.n, 100));
		table_index_remove(&names, id);
	}
	cr_assert(eq(sz, names.n, 49));
	cr_assert(eq(sz, names.n_removed, 0));
	cr_assert(eq(u64, next(0), 520));
	cr_assert(eq(u64, next(520), 530));
	for (uint64_t id = 520; id <= 1000; id += 10)
		table_index_remove(&names, id);
	cr_assert(zero(sz, names.n));
	cr_assert(zero(u64, next(0)));
}

Test(index, a_cursor_survives_packing)
{
	uint64_t cursor = 0;
	size_t n = 0;
	bool more;

	append(1000);
	for (size_t i = 0; i < 1000; i++) {
		struct export *export = table_index_next(&names, &cursor, &more);

		if (!export)
			break;
		n++;
		/* As rm(1) does while it reads; every second name stays. */
		if (n % 2)
			table_index_remove(&names, export->id);
		/* Some new names are removed before they are reached. */
		if (n == 10)
			for (uint64_t id = 5010; id <= 9000; id += 10)
				table_index_remove(&names, id);
	}
	cr_assert(eq(sz, n, 600));
	cr_assert(zero(u64, next(cursor)));
}

Test(index, looks_through_a_limited_number)
{
	const size_t holes = MANY / 2;
	uint64_t cursor = 0;
	int calls = 0;
	bool more = false;

	append(MANY);
	for (size_t i = 0; i < holes; i++)
		table_index_remove(&names, exports[i].id);
	do {
		struct export *export = table_index_next(&names, &cursor, &more);

		calls++;
		cr_assert(eq(ptr, export, more ? NULL : &exports[holes]));
		if (more)
			cr_assert(eq(u64, cursor, (uint64_t)calls * LOOK_THROUGH * 10));
	} while (more);
	cr_assert(eq(int, calls, (int)(holes / LOOK_THROUGH) + 1));
	cr_assert(eq(u64, cursor, (holes + 1) * 10));
}

Test(index, the_end_exactly_at_the_bound)
{
	uint64_t cursor = 0;
	bool more = true;

	append(2 * LOOK_THROUGH);
	for (size_t i = LOOK_THROUGH; i < 2 * LOOK_THROUGH; i++)
		table_index_remove(&names, exports[i].id);
	cursor = exports[LOOK_THROUGH - 1].id;
	cr_assert(eq(ptr, table_index_next(&names, &cursor, &more), NULL));
	cr_assert(not(more));
}

/* ---- through the table ------------------------------------------------------------- */

TestSuite(readdir, .init = fixture_init, .fini = fixture_finish);

static size_t list(uid_t uid)
{
	struct export *export;
	uint64_t cursor = 0;
	size_t n = 0;
	bool more;

	while ((export = table_next(&fixture_table, uid, &cursor, &more))) {
		cr_assert(eq(u64, export->id, cursor));
		cr_assert(export->named);
		table_put(&fixture_table, export);
		n++;
	}
	cr_assert(not(more));
	return n;
}

Test(readdir, lists_names)
{
	struct export *named[10];

	for (size_t i = 0; i < ARRAY_SIZE(named); i++)
		named[i] = fixture_add(i % 2 ? UID_A : UID_B, 0);
	cr_assert(eq(sz, list(0), 10));
	cr_assert(eq(sz, list(UID_A), 5));
	cr_assert(eq(sz, list(UID_B), 5));
	cr_assert(eq(sz, list(7), 0));
	for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
		cr_assert(
			table_unname(&fixture_table, named[i], DMABUFFS_ENDED_UNLINKED));
		table_put(&fixture_table, named[i]);
		cr_assert(eq(sz, list(0), 9 - i));
	}
}

static int give_if(bool done, struct export *export, uid_t uid)
{
	int r;

	table_lock(&fixture_table);
	r = table_prepare_give_locked(&fixture_table, export, uid);
	if (r == 0)
		table_finish_give_locked(&fixture_table, export, uid, done);
	table_unlock(&fixture_table);
	return r;
}

static int give(struct export *export, uid_t uid)
{
	return give_if(true, export, uid);
}

Test(readdir, lists_what_was_given)
{
	struct export *first = fixture_add(UID_A, 0);
	struct export *second = fixture_add(UID_B, 0);

	cr_assert(zero(int, give(first, UID_B)));
	cr_assert(zero(sz, list(UID_A)));
	cr_assert(eq(sz, list(UID_B), 2));
	cr_assert(eq(sz, list(0), 2));
	cr_assert(zero(int, give(first, UID_A)));
	cr_assert(eq(sz, list(UID_A), 1));
	cr_assert(eq(sz, list(UID_B), 1));
	cr_assert(table_unname(&fixture_table, first, DMABUFFS_ENDED_UNLINKED));
	cr_assert(zero(int, give(first, UID_B)), "an open file without a name");
	cr_assert(zero(sz, list(UID_A)));
	cr_assert(eq(sz, list(UID_B), 1));
	table_put(&fixture_table, first);
	table_put(&fixture_table, second);
}

/* As where the new owner has reached a limit. */
Test(readdir, lists_as_before_what_is_refused)
{
	struct export *export = fixture_add(UID_A, 0);

	cr_assert(zero(int, give_if(false, export, UID_B)));
	cr_assert(eq(sz, list(UID_A), 1));
	cr_assert(zero(sz, list(UID_B)));
	cr_assert(eq(sz, list(0), 1));
	cr_assert(eq(u32, export->node.uid, UID_A));
	cr_assert(zero(int, give_if(false, export, UID_A)), "its own");
	cr_assert(eq(sz, list(UID_A), 1));
	cr_assert(eq(u32, export->node.uid, UID_A));
	cr_assert(table_unname(&fixture_table, export, DMABUFFS_ENDED_UNLINKED));
	cr_assert(zero(int, give_if(false, export, UID_B)),
		  "an open file without a name");
	cr_assert(zero(sz, list(UID_A)));
	cr_assert(zero(sz, list(UID_B)));
	table_put(&fixture_table, export);
}
