/* SPDX-License-Identifier: MIT */
/*
 * test-ledger-crash.c - a kill between any two instructions
 *
 * A child does one operation of the service on the ledger. Each time that a word of the
 * ledger has changed, a copy is taken over, as if the child had been killed there.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ledger-build.h"
#include "memfd.h"
#include "stepped.h"

#define OLD 7  /* the unique of an export that is there from the begin */
#define NEW 21 /* of the operation */

static struct ledger *ledger; /* shared with the child */
static uint32_t root, caller, old, opened;
static uint8_t *seen; /* the ledger as it was checked last */
static unsigned n_states;

/* What a successor found. */
static struct {
	uint32_t exports, opens, old_state, old_acl;
	struct ledger_export old;
	bool made, made_open, ended;
} found;

static void (*check)(void);

static void start(void)
{
	ledger = build_ledger();
	root = build_root(ledger, 1);
	caller = build_caller(ledger);
	old = build_export(ledger, OLD, root, caller);
	opened = build_open(ledger, OLD + 2, old);
	cr_assert(zero(int, ledger_put_blob(ledger, "old ACL", 7,
					    &ledger_export(ledger, old)->node.acl)));
	seen = calloc(1, ledger->header->received);
}

static void stop(void)
{
	free(seen);
	ledger_close(ledger);
}

TestSuite(ledger_crash, .init = start, .fini = stop);

/* ---- a successor ------------------------------------------------------------------- */

/* A ledger of the same content, but for what no operation here changes. */
static int copy(void)
{
	int fd = memfd_new("copy", ledger->size, F_SEAL_SHRINK | F_SEAL_GROW);
	size_t first = ledger->header->sections[0].offset;

	build_must(fd >= 0, "memfd_new");
	build_must(pwrite(fd, seen, LEDGER_HEADER_ROOM, 0) == LEDGER_HEADER_ROOM, "copy");
	build_must(pwrite(fd, seen + first, ledger->header->received - first,
			  (off_t)first) == (ssize_t)(ledger->header->received - first),
		   "copy");
	return fd;
}

/* Every name that is there has all that belongs to it. */
static void check_name(struct ledger *next, uint32_t slot)
{
	struct ledger_export *export = ledger_export(next, slot);
	char label[64];
	uint64_t unique;

	memcpy(&unique, export->uuid, sizeof(unique));
	cr_assert(eq(u64, unique, export->record.unique));
	cr_assert(eq(u32, export->n_parts, 1));
	cr_assert(eq(u32, export->node.mode, S_IFREG | 0640));
	cr_assert(ne(u32, export->caller, 0));
	cr_assert(eq(u32, export->part.kind, DMABUFFS_KIND_MEMFD));
	cr_assert(eq(u32, ledger_state(ledger_caller(next, export->caller - 1)),
		     LEDGER_LIVE));
	cr_assert(
		eq(long, ledger_read_blob(next, export->label, label, sizeof(label)), 7));
	cr_assert(zero(int, memcmp(label, "a label", 7)));
}

static void look(struct ledger *next)
{
	char acl[8] = "";
	uint32_t slot;

	found.exports = found.opens = 0;
	ledger_for_each(next, LEDGER_EXPORT, slot) {
		check_name(next, slot);
		found.exports++;
	}
	ledger_for_each(next, LEDGER_OPEN, slot)
		found.opens++;
	found.old = *ledger_export(next, old);
	found.old_state = ledger_state(&found.old);
	if (found.old_state != LEDGER_FREE)
		cr_assert(eq(long,
			     ledger_read_blob(next, found.old.node.acl, acl, sizeof(acl)),
			     7));
	cr_assert(strcmp(acl, "") == 0 || strcmp(acl, "old ACL") == 0 ||
			  strcmp(acl, "new ACL") == 0,
		  "%s", acl);
	found.made = ledger_find_made(next, LEDGER_EXPORT, NEW) != LEDGER_NONE;
	found.made_open = ledger_find_made(next, LEDGER_OPEN, NEW) != LEDGER_NONE;
	found.ended = ledger_find_ended(next, NEW) == old;
}

static void succeed(void)
{
	char why[LEDGER_WHY_SIZE] = "";
	struct ledger_losses losses;
	struct ledger *next;

	cr_assert(zero(int, ledger_open(copy(), why, &next)), "%s", why);
	cr_assert(zero(int, ledger_take_over(next, &losses)));
	for (size_t i = 0; i < LEDGER_KINDS; i++)
		cr_assert(zero(u32, losses.lost[i]), "of kind %zu", i);
	look(next);
	check();
	/* It can go on. */
	cr_assert(ne(u32, build_export(next, NEW + 2, root, caller), old));
	ledger_close(next);
}

