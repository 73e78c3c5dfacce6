/* SPDX-License-Identifier: MIT */
/*
 * test-table-random.c - the table against a naive model, many random operations
 *
 * A failure reports the seed; DMABUFFS_TEST_SEED=N repeats that run.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>

#include "fd_identity.h"
#include "fixture.h"

#define STEPS     10000
#define N_BUFFERS 6
#define N_ROOTS   4
#define N_EXPORTS 48

static struct table *const table = &fixture_table;

/* The model of one export; the slot is free when no reference is left. */
struct model {
	struct export *export;
	uint64_t id, root;
	uint8_t uuid[DMABUFFS_UUID_SIZE];
	int buffer; /* index of the memfd */
	uid_t uid;
	bool persistent, another, named;
	unsigned refs, opens; /* refs are the test's own */
};

static struct model models[N_EXPORTS];
static uint64_t roots[N_ROOTS]; /* 0: not open */
static int memfds[N_BUFFERS];
static unsigned seed, step;

#define CHECK(condition)                                                                 \
	cr_assert(eq(int, !!(condition), 1), "DMABUFFS_TEST_SEED=%u, step %u: %s", seed, \
		  step, #condition)

static unsigned choose(unsigned n)
{
	static uint64_t state;

	if (!step && !state)
		state = seed;
	/* Knuth's MMIX generator: the same sequence on every machine. */
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(state >> 33) % n;
}

static bool is_alive(const struct model *model)
{
	return model->named || model->refs || model->opens;
}

static bool is_listed(const struct model *model, uid_t uid)
{
	return model->named && (!uid || model->uid == uid);
}

static struct model *model_of(const struct export *export)
{
	for (size_t i = 0; i < N_EXPORTS; i++)
		if (is_alive(&models[i]) && models[i].export == export)
			return &models[i];
	return NULL;
}

static struct model *named_on(uint64_t root, int buffer)
{
	for (size_t i = 0; i < N_EXPORTS; i++)
		if (models[i].named && !models[i].another && models[i].root == root &&
		    models[i].buffer == buffer)
			return &models[i];
	return NULL;
}

/* A random live one for which @holds is true; NULL if none was found. */
static struct model *pick(bool (*holds)(const struct model *model))
{
	for (int i = 0; i < 20; i++) {
		struct model *model = &models[choose(N_EXPORTS)];

		if (is_alive(model) && holds(model))
			return model;
	}
	return NULL;
}

/* Using an export needs a reference. */
static bool is_held(const struct model *model)
{
	return model->refs > 0;
}

static bool is_opened(const struct model *model)
{
	return model->opens > 0;
}

/* ---- operations -------------------------------------------------------------------- */

static void do_open_root(void)
{
	unsigned i = choose(N_ROOTS);

	if (!roots[i])
		CHECK(table_open_root(table, &(struct payer){UID_A}, &roots[i]) == 0);
}

static void on_ended(struct export *export, void *data)
{
	struct model *model = model_of(export);

	CHECK(model && model->named && !model->persistent &&
	      model->root == *(uint64_t *)data);
	model->named = false;
}

static void do_close_root(void)
{
	unsigned i = choose(N_ROOTS);

	if (!roots[i])
		return;
	table_close_root(table, roots[i], on_ended, &roots[i]);
	for (size_t j = 0; j < N_EXPORTS; j++)
		CHECK(!models[j].named || models[j].persistent ||
		      models[j].root != roots[i]);
	roots[i] = 0;
}

static struct model *free_slot(void)
{
	for (size_t i = 0; i < N_EXPORTS; i++)
		if (!is_alive(&models[i]))
			return &models[i];
	return NULL;
}

static void fill(struct model *model, struct export *export, int buffer)
{
	*model = (struct model){
		.export = export,
		.id = export->id,
		.root = export->root_id,
		.buffer = buffer,
		.uid = export->node.uid,
		.persistent = export->flags & DMABUFFS_EXPORT_PERSIST,
		.another = export->flags & DMABUFFS_EXPORT_ANOTHER,
		.named = true,
		.refs = 1,
	};
	memcpy(model->uuid, export->uuid, sizeof(model->uuid));
}

static void do_add(void)
{
	const struct export_spec spec = {
		.uid = choose(2) ? UID_A : UID_B,
		.flags = (choose(3) ? 0 : DMABUFFS_EXPORT_PERSIST) |
			 (choose(3) ? 0 : DMABUFFS_EXPORT_ANOTHER),
	};
	uint64_t root = roots[choose(N_ROOTS)];
	int buffer = (int)choose(N_BUFFERS), r;
	struct model *slot = free_slot(), *expected = NULL;
	struct export *export, *other = NULL;

	if (!slot)
		return;
	if (!(spec.flags & DMABUFFS_EXPORT_ANOTHER))
		expected = named_on(root, buffer);
	export = fixture_create(root, memfds[buffer], &spec);
	r = table_add(table, export, &other);
	if (!root)
		CHECK(r == -EBADF);
	else
		CHECK(r == (expected ? -EEXIST : 0));
	if (r == -EEXIST) {
		CHECK(other == expected->export);
		expected->refs++;
	}
	if (r == 0)
		fill(slot, export, buffer);
	else
		export_free(&fixture_table, export);
}

static void do_get(void)
{
	struct model *model = &models[choose(N_EXPORTS)];
	bool by_name = choose(2);
	struct export *export;

	if (!model->id)
		return;
	export = by_name ? table_get_named(table, model->uuid)
			 : table_get(table, model->id);
	if (by_name ? model->named : is_alive(model)) {
		CHECK(export == model->export);
		model->refs++;
	} else {
		CHECK(!export);
	}
}

static void do_get_exported(void)
{
	uint64_t root = roots[choose(N_ROOTS)];
	int i = (int)choose(N_BUFFERS);
	struct model *expected = named_on(root, i);
	struct buffer buffer = {.fd = -1};
	struct export *export;

	CHECK(fd_identity(memfds[i], &buffer.dev, &buffer.ino) == 0);
	export = table_get_exported(table, root, &buffer);
	CHECK(export == (expected ? expected->export : NULL));
	if (expected)
		expected->refs++;
}

static void do_put(void)
{
	struct model *model = pick(is_held);

	if (!model)
		return;
	model->refs--;
	table_put(table, model->export);
}

static void do_unname(void)
{
	struct model *model = pick(is_held);

	if (!model)
		return;
	CHECK(table_unname(table, model->export, DMABUFFS_ENDED_UNLINKED) ==
	      model->named);
	model->named = false;
}

static void do_withdraw(void)
{
	struct model *model = &models[choose(N_EXPORTS)];
	uint64_t root = choose(2) ? model->root : roots[choose(N_ROOTS)];
	struct export *export = NULL;
	int r;

	if (!model->id)
		return;
	r = table_withdraw(table, root, model->uuid, &export);
	if (!model->named) {
		CHECK(r == -ENOENT && !export);
	} else if (model->persistent || root != model->root) {
		CHECK(r == -EPERM && !export);
	} else {
		CHECK(r == 0 && export == model->export);
		model->named = false;
		model->refs++;
	}
}

static void do_open(void)
{
	struct model *model = pick(is_held);

	if (!model)
		return;
	CHECK(table_open(table, model->export) == model->named);
	model->opens += model->named;
}

static void do_close(void)
{
	struct model *model = pick(is_opened);

	if (!model)
		return;
	CHECK(table_close(table, model->export) == 0);
	model->opens--;
}

/* As chown(2). */
static void do_give(void)
{
	struct model *model = pick(is_alive);
	uid_t uid = choose(2) ? UID_A : UID_B;
	bool done = choose(4) > 0;

	if (!model)
		return;
	table_lock(table);
	CHECK(table_prepare_give_locked(table, model->export, uid) == 0);
	table_finish_give_locked(table, model->export, uid, done);
	table_unlock(table);
	if (done)
		model->uid = uid;
}

/* ---- checks after each operation --------------------------------------------------- */

static void check_listing(uid_t uid)
{
	uint64_t cursor = 0, before = 0;
	struct export *export;
	unsigned n = 0;
	bool more;

	while ((export = table_next(table, uid, &cursor, &more))) {
		struct model *model = model_of(export);

		CHECK(cursor > before && cursor == export->id);
		before = cursor;
		CHECK(model && is_listed(model, uid));
		table_put(table, export);
		n++;
	}
	CHECK(!more);
	for (size_t i = 0; i < N_EXPORTS; i++)
		n -= is_listed(&models[i], uid);
	CHECK(n == 0);
}

static void check_all(void)
{
	uint64_t charged = 0, alive = 0, n_roots = 0;

	for (size_t i = 0; i < N_EXPORTS; i++) {
		const struct model *model = &models[i];

		if (!is_alive(model))
			continue;
		CHECK(model->export->refs == model->refs + model->named + !!model->opens);
		CHECK(model->export->has_buffer == (model->named || model->opens));
		charged += model->export->has_buffer;
		alive++;
	}
	for (size_t i = 0; i < N_ROOTS; i++)
		n_roots += roots[i] != 0;
	CHECK(limits_used(&fixture_limits, RES_EXPORTS) == charged);
	CHECK(limits_used(&fixture_limits, RES_BYTES) == charged * 4096);
	CHECK(limits_used(&fixture_limits, RES_ROOTS) == n_roots + 1);
	CHECK(table->by_id.n_nodes == alive);
	check_listing(step % 3 ? step % 3 == 1 ? UID_A : UID_B : 0);
}

static void (*const operations[])(void) = {
	do_open_root,    do_close_root, do_add,      do_add,    do_add,  do_get,
	do_get_exported, do_put,        do_put,      do_unname, do_open, do_close,
	do_close,        do_put,        do_withdraw, do_give,
};

static void start(void)
{
	const char *given = getenv("DMABUFFS_TEST_SEED");
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)now.tv_nsec;
	fixture_init();
	for (int i = 0; i < N_BUFFERS; i++)
		memfds[i] = new_memfd(4096);
}

static void finish(void)
{
	for (size_t i = 0; i < N_ROOTS; i++)
		if (roots[i])
			table_close_root(table, roots[i], on_ended, &roots[i]);
	for (size_t i = 0; i < N_EXPORTS; i++) {
		struct model *model = &models[i];

		if (model->named) {
			table_unname(table, model->export, DMABUFFS_ENDED_UNLINKED);
			model->named = false;
		}
		for (; model->opens; model->opens--)
			table_close(table, model->export);
		for (; model->refs; model->refs--)
			table_put(table, model->export);
	}
	for (int i = 0; i < N_BUFFERS; i++)
		close(memfds[i]);
	cr_assert(zero(sz, table->by_id.n_nodes), "DMABUFFS_TEST_SEED=%u", seed);
	fixture_finish();
}

Test(table_random, against_a_model, .init = start, .fini = finish)
{
	for (step = 0; step < STEPS; step++) {
		operations[choose(ARRAY_SIZE(operations))]();
		check_all();
	}
}
