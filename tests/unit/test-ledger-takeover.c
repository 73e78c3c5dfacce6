/* SPDX-License-Identifier: MIT */
/* test-ledger-takeover.c - what a predecessor left, whole and damaged */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

#include "base/log.h"
#include "fixture.h"
#include "ledger-build.h"

static struct ledger *left; /* as the predecessor sees it */
static uint32_t user, root, caller;
static struct ledger_losses losses;

static void start(void)
{
	left = build_ledger();
	user = build_user(left, 1000);
	root = build_root(left, 100);
	caller = build_caller(left);
}

static void stop(void)
{
	ledger_close(left);
}

TestSuite(takeover, .init = start, .fini = stop);

static struct ledger *take_over(void)
{
	char why[LEDGER_WHY_SIZE] = "";
	struct ledger *ledger = NULL;

	cr_assert(zero(int, ledger_open(dup(left->fd), why, &ledger)), "%s", why);
	cr_assert(zero(int, ledger_take_over(ledger, &losses)));
	return ledger;
}

static uint32_t count(struct ledger *ledger, enum ledger_kind kind)
{
	uint32_t slot, n = 0;

	ledger_for_each(ledger, kind, slot)
		n++;
	return n;
}

/* Of one kind, and of no other. */
static void expect_lost(enum ledger_kind kind, uint32_t n)
{
	for (size_t i = 0; i < LEDGER_KINDS; i++)
		cr_assert(eq(u32, losses.lost[i], i == kind ? n : 0), "of kind %zu", i);
}

/* ---- whole ------------------------------------------------------------------------- */

Test(takeover, keeps_what_was_committed)
{
	uint32_t export = build_export(left, 7, root, caller), open, slot;
	uint64_t handle = ledger_handle(left, LEDGER_EXPORT, export);
	struct ledger_export before = *ledger_export(left, export);
	struct ledger *ledger;
	char label[64];

	open = build_open(left, 9, export);
	ledger = take_over();
	expect_lost(LEDGER_KINDS, 0);
	cr_assert(eq(u64, ledger->header->epoch, 1));
	cr_assert(zero(int,
		       memcmp(&before, ledger_export(ledger, export), sizeof(before))));
	cr_assert(eq(u32, ledger_find(ledger, LEDGER_EXPORT, handle), export));
	cr_assert(eq(long, ledger_read_blob(ledger, before.label, label, sizeof(label)),
		     7));
	cr_assert(eq(u32, count(ledger, LEDGER_OPEN), 1));
	cr_assert(eq(u32, ledger_opened(ledger, open)->export, export));
	/* None of it is given away again. */
	slot = build_export(ledger, 11, root, build_caller(ledger));
	cr_assert(ne(u32, slot, export));
	cr_assert(eq(long, ledger_read_blob(ledger, before.label, label, sizeof(label)),
		     7));
	cr_assert(gt(u64, ledger_export(ledger, slot)->id, before.id));
	cr_assert(ne(u64, ledger_handle(ledger, LEDGER_EXPORT, slot), handle));
	ledger_close(ledger);
}

Test(takeover, frees_what_was_not_committed)
{
	struct ledger *ledger;

	ledger_alloc(left, LEDGER_EXPORT, 7);
	build_fill(left, ledger_alloc(left, LEDGER_EXPORT, 8), root, caller);
	ledger_alloc(left, LEDGER_OPEN, 9);
	ledger = take_over();
	cr_assert(eq(u32, losses.unfinished[LEDGER_EXPORT], 2));
	cr_assert(eq(u32, losses.unfinished[LEDGER_OPEN], 1));
	expect_lost(LEDGER_KINDS, 0);
	cr_assert(zero(u32, count(ledger, LEDGER_EXPORT)));
	cr_assert(eq(u32, ledger_find_made(ledger, LEDGER_EXPORT, 8), LEDGER_NONE));
	cr_assert(eq(u32, ledger_find_made(ledger, LEDGER_OPEN, 9), LEDGER_NONE));
	cr_assert(eq(u32, ledger_alloc(ledger, LEDGER_EXPORT, 0), 0));
	ledger_close(ledger);
}

Test(takeover, can_be_repeated)
{
	struct ledger *ledger, *again;

	build_open(left, 9, build_export(left, 7, root, caller));
	ledger = take_over();
	again = take_over();
	expect_lost(LEDGER_KINDS, 0);
	cr_assert(eq(u32, count(again, LEDGER_EXPORT), 1));
	cr_assert(eq(u32, count(again, LEDGER_OPEN), 1));
	cr_assert(eq(u32, count(again, LEDGER_CALLER), 1));
	cr_assert(eq(u32, count(again, LEDGER_USER), 1));
	cr_assert(eq(u64, again->header->epoch, 2));
	ledger_close(again);
	ledger_close(ledger);
}