/* Only these parts change: the header, and the records. */
static bool has_changed(void)
{
	const uint8_t *now = (const uint8_t *)ledger->header;
	size_t first = ledger->header->sections[0].offset;

	if (memcmp(seen, now, LEDGER_HEADER_ROOM) == 0 &&
	    memcmp(seen + first, now + first, ledger->header->received - first) == 0)
		return false;
	memcpy(seen, now, LEDGER_HEADER_ROOM);
	memcpy(seen + first, now + first, ledger->header->received - first);
	return true;
}

static void between(void *unused)
{
	if (!has_changed())
		return;
	n_states++;
	succeed();
}

/* At least @states are different. */
static void operate(void (*act)(void *unused), unsigned states)
{
	stepped_run(act, between, NULL);
	cr_assert(ge(uint, n_states, states));
}

/* ---- operations -------------------------------------------------------------------- */

static void do_export(void *unused)
{
	build_export(ledger, NEW, root, build_caller(ledger));
}

static void check_export(void)
{
	cr_assert(eq(u32, found.exports, 1 + found.made));
	cr_assert(eq(u32, found.old_state, LEDGER_LIVE));
}

Test(ledger_crash, export)
{
	check = check_export;
	operate(do_export, 15);
	cr_assert(found.made);
}

static void do_open(void *unused)
{
	build_open(ledger, NEW, old);
}

static void check_open(void)
{
	cr_assert(eq(u32, found.opens, 1 + found.made_open));
}

Test(ledger_crash, open)
{
	check = check_open;
	operate(do_open, 5);
	cr_assert(found.made_open);
}

static void do_release(void *unused)
{
	ledger_free(ledger, LEDGER_OPEN, opened);
}

static void check_release(void)
{
	cr_assert(le(u32, found.opens, 1));
	cr_assert(eq(u32, found.old_state, LEDGER_LIVE));
}

Test(ledger_crash, release)
{
	check = check_release;
	operate(do_release, 2);
	cr_assert(zero(u32, found.opens));
}

/* The request is recognised if, and only if, the name has ended. */
static void do_unlink(void *unused)
{
	build_unlink(ledger, NEW, old);
	ledger_free(ledger, LEDGER_OPEN, opened);
	ledger_free(ledger, LEDGER_EXPORT, old);
}

static void check_unlink(void)
{
	cr_assert(eq(int, found.ended, found.old_state != LEDGER_LIVE));
	if (found.old_state == LEDGER_LIVE) {
		cr_assert(zero(u64, found.old.end_unique));
		cr_assert(zero(u32, found.old.end_cause));
	}
	cr_assert(eq(u32, found.exports, found.old_state != LEDGER_FREE));
}

Test(ledger_crash, unlink)
{
	check = check_unlink;
	operate(do_unlink, 5);
	cr_assert(eq(int, found.ended, true));
	cr_assert(eq(u32, found.old_state, LEDGER_FREE));
}

static void do_set_acl(void *unused)
{
	struct ledger_node *node = &ledger_export(ledger, old)->node;
	uint32_t before = node->acl, acl;

	build_must(ledger_put_blob(ledger, "new ACL", 7, &acl) == 0, "no room");
	atomic_signal_fence(memory_order_seq_cst);
	node->acl = acl;
	atomic_signal_fence(memory_order_seq_cst);
	ledger_free_blob(ledger, before);
}

static void check_nothing(void)
{
	cr_assert(eq(u32, found.exports, 1));
}

Test(ledger_crash, set_acl)
{
	check = check_nothing;
	operate(do_set_acl, 4);
}

/* A takeover is killed, too. */
static void do_take_over(void *unused)
{
	struct ledger_losses losses;
	char why[LEDGER_WHY_SIZE];
	struct ledger *next;

	build_must(ledger_open(dup(ledger->fd), why, &next) == 0, why);
	build_must(ledger_take_over(next, &losses) == 0, "take_over");
}

static void check_take_over(void)
{
	cr_assert(eq(u32, found.exports, 1));
	cr_assert(eq(u32, found.opens, 1));
	cr_assert(eq(int, found.made, false));
}

Test(ledger_crash, take_over)
{
	check = check_take_over;
	build_fill(ledger, ledger_alloc(ledger, LEDGER_EXPORT, NEW), root, caller);
	ledger_alloc(ledger, LEDGER_OPEN, NEW);
	ledger_alloc(ledger, LEDGER_DESCRIPTION, NEW);
	operate(do_take_over, 5);
}
