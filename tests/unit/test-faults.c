/* SPDX-License-Identifier: MIT */
/*
 * test-faults.c - each allocation and system call fails once
 *
 * An operation is run with its first call failing, then with its second, until there are
 * no more. Whether it answers with an error or does without: no memory, no descriptor and
 * no charge may be left over.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>

#include <fcntl.h>
#include <stdio.h>

#include "acl-build.h"
#include "closer.h"
#include "dmabuf_io.h"
#include "faults.h"
#include "fixture.h"
#include "log.h"
#include "options.h"
#include "tickets.h"

/* More than any operation here makes. */
#define MAX_CALLS 200

/* Does it once: 0 or -errno; and undoes what it did with success. */
struct operation {
	int (*act)(void);
	void (*undo)(void);
	bool needs_all; /* every failure must be told; else some can be done without */
};

static uint64_t charged(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < RES_COUNT; i++)
		sum += limits_used(&fixture_limits, i);
	return sum;
}

static bool is_settled(void *data)
{
	return charged() == *(uint64_t *)data;
}

/* The function that failed, NULL when the operation makes fewer than @nth calls. */
static const char *fail_nth(const struct operation *operation, unsigned nth)
{
	uint64_t charged_before = charged();
	unsigned fds = count_fds();
	long live = faults_live_allocations();
	const char *failed;
	int r;

	faults_arm(nth);
	r = operation->act();
	failed = faults_disarm();
	if (!failed)
		cr_assert(zero(int, r));
	else if (operation->needs_all)
		cr_assert(lt(int, r, 0), "%s, call %u: not told", failed, nth);
	if (r == 0)
		operation->undo();
	cr_assert(wait_until(is_settled, &charged_before), "%s, call %u: stays charged",
		  failed, nth);
	cr_assert(eq(uint, count_fds(), fds), "%s, call %u: descriptors", failed, nth);
	cr_assert(eq(long, faults_live_allocations(), live), "%s, call %u: memory", failed,
		  nth);
	return failed;
}

static void fail_each(const struct operation *operation)
{
	unsigned nth = 1;

	/* What is kept for ever is allocated now. */
	cr_assert(zero(int, operation->act()));
	operation->undo();
	while (fail_nth(operation, nth))
		cr_assert(lt(uint, ++nth, MAX_CALLS));
	cr_assert(gt(uint, nth, 1), "nothing could fail");
}

static void init(void)
{
	log_set_level(LOG_ERR);
	caller_setup();
	fixture_init();
}

TestSuite(faults, .init = init, .fini = fixture_finish);

/* ---- limits, htab ------------------------------------------------------------------ */

static struct limits fresh; /* without any table yet */

static int charge_first(void)
{
	int r;

	limits_init(&fresh, &fixture_limits.config);
	r = limits_charge(&fresh, UID_A, RES_BYTES, 5);
	cr_assert(eq(u64, limits_used(&fresh, RES_BYTES), r < 0 ? 0 : 5));
	cr_assert(eq(sz, fresh.users.n_nodes, r < 0 ? 0 : 1));
	if (r < 0)
		limits_finish(&fresh);
	return r;
}

static void uncharge_first(void)
{
	limits_uncharge(&fresh, UID_A, RES_BYTES, 5);
	limits_finish(&fresh);
}

Test(faults, limits_charge)
{
	fail_each(&(struct operation){ charge_first, uncharge_first, true });
}

/* A hash table that cannot grow gets slower only. */
Test(faults, htab_insert)
{
	static struct htab_node nodes[1000];
	struct htab table = { 0 };

	faults_arm(1);
	cr_assert(eq(int, htab_insert(&table, &nodes[0], 0), -ENOMEM));
	cr_assert(ne(ptr, faults_disarm(), NULL));
	cr_assert(all(zero(sz, table.n_nodes), zero(sz, table.n_buckets)));
	cr_assert(zero(int, htab_insert(&table, &nodes[0], 0)));
	for (size_t i = 1; i < ARRAY_SIZE(nodes); i++) {
		faults_arm(1);
		cr_assert(zero(int, htab_insert(&table, &nodes[i], i)));
		faults_disarm();
	}
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		cr_assert(eq(ptr, htab_first(&table, i), &nodes[i]));
	htab_finish(&table);
}

/* ---- export, table ----------------------------------------------------------------- */

static struct export *export;
static struct buffer buffer;
static int memfd;

static void prepare_buffer(void)
{
	memfd = new_memfd(4096);
	cr_assert(zero(int, buffer_init(&buffer, fcntl(memfd, F_DUPFD_CLOEXEC, 0), false)));
}

static int create(void)
{
	struct caller caller = { .refs = 2 };
	struct export_request request = {
		.root_id = fixture_root, .uid = UID_A, .label = "label",
		.caller = &caller, .buffer = &buffer,
	};
	int r = export_create(&fixture_limits, &request, &export);

	cr_assert(eq(uint, caller.refs, r < 0 ? 2 : 3));
	cr_assert(is_open(r < 0 ? buffer.fd : export->buffer.fd));
	if (r == 0)
		export->caller = NULL; /* it lives on the stack here */
	return r;
}

/* The buffer is to be made again. */
static void destroy(void)
{
	export_free(&fixture_limits, export);
	cr_assert(zero(int, buffer_init(&buffer, fcntl(memfd, F_DUPFD_CLOEXEC, 0), false)));
}

Test(faults, export_create)
{
	prepare_buffer();
	fail_each(&(struct operation){ create, destroy, true });
	buffer_finish(&buffer);
	close(memfd);
}

static struct table table; /* without any index yet */

static int add(void)
{
	const struct node root_node = { .mode = S_IFDIR };
	const struct export_spec spec = { .uid = UID_A };
	struct export *other = NULL;
	uint64_t root = 0;
	int r;

	cr_assert(zero(int, table_init(&table, &fixture_limits, &root_node)));
	r = table_open_root(&table, UID_A, &root);
	if (r == 0) {
		const char *failed = faults_disarm();

		cr_assert(eq(ptr, (void *)failed, NULL));
		export = fixture_create(root, memfd, &spec);
		r = 0;
	}
	cr_assert(eq(ptr, other, NULL));
	if (r < 0)
		table_finish(&table);
	return r;
}

static void remove_all(void)
{
	export_free(&fixture_limits, export);
	table_close_root(&table, export ? 1 : 0, ignore_ended, NULL);
	table_finish(&table);
}
