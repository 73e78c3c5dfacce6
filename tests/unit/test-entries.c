/* SPDX-License-Identifier: MIT */
/* test-entries.c - pages of names of which one cannot be described */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

#include "faults.h"
#include "fixture.h"
#include "fs/fs_entries.h"
#include "fs/service.h"

#define NAMES 3

static struct export *exports[NAMES];
static struct service service;
static struct dmabuffs_entries page;
static const struct reader owner = {.uid = UID_A, .reads_all = true};

static void init(void)
{
	fixture_init();
	for (int i = 0; i < NAMES; i++)
		exports[i] = fixture_add(UID_A, 0);
	/* The same names: from here on none is added or removed. */
	service.table = fixture_table;
}

static void finish(void)
{
	for (int i = 0; i < NAMES; i++)
		table_put(&fixture_table, exports[i]);
	fixture_finish();
}

TestSuite(entries_page, .init = init, .fini = finish);

static void expect_described(const struct dmabuffs_entry *entry)
{
	cr_assert(zero(u32, entry->error));
	cr_assert(eq(u64, entry->bytes, 4096));
	cr_assert(eq(u32, entry->kind, DMABUFFS_KIND_MEMFD));
}

/* What the service knows without its memory. */
static void expect_marked(const struct dmabuffs_entry *entry)
{
	cr_assert(eq(u32, entry->error, EIO));
	cr_assert(zero(u64, entry->bytes));
	cr_assert(eq(u32, entry->uid, UID_A));
	cr_assert(eq(u32, entry->mode, S_IFREG | 0600));
	cr_assert(zero(u32, entry->flags));
}

Test(entries_page, describes_all)
{
	entries_fill_page(&service, &owner, &page);
	cr_assert(eq(u32, page.count, NAMES));
	cr_assert(zero(u32, page.more));
	for (int i = 0; i < NAMES; i++)
		expect_described(&page.entries[i]);
}

Test(entries_page, one_that_fails_does_not_hide_the_others)
{
	faults_arm(1);
	page.cursor = 0;
	entries_fill_page(&service, &owner, &page);
	cr_assert(zero(int, strcmp(faults_disarm(), "fstat")));
	cr_assert(eq(u32, page.count, NAMES));
	cr_assert(zero(u32, page.more));
	cr_assert(zero(int, memcmp(page.entries[0].uuid, exports[0]->uuid, 16)));
	expect_marked(&page.entries[0]);
	for (int i = 1; i < NAMES; i++)
		expect_described(&page.entries[i]);
}