Test(takeover, recognises_requests)
{
	uint32_t first = build_export(left, 7, root, caller);
	uint32_t second = build_export(left, 9, root, caller);
	uint32_t open = build_open(left, 11, first);
	struct ledger *ledger;

	build_unlink(left, 13, first);
	build_unlink(left, 15, second);
	ledger_free(left, LEDGER_EXPORT, second);
	ledger = take_over();
	cr_assert(eq(u32, ledger_find_made(ledger, LEDGER_DESCRIPTION, 100), root));
	cr_assert(eq(u32, ledger_find_made(ledger, LEDGER_EXPORT, 7), first));
	cr_assert(eq(u32, ledger_find_made(ledger, LEDGER_OPEN, 11), open));
	cr_assert(eq(u32, ledger_find_ended(ledger, 13), first));
	cr_assert(eq(u32, ledger_find_ended(ledger, 15), second), "it is free by now");
	cr_assert(eq(u32, ledger_find_made(ledger, LEDGER_OPEN, 7), LEDGER_NONE));
	cr_assert(eq(u32, ledger_find_ended(ledger, 7), LEDGER_NONE));
	cr_assert(eq(u32, ledger_find_ended(ledger, 0), LEDGER_NONE));
	/* Its slot is not the next that is used, so the name can still be compared. */
	cr_assert(ne(u32, ledger_alloc(ledger, LEDGER_EXPORT, 17), second));
	ledger_forget_requests(ledger);
	cr_assert(eq(u32, ledger_find_ended(ledger, 13), LEDGER_NONE));
	ledger_close(ledger);
}

/* The words of an end come before the state. */
Test(takeover, undoes_an_end_that_was_not_committed)
{
	uint32_t export = build_export(left, 7, root, caller);
	struct ledger *ledger;

	ledger_export(left, export)->end_unique = 13;
	ledger_export(left, export)->end_cause = DMABUFFS_ENDED_UNLINKED;
	atomic_store(&ledger_export(left, export)->notified, 1);
	ledger = take_over();
	cr_assert(eq(u32, ledger_find_ended(ledger, 13), LEDGER_NONE));
	cr_assert(zero(u32, ledger_export(ledger, export)->end_cause));
	cr_assert(zero(u32, atomic_load(&ledger_export(ledger, export)->notified)));
	cr_assert(eq(u32, count(ledger, LEDGER_EXPORT), 1));
	ledger_close(ledger);
}

Test(takeover, frees_callers_without_a_reference)
{
	struct ledger *ledger = take_over();

	cr_assert(zero(u32, count(ledger, LEDGER_CALLER)));
	expect_lost(LEDGER_KINDS, 0);
	ledger_close(ledger);
}

Test(takeover, keeps_a_closing_description)
{
	uint32_t export = build_export(left, 7, root, caller);
	struct ledger *ledger;

	ledger_set_state(ledger_description(left, root), LEDGER_CLOSING);
	ledger = take_over();
	expect_lost(LEDGER_KINDS, 0);
	cr_assert(
		eq(u32, ledger_state(ledger_description(ledger, root)), LEDGER_CLOSING));
	cr_assert(eq(u32, ledger_state(ledger_export(ledger, export)), LEDGER_LIVE));
	ledger_close(ledger);
}

Test(takeover, keeps_several_buffers_and_a_note)
{
	uint32_t slot = ledger_alloc(left, LEDGER_EXPORT, 7);
	struct ledger_export *export = ledger_export(left, slot);
	struct ledger_part parts[200] = {0};
	static uint8_t note[4096], got[4096];
	struct ledger *ledger;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		parts[i].kind = DMABUFFS_KIND_DMABUF;
	memset(note, 'n', sizeof(note));
	build_fill(left, slot, root, caller);
	export->n_parts = 1 + ARRAY_SIZE(parts);
	cr_assert(zero(int, ledger_put_blob(left, parts, sizeof(parts), &export->parts)));
	cr_assert(zero(int, ledger_put_blob(left, note, sizeof(note), &export->note)));
	ledger_set_state(export, LEDGER_LIVE);
	ledger = take_over();
	expect_lost(LEDGER_KINDS, 0);
	cr_assert(eq(long, ledger_read_blob(ledger, export->note, got, sizeof(got)),
		     sizeof(note)));
	cr_assert(zero(int, memcmp(note, got, sizeof(got))));
	ledger_close(ledger);
}

