/* SPDX-License-Identifier: MIT */
/* test-faults.c - modules that allocate, when an allocation fails */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>

#include "base/options.h"
#include "broker/tickets.h"
#include "acl-build.h"
#include "fail-each.h"
#include "faults.h"
#include "fixture.h"

static struct buffer buffer;
static struct export *export;
static int memfd;

static void init(void)
{
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
	cr_assert(zero(int, buffer_init(&buffer, fcntl(memfd, F_DUPFD_CLOEXEC, 0), false,
					NULL)));
}

/* ---- limits, htab ------------------------------------------------------------------ */

static struct limits fresh; /* not allocated yet */

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
	fail_each(&(struct operation){init_fresh, charge_fresh, finish_fresh});
}

/* A hash table that cannot grow only gets slower. */
Test(faults, htab_insert)
{
	static struct htab_node nodes[1000];
	struct htab table = {0};

	faults_arm(1);
	cr_assert(eq(int, htab_insert(&table, &nodes[0], 0), -ENOMEM));
	cr_assert(ne(ptr, (void *)faults_disarm(), NULL));
	cr_assert(zero(sz, table.n_nodes));
	cr_assert(zero(sz, table.n_buckets));
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

static struct caller exporter = {.refs = 1};

static int create(void)
{
	struct export_request request = {
		.root_id = fixture_root,
		.uid = UID_A,
		.label = "label",
		.caller = &exporter,
		.buffer = &buffer,
	};

	return export_create(&fixture_table, &request, &export);
}

static void finish_create(int r)
{
	cr_assert(eq(uint, exporter.refs, r < 0 ? 1 : 2));
	if (r < 0) {
		cr_assert(is_open(buffer.fd), "the caller's descriptor was closed");
		buffer_finish(&buffer);
	} else {
		export_free(&fixture_table, export);
	}
}

Test(faults, export_create)
{
	fail_each(&(struct operation){make_buffer, create, finish_create});
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
	fail_each(&(struct operation){make_node, set_acl, finish_node});
}

/* ---- table ------------------------------------------------------------------------- */

static struct table table; /* no index allocated yet */
static uint64_t root;

static void init_table(void)
{
	const struct node root_node = {.mode = S_IFDIR};

	cr_assert(zero(int,
		       table_init(&table, &fixture_limits, fixture_state(), &root_node)));
}

static int open_root(void)
{
	return table_open_root(&table, &(struct payer){UID_A}, &root);
}

static void finish_root(int r)
{
	if (r == 0)
		table_close_root(&table, root, ignore_ended, NULL);
	table_finish(&table);
}

Test(faults, table_open_root)
{
	fail_each(&(struct operation){init_table, open_root, finish_root});
}

static void make_export(void)
{
	const struct export_spec spec = {.uid = UID_A};

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
		cr_assert(
			eq(ptr, table_get_exported(&table, root, &export->buffer), NULL));
		cr_assert(eq(ptr, table_next(&table, 0, &cursor, &more), NULL));
		/* It succeeds once memory is available. */
		cr_assert(zero(int, add()));
	}
	table_put(&table, export);
	finish_root(0);
}

Test(faults, table_add)
{
	fail_each(&(struct operation){make_export, add, finish_add});
}

/* ---- tickets ----------------------------------------------------------------------- */

static struct tickets tickets;
static struct ticket_list list;
static int deposited;

static void init_tickets(void)
{
	tickets_init(&tickets, &fixture_limits);
	ticket_list_init(&list, UID_A);
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
		cr_assert(is_open(deposited), "the caller's descriptor was closed");
		close(deposited);
	}
	tickets_drop(&tickets, &list);
	tickets_finish(&tickets);
}

Test(faults, tickets_add)
{
	fail_each(&(struct operation){init_tickets, add_ticket, finish_tickets});
}

/* ---- options ----------------------------------------------------------------------- */

static struct options options;

static int parse(void)
{
	char *argv[] = {(char *)"dmabuffsd", (char *)"-o", (char *)"rw,source=x,noatime",
			(char *)"/", NULL};

	return options_parse(4, argv, &options);
}

static void finish_parse(int r)
{
	options_finish(&options);
}

Test(faults, options_parse)
{
	fail_each(&(struct operation){NULL, parse, finish_parse});
}
