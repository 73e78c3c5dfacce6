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

#include <fcntl.h>

#include "acl-build.h"
#include "closer.h"
#include "dmabuf_io.h"
#include "faults.h"
#include "fixture.h"
#include "log.h"
#include "offload.h"
#include "options.h"
#include "tickets.h"

/* More than any operation here makes. */
#define MAX_CALLS 200

/* prepare() and finish() frame the act; only calls of the act fail. */
struct operation {
	void (*prepare)(void);
	int (*act)(void);	/* 0 or -errno */
	void (*finish)(int r); /* checks what the result means, and undoes all */
	bool can_do_without;	/* some failures are not an error */
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

static const char *act_with_fault(const struct operation *operation, unsigned nth)
{
	const char *failed;
	int r;

	if (operation->prepare)
		operation->prepare();
	faults_arm(nth);
	r = operation->act();
	failed = faults_disarm();
	if (!failed)
		cr_assert(zero(int, r));
	else if (!operation->can_do_without)
		cr_assert(lt(int, r, 0), "%s, call %u: not told", failed, nth);
	operation->finish(r);
	return failed;
}

/* The function that failed, NULL when the operation makes fewer than @nth calls. */
static const char *fail_nth(const struct operation *operation, unsigned nth)
{
	uint64_t charged_before = charged();
	unsigned fds = count_fds();
	long live = faults_live_allocations();
	const char *failed = act_with_fault(operation, nth);

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
	cr_assert(eq(ptr, (void *)act_with_fault(operation, MAX_CALLS), NULL));
	while (fail_nth(operation, nth))
		cr_assert(lt(uint, ++nth, MAX_CALLS));
	cr_assert(gt(uint, nth, 1), "nothing could fail");
}

static struct buffer buffer;
static struct export *export;
static int memfd;

static void init(void)
{
	log_set_level(LOG_ERR - 1);
	caller_setup();
	fixture_init();
	memfd = new_memfd(4096);
}

static void finish(void)
{
	close(memfd);
	fixture_finish();
}

TestSuite(faults, .init = init, .fini = finish);

static void make_buffer(void)
{
	cr_assert(zero(int, buffer_init(&buffer, fcntl(memfd, F_DUPFD_CLOEXEC, 0), false)));
}

/* ---- limits, htab ------------------------------------------------------------------ */

static struct limits fresh; /* without a hash table yet */

static void init_fresh(void)
{
	limits_init(&fresh, &fixture_limits.config);
}

static int charge_fresh(void)
{
	return limits_charge(&fresh, UID_A, RES_BYTES, 5);
}

static void finish_fresh(int r)
{
	cr_assert(eq(u64, limits_used(&fresh, RES_BYTES), r < 0 ? 0 : 5));
	cr_assert(eq(sz, fresh.users.n_nodes, r < 0 ? 0 : 1));
	limits_finish(&fresh);
}

Test(faults, limits_charge)
{
	fail_each(&(struct operation){ init_fresh, charge_fresh, finish_fresh });
}

/* A hash table that cannot grow only gets slower. */
Test(faults, htab_insert)
{
	static struct htab_node nodes[1000];
	struct htab table = { 0 };

	faults_arm(1);
	cr_assert(eq(int, htab_insert(&table, &nodes[0], 0), -ENOMEM));
	cr_assert(ne(ptr, (void *)faults_disarm(), NULL));
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

/* ---- export ------------------------------------------------------------------------ */

static struct caller exporter = { .refs = 1 };

static int create(void)
{
	struct export_request request = {
		.root_id = fixture_root,
		.uid = UID_A,
		.label = "label",
		.caller = &exporter,
		.buffer = &buffer,
	};

	return export_create(&fixture_limits, &request, &export);
}

static void finish_create(int r)
{
	cr_assert(eq(uint, exporter.refs, r < 0 ? 1 : 2));
	if (r < 0) {
		cr_assert(is_open(buffer.fd), "it stays the caller's");
		buffer_finish(&buffer);
	} else {
		export_free(&fixture_limits, export);
	}
}

Test(faults, export_create)
{
	fail_each(&(struct operation){ make_buffer, create, finish_create });
}

static struct acl_value acl;
static struct node node;

static void make_node(void)
{
	node_init(&node, S_IFREG | 0700, 0, 0);
}

static int set_acl(void)
{
	return node_set_acl(&node, &acl, acl_extended(&acl));
}

static void finish_node(int r)
{
	cr_assert(eq(uint, node.mode, S_IFREG | (r < 0 ? 0700 : 0660)));
	node_finish(&node);
}

Test(faults, node_set_acl)
{
	fail_each(&(struct operation){ make_node, set_acl, finish_node });
}

/* ---- table ------------------------------------------------------------------------- */

static struct table table; /* without any index yet */
static uint64_t root;

static void init_table(void)
{
	const struct node root_node = { .mode = S_IFDIR };

	cr_assert(zero(int, table_init(&table, &fixture_limits, &root_node)));
}

static int open_root(void)
{
	return table_open_root(&table, UID_A, &root);
}

static void finish_root(int r)
{
	if (r == 0)
		table_close_root(&table, root, ignore_ended, NULL);
	table_finish(&table);
}

Test(faults, table_open_root)
{
	fail_each(&(struct operation){ init_table, open_root, finish_root });
}

static void make_export(void)
{
	const struct export_spec spec = { .uid = UID_A };

	init_table();
	cr_assert(zero(int, open_root()));
	export = fixture_create(root, memfd, &spec);
}

static int add(void)
{
	struct export *other = NULL;
	int r = table_add(&table, export, &other);

	cr_assert(eq(ptr, other, NULL));
	return r;
}

static void finish_add(int r)
{
	uint64_t cursor = 0;
	bool more;

	cr_assert(eq(int, export->named, r == 0));
	cr_assert(eq(uint, export->refs, r == 0 ? 2 : 1));
	if (r < 0) {
		cr_assert(eq(ptr, table_get_named(&table, export->uuid), NULL));
		cr_assert(eq(ptr, table_get(&table, export->id), NULL));
		cr_assert(eq(ptr, table_get_exported(&table, root, &export->buffer), NULL));
		cr_assert(eq(ptr, table_next(&table, 0, &cursor, &more), NULL));
		/* Later, with memory, it succeeds. */
		cr_assert(zero(int, add()));
	}
	table_put(&table, export);
	finish_root(0);
}

Test(faults, table_add)
{
	fail_each(&(struct operation){ make_export, add, finish_add });
}

/* ---- tickets ----------------------------------------------------------------------- */

static struct tickets tickets;
static struct ticket_list list;
static int deposited;

static void init_tickets(void)
{
	tickets_init(&tickets);
	deposited = new_memfd(1);
}

static int add_ticket(void)
{
	uint8_t number[DMABUFFS_TICKET_SIZE];

	return tickets_add(&tickets, &list, deposited, number);
}

static void finish_tickets(int r)
{
	cr_assert(eq(uint, list.n, r < 0 ? 0 : 1));
	if (r < 0) {
		cr_assert(is_open(deposited), "it stays the caller's");
		close(deposited);
	}
	tickets_drop(&tickets, &list);
	tickets_finish(&tickets);
}

Test(faults, tickets_add)
{
	fail_each(&(struct operation){ init_tickets, add_ticket, finish_tickets });
}

/* ---- buffer ------------------------------------------------------------------------ */

static int given;

static void give(void)
{
	given = fcntl(memfd, F_DUPFD_CLOEXEC, 0);
	buffer.fd = -1;
}

static int init_buffer(void)
{
	return buffer_init(&buffer, given, false);
}

static void finish_init(int r)
{
	if (r < 0) {
		cr_assert(is_open(given), "it stays the caller's");
		cr_assert(eq(int, buffer.fd, -1), "the output is untouched");
		close(given);
	}
	buffer_finish(&buffer);
}

Test(faults, buffer_init)
{
	fail_each(&(struct operation){ give, init_buffer, finish_init });
}

static void make_unfrozen(void)
{
	int fd = new_memfd(1);

	cr_assert(zero(int, fchmod(fd, 0777)));
	cr_assert(zero(int, buffer_init(&buffer, fd, false)));
}

static int freeze(void)
{
	return buffer_freeze(&buffer, false);
}

static void finish_buffer(int r)
{
	buffer_finish(&buffer);
}

Test(faults, buffer_freeze)
{
	fail_each(&(struct operation){ make_unfrozen, freeze, finish_buffer });
}

static int revoke_buffer(void)
{
	return buffer_revoke(&buffer);
}

static void finish_revoke(int r)
{
	uint64_t size;

	cr_assert(zero(int, buffer_size(&buffer, &size)));
	cr_assert(eq(u64, size, r < 0 ? 1 : 0));
	buffer_finish(&buffer);
}

/* A memfd that cannot be asked for its seals counts as pinned. */
Test(faults, buffer_revoke)
{
	fail_each(&(struct operation){ make_unfrozen, revoke_buffer, finish_revoke });
}

static int held(void)
{
	int r = buffer_held(&buffer);

	return r == 1 ? -EBUSY : r;
}

Test(faults, buffer_held)
{
	fail_each(&(struct operation){ make_unfrozen, held, finish_buffer, true });
}

static int opened;

static int open_buffer(void)
{
	opened = buffer_open(&buffer, O_RDONLY);
	return opened < 0 ? opened : 0;
}

static void finish_open(int r)
{
	if (r == 0)
		close(opened);
	buffer_finish(&buffer);
}

/* Without the call that takes O_NONBLOCK away, it is still the right file. */
Test(faults, buffer_open)
{
	fail_each(&(struct operation){ make_unfrozen, open_buffer, finish_open, true });
}

/* ---- caller ------------------------------------------------------------------------ */

static struct caller *caller;
static int pidfd;

static int read_caller(void)
{
	pidfd = caller_open(gettid());
	return caller_read(gettid(), pidfd, NULL, &caller);
}

static void finish_caller(int r)
{
	if (r == 0)
		caller_unref(caller);
	if (pidfd >= 0)
		close(pidfd);
}

/* What cannot be read is not known; only without memory there is no answer. */
Test(faults, caller_read)
{
	fail_each(&(struct operation){ NULL, read_caller, finish_caller, true });
}

/* ---- closer ------------------------------------------------------------------------ */

static int to_close[100];
static size_t n_to_close;

static void open_some(void)
{
	for (size_t i = 0; i < n_to_close; i++)
		to_close[i] = new_memfd(1);
}

static int reserve_and_submit(void)
{
	struct closer_job *job;
	int r = closer_reserve(&fixture_limits, UID_A, &job);

	if (r == 0)
		closer_submit(job, to_close, n_to_close);
	return r;
}

static bool are_closed(void *data)
{
	for (size_t i = 0; i < n_to_close; i++)
		if (is_open(to_close[i]))
			return false;
	return faults_live_allocations() == *(long *)data;
}

static long live_before;

/* Without a thread they are closed here: rather a stall than a leak. */
static void finish_closer(int r)
{
	if (r < 0)
		for (size_t i = 0; i < n_to_close; i++)
			close(to_close[i]);
	cr_assert(wait_until(are_closed, &live_before));
}

Test(faults, closer)
{
	const struct operation operation = { open_some, reserve_and_submit, finish_closer,
					     true };

	live_before = faults_live_allocations();
	for (n_to_close = 1; n_to_close <= ARRAY_SIZE(to_close); n_to_close += 99)
		fail_each(&operation);
}

/* ---- dmabuf_io --------------------------------------------------------------------- */

static struct dmabuf_io io;
static _Atomic bool is_answered;

static void start_io(void)
{
	make_buffer();
	is_answered = false;
	cr_assert(zero(int, dmabuf_io_start(&io, &fixture_limits)));
}

static void answer(void *context, ssize_t result, const void *bytes)
{
	is_answered = true;
}

static int submit_io(void)
{
	return dmabuf_io_submit(&io, UID_A, &buffer, 0, 10, NULL, answer, NULL);
}

static void finish_io(int r)
{
	cr_assert(dmabuf_io_stop(&io));
	cr_assert(eq(int, is_answered, r == 0));
	buffer_finish(&buffer);
}

Test(faults, dmabuf_io_submit)
{
	fail_each(&(struct operation){ start_io, submit_io, finish_io });
}

static int start_io_itself(void)
{
	return dmabuf_io_start(&io, &fixture_limits);
}

static void finish_start(int r)
{
	if (r == 0)
		cr_assert(dmabuf_io_stop(&io));
}

Test(faults, dmabuf_io_start)
{
	fail_each(&(struct operation){ NULL, start_io_itself, finish_start });
}

/* ---- options ----------------------------------------------------------------------- */

static struct options options;

static int parse(void)
{
	char *argv[] = { (char *)"dmabuffsd", (char *)"-o", (char *)"rw,source=x,noatime",
			 (char *)"/", NULL };

	return options_parse(4, argv, &options);
}

static void finish_parse(int r)
{
	options_finish(&options);
}

Test(faults, options_parse)
{
	fail_each(&(struct operation){ NULL, parse, finish_parse });
}

/* ---- offload ----------------------------------------------------------------------- */

static _Atomic bool was_run;

static void run_offloaded(void *arg)
{
	was_run = true;
}

static int offload(void)
{
	struct offload *call;
	int r = offload_reserve(&fixture_limits, UID_A, &call);

	was_run = false;
	return r < 0 ? r : offload_start(call, run_offloaded, NULL);
}

static bool live_is(void *data)
{
	return faults_live_allocations() == *(long *)data;
}

static void finish_offload(int r)
{
	cr_assert(offload_wait_all(&fixture_limits));
	cr_assert(eq(int, was_run, r == 0));
	cr_assert(wait_until(live_is, &live_before));
}

Test(faults, offload)
{
	live_before = faults_live_allocations();
	fail_each(&(struct operation){ NULL, offload, finish_offload });
}