/* ---- damaged ----------------------------------------------------------------------- */

/* Damages a word of an export among others: it alone is lost, and its opens with it. */
static void export_lost(const char *what, size_t offset, uint32_t word)
{
	uint32_t good = build_export(left, 3, root, caller);
	uint32_t bad = build_export(left, 7, root, caller);
	struct ledger *ledger;

	build_open(left, 9, good);
	memcpy((uint8_t *)ledger_export(left, bad) + offset, &word, sizeof(word));
	ledger = take_over();
	cr_assert(eq(u32, losses.lost[LEDGER_EXPORT], 1), "%s", what);
	expect_lost(LEDGER_EXPORT, 1);
	cr_assert(eq(u32, ledger_state(ledger_export(ledger, bad)), LEDGER_FREE));
	cr_assert(eq(u32, ledger_state(ledger_export(ledger, good)), LEDGER_LIVE));
	cr_assert(eq(u32, ledger_find_made(ledger, LEDGER_EXPORT, 7), LEDGER_NONE));
	cr_assert(eq(u32, count(ledger, LEDGER_OPEN), 1));
	ledger_close(ledger);
}

#define FIELD(name) offsetof(struct ledger_export, name)

static const struct {
	const char *what;
	size_t offset;
	uint32_t word;
} damages[] = {
	{"a state of descriptions", FIELD(record.state), LEDGER_CLOSING},
	{"an unknown state", FIELD(record.state), LEDGER_STATES},
	{"no generation", FIELD(record.generation), 0},
	{"an id that was not given yet", FIELD(id), 1000},
	{"an id that is too large", FIELD(id) + 4, 0x4000},
	{"an id of the file system's own", FIELD(id), LEDGER_FIRST_ID - 1},
	{"a handle of no description", FIELD(root), BUILD_RECORDS - 1},
	{"another generation of description", FIELD(root) + 4, 77},
	{"unknown flags", FIELD(flags), 1U << 5},
	{"a mode that is too large", FIELD(mode), 01000},
	{"another type of file", FIELD(node.mode), S_IFDIR | 0600},
	{"too many bits of mode", FIELD(node.mode), S_IFREG | 0200000},
	{"an owner that is no user", FIELD(node.uid), UINT32_MAX},
	{"an owner that is no group", FIELD(node.gid), UINT32_MAX},
	{"no time", FIELD(node.mtime_ns), 1000000000},
	{"no time of access", FIELD(atime_then_ns), UINT32_MAX},
	{"a negative backing id", FIELD(backing_id), UINT32_MAX},
	{"an unknown cause", FIELD(end_cause), DMABUFFS_ENDED_LOST + 1},
	{"an unknown notification", FIELD(notified), 2},
	{"a caller that is not there", FIELD(caller), BUILD_RECORDS},
	{"a caller out of range", FIELD(caller), UINT32_MAX},
	{"a label out of range", FIELD(label), BUILD_CHUNKS + 1},
	{"a label of another", FIELD(label), 2},
	{"a note that is none", FIELD(note), BUILD_CHUNKS},
	{"an ACL that is none", FIELD(node.acl), BUILD_CHUNKS},
	{"no buffer", FIELD(n_parts), 0},
	{"a buffer that is missing", FIELD(n_parts), 2},
	{"buffers that are none", FIELD(parts), 1},
	{"a buffer of no kind", FIELD(part.kind), 0},
	{"a buffer of an unknown kind", FIELD(part.kind), DMABUFFS_KIND_DEVICE + 1},
	{"a buffer of unknown access", FIELD(part.access), 3},
};

Test(takeover, damaged_exports_are_lost)
{
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		export_lost(damages[i].what, damages[i].offset, damages[i].word);
		stop();
		start();
	}
}

Test(takeover, two_names_cannot_be_the_same)
{
	uint32_t first = build_export(left, 7, root, caller);
	uint32_t second = build_export(left, 9, root, caller);
	struct ledger *ledger;

	memcpy(ledger_export(left, second)->uuid, ledger_export(left, first)->uuid,
	       DMABUFFS_UUID_SIZE);
	ledger = take_over();
	expect_lost(LEDGER_EXPORT, 1);
	cr_assert(eq(u32, ledger_next(ledger, LEDGER_EXPORT, 0), first));
	ledger_close(ledger);
}

Test(takeover, two_ids_cannot_be_the_same)
{
	uint32_t export = build_export(left, 7, root, caller);
	struct ledger *ledger;

	ledger_export(left, export)->id = ledger_description(left, root)->id;
	ledger = take_over();
	expect_lost(LEDGER_EXPORT, 1);
	ledger_close(ledger);
}

Test(takeover, a_name_without_uuid_is_lost)
{
	uint32_t export = build_export(left, 7, root, caller);
	struct ledger *ledger;

	memset(ledger_export(left, export)->uuid, 0, DMABUFFS_UUID_SIZE);
	ledger = take_over();
	expect_lost(LEDGER_EXPORT, 1);
	ledger_close(ledger);
}

Test(takeover, a_label_that_is_no_text_is_lost)
{
	uint32_t export = build_export(left, 7, root, caller);
	struct ledger_export *record = ledger_export(left, export);
	struct ledger *ledger;

	ledger_put_blob(left, "a\nb", 3, &record->label);
	ledger = take_over();
	expect_lost(LEDGER_EXPORT, 1);
	ledger_close(ledger);
}

Test(takeover, a_lost_description_takes_its_names_along)
{
	uint32_t name = build_export(left, 7, root, caller);
	uint32_t persistent = build_export(left, 9, root, caller);
	struct ledger *ledger;

	ledger_export(left, persistent)->flags = DMABUFFS_EXPORT_PERSIST;
	build_open(left, 11, name);
	ledger_description(left, root)->kind = LEDGER_DESCRIPTION_KINDS;
	ledger = take_over();
	cr_assert(eq(u32, losses.lost[LEDGER_DESCRIPTION], 1));
	cr_assert(eq(u32, losses.lost[LEDGER_EXPORT], 1));
	cr_assert(eq(u32, losses.lost[LEDGER_OPEN], 1));
	cr_assert(eq(u32, ledger_next(ledger, LEDGER_EXPORT, 0), persistent));
	ledger_close(ledger);
}

Test(takeover, damaged_descriptions_are_lost)
{
	uint32_t flag = build_root(left, 1), token = build_root(left, 3);
	uint32_t calls = build_root(left, 5), none = build_root(left, 7);
	uint32_t nobody = build_root(left, 9), handle = build_root(left, 11);
	struct ledger *ledger;

	ledger_description(left, flag)->has_identity = 2;
	ledger_description(left, token)->has_token = 2;
	ledger_description(left, calls)->caller = 50;
	ledger_description(left, none)->id = 0;
	ledger_description(left, nobody)->has_identity = 1;
	ledger_description(left, nobody)->owner_gid = UINT32_MAX;
	ledger_description(left, handle)->kind = LEDGER_HANDLE;
	ledger = take_over();
	expect_lost(LEDGER_DESCRIPTION, 6);
	ledger_close(ledger);
}

Test(takeover, damaged_callers_are_lost_with_their_names)
{
	struct ledger *ledger;

	build_export(left, 7, root, caller);
	memset(ledger_caller(left, caller)->comm, 'x', DMABUFFS_COMM_SIZE);
	ledger = take_over();
	cr_assert(eq(u32, losses.lost[LEDGER_CALLER], 1));
	cr_assert(eq(u32, losses.lost[LEDGER_EXPORT], 1));
	ledger_close(ledger);
}

Test(takeover, a_uid_has_one_record)
{
	struct ledger *ledger;

	build_user(left, 1001);
	build_user(left, 1000);
	build_user(left, UINT32_MAX);
	ledger = take_over();
	expect_lost(LEDGER_USER, 2);
	ledger_close(ledger);
}

Test(takeover, opens_of_no_name_are_lost)
{
	uint32_t export = build_export(left, 7, root, caller);
	uint32_t range = build_open(left, 9, export),
		 stale = build_open(left, 11, export);
	struct ledger *ledger;

	ledger_opened(left, range)->export = UINT32_MAX;
	ledger_opened(left, stale)->export_generation++;
	build_open(left, 13, export);
	ledger = take_over();
	expect_lost(LEDGER_OPEN, 2);
	ledger_close(ledger);
}

/* A loop of chunks, and one that two blobs have. */
Test(takeover, damaged_blobs_cost_their_record_alone)
{
	static const uint8_t data[200];
	uint32_t loop = build_export(left, 7, root, caller);
	uint32_t shared = build_export(left, 9, root, caller);
	uint32_t good = build_export(left, 11, root, caller), note;
	struct ledger *ledger;

	ledger_put_blob(left, data, sizeof(data), &note);
	((struct ledger_chunk *)ledger_at(left, LEDGER_CHUNK, note - 1))->next = note;
	ledger_export(left, loop)->note = note;
	ledger_put_blob(left, data, sizeof(data), &ledger_export(left, good)->note);
	ledger_export(left, shared)->note = ledger_export(left, shared)->label;
	ledger = take_over();
	expect_lost(LEDGER_EXPORT, 2);
	cr_assert(eq(u32, ledger_next(ledger, LEDGER_EXPORT, 0), good));
	ledger_close(ledger);
}

Test(takeover, a_lost_acl_leaves_the_owner_alone)
{
	struct ledger_node *node = &left->header->nodes[LEDGER_NODE_ROOT];
	struct ledger *ledger;

	*node = (struct ledger_node){.mode = S_IFDIR | 0777, .acl = BUILD_CHUNKS};
	ledger = take_over();
	node = &ledger->header->nodes[LEDGER_NODE_ROOT];
	cr_assert(zero(u32, node->acl));
	cr_assert(eq(u32, node->mode, S_IFDIR | 0700));
	ledger_close(ledger);
}

/* New names would be lost at the next takeover, or be files of the file system's own. */
static void next_id_is_mended(uint64_t damaged)
{
	uint64_t id = ledger_export(left, build_export(left, 7, root, caller))->id;
	struct ledger *ledger;

	atomic_store(&left->header->next_id, damaged);
	ledger = take_over();
	expect_lost(LEDGER_KINDS, 0);
	cr_assert(gt(u64, ledger_next_id(ledger), id), "%jx", (uintmax_t)damaged);
	build_export(ledger, 9, root, caller);
	ledger_close(take_over());
	expect_lost(LEDGER_KINDS, 0);
	ledger_close(ledger);
}

Test(takeover, the_next_id_is_mended)
{
	static const uint64_t damaged[] = {
		0, 1, LEDGER_FIRST_ID, UINT64_C(1) << 47, UINT64_C(1) << 63, UINT64_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
		next_id_is_mended(damaged[i]);
		stop();
		start();
	}
}

/* One record does not raise it, so that others get ids that are none. */
Test(takeover, the_next_id_stays)
{
	uint32_t bad = build_export(left, 7, root, caller);
	struct ledger *ledger;
	uint64_t next;

	build_export(left, 9, root, caller);
	next = atomic_load(&left->header->next_id);
	ledger_export(left, bad)->id = (UINT64_C(1) << 46) - 1;
	ledger = take_over();
	expect_lost(LEDGER_EXPORT, 1);
	cr_assert(eq(u64, ledger_next_id(ledger), next));
	ledger_close(ledger);
}

Test(takeover, counters_that_fell_behind_are_raised)
{
	uint32_t export = build_export(left, 7, root, caller);
	uint64_t id = ledger_export(left, export)->id;
	struct ledger *ledger;

	atomic_store(&left->header->next_id, 1);
	left->header->sections[LEDGER_EXPORT].generation = 0;
	ledger = take_over();
	expect_lost(LEDGER_KINDS, 0);
	cr_assert(gt(u64, ledger_next_id(ledger), id));
	cr_assert(ge(u32, ledger->header->sections[LEDGER_EXPORT].generation,
		     ledger_export(ledger, export)->record.generation));
	ledger_close(ledger);
}

Test(takeover, marks_that_are_too_low_lose_nothing)
{
	struct ledger *ledger;

	for (uint64_t i = 0; i < 5; i++)
		build_open(left, 2000 + i, build_export(left, 1000 + i, root, caller));
	for (size_t i = 0; i < LEDGER_KINDS; i++)
		left->header->sections[i].high = 1;
	ledger = take_over();
	expect_lost(LEDGER_KINDS, 0);
	cr_assert(eq(u32, count(ledger, LEDGER_EXPORT), 5));
	cr_assert(eq(u32, count(ledger, LEDGER_OPEN), 5));
	/* Holes stay holes. */
	for (size_t i = 0; i < LEDGER_KINDS; i++)
		left->header->sections[i].high = BUILD_RECORDS;
	ledger_close(take_over());
	expect_lost(LEDGER_KINDS, 0);
	ledger_close(ledger);
}

Test(takeover, unknown_causes_of_the_past_are_cleared)
{
	struct ledger *ledger;

	left->past[5] = (struct ledger_past){{1}, DMABUFFS_ENDED_REVOKED};
	left->past[9] = (struct ledger_past){{1}, 77};
	ledger = take_over();
	cr_assert(eq(u32, ledger->past[5].cause, DMABUFFS_ENDED_REVOKED));
	cr_assert(zero(u32, ledger->past[9].cause));
	ledger_close(ledger);
}

/* All words of all records, one value each that is wrong nearly everywhere. */
Test(takeover, random_words_never_crash)
{
	unsigned seed = 1;

	log_set_level(LOG_EMERG);
	for (int round = 0; round < 300; round++) {
		struct ledger *ledger;

		for (uint64_t i = 0; i < 20; i++)
			build_open(left, 2000 + i,
				   build_export(left, 1000 + i, root, caller));
		for (int i = 0; i < round; i++) {
			uint32_t *words = (void *)left->header;
			size_t first = left->header->sections[0].offset;
			size_t end = left->header->received;
			size_t word =
				first + (size_t)rand_r(&seed) % (end - first) / 4 * 4;

			words[word / sizeof(*words)] =
				rand_r(&seed) % 2 ? (uint32_t)rand_r(&seed)
						  : (uint32_t)rand_r(&seed) % 8;
		}
		ledger = take_over();
		ledger_close(ledger);
		ledger = take_over();
		expect_lost(LEDGER_KINDS, 0);
		ledger_close(ledger);
		stop();
		start();
	}
}

/* ---- written to by others meanwhile ------------------------------------------------ */

/* As code that took the predecessor over can: it still has the memfd. */

Test(takeover, layout_is_that_which_was_checked)
{
	uint32_t export = build_export(left, 7, root, caller);
	char why[LEDGER_WHY_SIZE] = "";
	struct ledger *ledger = NULL;

	cr_assert(zero(int, ledger_open(dup(left->fd), why, &ledger)));
	left->header->n_queues = 64;
	left->header->past = UINT64_MAX;
	for (size_t i = 0; i < LEDGER_KINDS; i++) {
		left->header->sections[i].high = UINT32_MAX;
		left->header->sections[i].capacity = UINT32_MAX;
		left->header->sections[i].offset = UINT64_MAX;
	}
	cr_assert(zero(int, ledger_take_over(ledger, &losses)));
	expect_lost(LEDGER_KINDS, 0);
	cr_assert(eq(u32, ledger->n_queues, 2));
	cr_assert(eq(u32, ledger->places[0].capacity, BUILD_RECORDS));
	cr_assert(eq(u32, ledger_next(ledger, LEDGER_EXPORT, 0), export));
	cr_assert(eq(u32, ledger_high(ledger, LEDGER_EXPORT), export + 1));
	ledger_close(ledger);
}

Test(takeover, a_chain_that_others_damage_is_left)
{
	uint32_t export = build_export(left, 7, root, caller), other, label;
	struct ledger *ledger = take_over();

	label = ledger_export(left, export)->label;
	/* Its own successor, and beyond the end. */
	((struct ledger_chunk *)ledger_at(left, LEDGER_CHUNK, label - 1))->next = label;
	ledger_free(ledger, LEDGER_EXPORT, export);
	other = build_export(ledger, 9, root, caller);
	((struct ledger_chunk *)ledger_at(left, LEDGER_CHUNK,
					  ledger_export(left, other)->label - 1))
		->next = UINT32_MAX;
	ledger_export(left, other)->note = UINT32_MAX;
	ledger_free(ledger, LEDGER_EXPORT, other);
	cr_assert(eq(u32, ledger_next(ledger, LEDGER_EXPORT, 0), LEDGER_NONE));
	ledger_close(ledger);
}

Test(takeover, an_open_file_of_no_name_is_found_out)
{
	uint32_t export = build_export(left, 7, root, caller), slot = 42;
	uint32_t open = build_open(left, 9, export);
	struct ledger *ledger = take_over();
	struct ledger_open *record = ledger_opened(ledger, open);

	cr_assert(eq(ptr, (void *)ledger_export_of(ledger, record, &slot),
		     (void *)ledger_export(ledger, export)));
	cr_assert(eq(u32, slot, export));
	record->export_generation++;
	cr_assert(eq(ptr, (void *)ledger_export_of(ledger, record, &slot), NULL));
	record->export = UINT32_MAX;
	cr_assert(eq(ptr, (void *)ledger_export_of(ledger, record, &slot), NULL));
	cr_assert(eq(u32, slot, export));
	ledger_close(ledger);
}
