/* SPDX-License-Identifier: MIT */
/* test-table.c - names, references and root descriptions */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "fixture.h"

TestSuite(table, .init = fixture_init, .fini = fixture_finish);

static struct table *const table = &fixture_table;

static uint64_t used(enum resource resource)
{
	return limits_used(&fixture_limits, resource);
}

/* Drops a name and the test's own reference. */
static void end(struct export *export)
{
	cr_assert(table_unname(table, export, DMABUFFS_ENDED_UNLINKED));
	table_put(table, export);
}

/* Whether the table finds it by its name; and by its id. */
static bool has_name(const uint8_t uuid[DMABUFFS_UUID_SIZE])
{
	struct export *export = table_get_named(table, uuid);

	table_put(table, export);
	return export != NULL;
}

static bool has_id(uint64_t id)
{
	struct export *export = table_get(table, id);

	table_put(table, export);
	return export != NULL;
}

/* ---- names ------------------------------------------------------------------------- */

Test(table, finds_a_name)
{
	struct export *export = fixture_add(UID_A, 0), *found;

	cr_assert(ge(u64, export->id, INO_FIRST_EXPORT));
	found = table_get_named(table, export->uuid);
	cr_assert(eq(ptr, found, export));
	table_put(table, found);
	found = table_get(table, export->id);
	cr_assert(eq(ptr, found, export));
	table_put(table, found);
	found = table_get_exported(table, fixture_root, &export->buffer);
	cr_assert(eq(ptr, found, export));
	table_put(table, found);
	cr_assert(eq(uint, export->refs, 2), "not the name's reference and the test's");
	end(export);
}

Test(table, finds_nothing_else)
{
	struct export *export = fixture_add(UID_A, 0);
	struct buffer other = export->buffer;
	uint8_t uuid[DMABUFFS_UUID_SIZE];

	for (size_t byte = 0; byte < sizeof(uuid); byte++) {
		memcpy(uuid, export->uuid, sizeof(uuid));
		uuid[byte] ^= 1;
		cr_assert(not(has_name(uuid)));
	}
	for (uint64_t id = 0; id < 100; id++)
		cr_assert(eq(int, has_id(id), id == export->id));
	cr_assert(not(has_id(fixture_root)),
		  "an export has the id of a root description");
	other.ino++;
	cr_assert(eq(ptr, table_get_exported(table, fixture_root, &other), NULL));
	other = export->buffer;
	other.dev++;
	cr_assert(eq(ptr, table_get_exported(table, fixture_root, &other), NULL));
	cr_assert(eq(ptr, table_get_exported(table, 77, &export->buffer), NULL));
	end(export);
}

static bool hold(struct export *export)
{
	bool held;

	table_lock(table);
	held = table_hold_buffer_locked(table, export);
	table_unlock(table);
	return held;
}

/* A system call is made on it without the lock; more of them do not keep it. */
Test(table, a_buffer_in_use_stays)
{
	struct export *export = fixture_add(UID_A, 0);

	cr_assert(hold(export));
	cr_assert(table_unname(table, export, DMABUFFS_ENDED_UNLINKED));
	cr_assert(export->has_buffer);
	cr_assert(eq(u64, used(RES_EXPORTS), 1));
	cr_assert(not(hold(export)));
	table_drop_buffer(table, export);
	cr_assert(not(export->has_buffer));
	cr_assert(zero(u64, used(RES_EXPORTS)));
	cr_assert(not(hold(export)));
	table_put(table, export);
}

Test(table, an_open_file_is_held_without_a_name)
{
	struct export *export = fixture_add(UID_A, 0);

	cr_assert(table_open(table, export));
	cr_assert(table_unname(table, export, DMABUFFS_ENDED_UNLINKED));
	cr_assert(hold(export));
	cr_assert(zero(int, table_close(table, export)));
	cr_assert(export->has_buffer);
	table_drop_buffer(table, export);
	cr_assert(not(export->has_buffer));
	table_put(table, export);
}

Test(table, a_name_ends_once)
{
	struct export *export = fixture_add(UID_A, 0);
	uint64_t id = export->id;
	uint8_t uuid[DMABUFFS_UUID_SIZE];

	memcpy(uuid, export->uuid, sizeof(uuid));
	cr_assert(table_unname(table, export, DMABUFFS_ENDED_UNLINKED));
	cr_assert(not(table_unname(table, export, DMABUFFS_ENDED_UNLINKED)));
	cr_assert(not(has_name(uuid)), "lost while referenced");
	cr_assert(has_id(id), "lost while referenced");
	cr_assert(zero(u64, used(RES_EXPORTS)), "still charged");
	cr_assert(
		eq(ptr, table_get_exported(table, fixture_root, &export->buffer), NULL));
	table_put(table, export);
	cr_assert(not(has_id(id)));
	table_put(table, NULL);
}

Test(table, numbers_are_never_used_twice)
{
	uint64_t last = fixture_root;

	for (int i = 0; i < 50; i++) {
		struct export *export = fixture_add(UID_A, 0);

		cr_assert(gt(u64, export->id, last));
		last = export->id;
		end(export);
	}
}

Test(table, one_name_for_a_buffer_on_a_description)
{
	const struct export_spec spec = {.uid = UID_A};
	struct export *first, *second, *other = NULL;
	int memfd = new_memfd(10);

	first = fixture_create(fixture_root, memfd, &spec);
	second = fixture_create(fixture_root, memfd, &spec);
	cr_assert(zero(int, table_add(table, first, &other)));
	cr_assert(eq(ptr, other, NULL));
	cr_assert(eq(int, table_add(table, second, &other), -EEXIST));
	cr_assert(eq(ptr, other, first));
	cr_assert(eq(uint, first->refs, 3), "no reference for the caller");
	table_put(table, other);
	cr_assert(not(second->named));
	/* Once the first export is removed, its buffer can be exported again. */
	end(first);
	cr_assert(zero(int, table_add(table, second, &other)));
	end(second);
	close(memfd);
}

Test(table, another_name_for_a_buffer)
{
	const struct export_spec spec = {.uid = UID_A},
				 another = {.uid = UID_A,
					    .flags = DMABUFFS_EXPORT_ANOTHER};
	struct export *exports[3], *other = NULL;
	int memfd = new_memfd(10);

	exports[0] = fixture_create(fixture_root, memfd, &another);
	exports[1] = fixture_create(fixture_root, memfd, &spec);
	exports[2] = fixture_create(fixture_root, memfd, &another);
	cr_assert(zero(int, table_add(table, exports[0], &other)));
	cr_assert(eq(ptr, table_get_exported(table, fixture_root, &exports[0]->buffer),
		     NULL));
	cr_assert(zero(int, table_add(table, exports[1], &other)));
	cr_assert(zero(int, table_add(table, exports[2], &other)));
	cr_assert(eq(ptr, other, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(exports); i++)
		cr_assert(has_name(exports[i]->uuid));
	cr_assert(eq(u64, used(RES_EXPORTS), 3));
	/* Each is removed separately, and only the plain one is found by its buffer. */
	end(exports[0]);
	other = table_get_exported(table, fixture_root, &exports[2]->buffer);
	cr_assert(eq(ptr, other, exports[1]));
	table_put(table, other);
	end(exports[1]);
	cr_assert(eq(ptr, table_get_exported(table, fixture_root, &exports[2]->buffer),
		     NULL));
	cr_assert(has_name(exports[2]->uuid));
	end(exports[2]);
	cr_assert(zero(sz, table->by_buffer.n_nodes));
	close(memfd);
}

Test(table, withdraws_what_was_made_on_the_description)
{
	struct export *export = fixture_add(UID_A, 0), *stays = fixture_add(UID_A, 0);
	struct export *withdrawn = NULL;
	uint8_t uuid[DMABUFFS_UUID_SIZE];
	uint64_t root;

	memcpy(uuid, export->uuid, sizeof(uuid));
	cr_assert(zero(int, table_open_root(table, &(struct payer){UID_A}, &root)));
	cr_assert(eq(int, table_withdraw(table, root, uuid, &withdrawn), -EPERM));
	cr_assert(eq(int, table_withdraw(table, 7777, uuid, &withdrawn), -EPERM));
	cr_assert(has_name(uuid), "output written on failure");
	cr_assert(eq(ptr, withdrawn, NULL), "output written on failure");
	cr_assert(eq(uint, export->refs, 2));
	cr_assert(zero(int, table_withdraw(table, fixture_root, uuid, &withdrawn)));
	cr_assert(eq(ptr, withdrawn, export));
	cr_assert(not(export->named));
	cr_assert(not(has_name(uuid)));
	cr_assert(has_name(stays->uuid));
	cr_assert(eq(uint, export->refs, 2), "no reference for the caller");
	cr_assert(eq(u64, used(RES_EXPORTS), 1));
	cr_assert(
		eq(int, table_withdraw(table, fixture_root, uuid, &withdrawn), -ENOENT));
	cr_assert(not(table_unname(table, export, DMABUFFS_ENDED_UNLINKED)));
	table_put(table, withdrawn);
	table_put(table, export);
	end(stays);
	table_close_root(table, root, ignore_ended, NULL);
}

Test(table, withdraws_nothing_that_persists)
{
	struct export *export = fixture_add(UID_A, DMABUFFS_EXPORT_PERSIST),
		      *other = NULL;
	struct export *second =
		fixture_add(UID_A, DMABUFFS_EXPORT_PERSIST | DMABUFFS_EXPORT_ANOTHER);

	cr_assert(eq(int, table_withdraw(table, fixture_root, export->uuid, &other),
		     -EPERM));
	cr_assert(eq(int, table_withdraw(table, fixture_root, second->uuid, &other),
		     -EPERM));
	cr_assert(has_name(export->uuid));
	cr_assert(has_name(second->uuid));
	cr_assert(table_unname(table, export, DMABUFFS_ENDED_UNLINKED));
	cr_assert(eq(int, table_withdraw(table, fixture_root, export->uuid, &other),
		     -ENOENT));
	table_put(table, export);
	end(second);
}

Test(table, a_name_for_each_description)
{
	const struct export_spec spec = {.uid = UID_A};
	struct export *first, *second, *other = NULL;
	int memfd = new_memfd(10);
	uint64_t root;

	cr_assert(zero(int, table_open_root(table, &(struct payer){UID_A}, &root)));
	first = fixture_create(fixture_root, memfd, &spec);
	second = fixture_create(root, memfd, &spec);
	cr_assert(zero(int, table_add(table, first, &other)));
	cr_assert(zero(int, table_add(table, second, &other)));
	cr_assert(ne(u64, first->id, second->id));
	cr_assert(eq(ptr, table_get_exported(table, root, &first->buffer), second));
	table_put(table, second);
	end(second);
	cr_assert(eq(ptr, table_get_exported(table, root, &first->buffer), NULL));
	cr_assert(has_name(first->uuid));
	end(first);
	table_close_root(table, root, ignore_ended, NULL);
	close(memfd);
}

Test(table, not_on_a_description_that_ended)
{
	const struct export_spec spec = {.uid = UID_A};
	struct export *export, *other = NULL;
	int memfd = new_memfd(10);
	uint64_t root;

	cr_assert(zero(int, table_open_root(table, &(struct payer){UID_A}, &root)));
	export = fixture_create(root, memfd, &spec);
	table_close_root(table, root, ignore_ended, NULL);
	cr_assert(eq(int, table_add(table, export, &other), -EBADF));
	cr_assert(not(export->named));
	cr_assert(eq(ptr, other, NULL));
	cr_assert(eq(uint, export->refs, 1));
	export_free(&fixture_table, export);
	close(memfd);
}

/* ---- root descriptions ------------------------------------------------------------- */

static unsigned n_ended;

static void count_ended(struct export *export, void *data)
{
	cr_assert(not(export->named));
	cr_assert(eq(ptr, data, &n_ended));
	/* The lock is not held here. */
	cr_assert(has_id(export->id));
	n_ended++;
}

Test(table, names_end_with_their_description)
{
	struct export *ended[5], *persistent;

	for (size_t i = 0; i < ARRAY_SIZE(ended); i++)
		ended[i] = fixture_add(UID_A, 0);
	persistent = fixture_add(UID_A, DMABUFFS_EXPORT_PERSIST);
	end(ended[2]); /* from the middle of the list, */
	end(ended[4]); /* and the second newest */
	table_close_root(table, fixture_root, count_ended, &n_ended);
	cr_assert(eq(uint, n_ended, 3));
	cr_assert(not(has_name(ended[0]->uuid)));
	cr_assert(has_name(persistent->uuid));
	cr_assert(eq(u64, used(RES_EXPORTS), 1));
	cr_assert(zero(u64, used(RES_ROOTS)));
	for (size_t i = 0; i < ARRAY_SIZE(ended); i++)
		if (i != 2 && i != 4)
			table_put(table, ended[i]);
	end(persistent);
}

Test(table, what_is_open_outlives_its_description)
{
	struct export *export = fixture_add(UID_A, 0);

	cr_assert(table_open(table, export));
	table_put(table, export);
	table_close_root(table, fixture_root, count_ended, &n_ended);
	cr_assert(eq(uint, n_ended, 1));
	cr_assert(export->has_buffer);
	cr_assert(eq(u64, used(RES_EXPORTS), 1));
	cr_assert(zero(int, table_close(table, export)));
	cr_assert(zero(u64, used(RES_EXPORTS)));
}

Test(table, closing_an_unknown_description)
{
	table_close_root(table, 7777, ignore_ended, NULL);
	table_close_root(table, 0, ignore_ended, NULL);
	cr_assert(eq(u64, used(RES_ROOTS), 1));
}

Test(table, descriptions_are_limited)
{
	uint64_t root = 5, id;

	fixture_limits.config.per_uid[RES_ROOTS] = 1;
	cr_assert(
		eq(int, table_open_root(table, &(struct payer){UID_A}, &root), -EDQUOT));
	cr_assert(eq(u64, root, 5), "output written on failure");
	cr_assert(zero(int, table_open_root(table, &(struct payer){UID_B}, &id)));
	table_close_root(table, id, ignore_ended, NULL);
	fixture_limits.config.per_mount[RES_ROOTS] = 1;
	cr_assert(
		eq(int, table_open_root(table, &(struct payer){UID_B}, &root), -ENOSPC));
}

Test(table, a_description_remembers_its_exporter)
{
	struct caller first = {.refs = 1}, second = {.refs = 1};

	cr_assert(eq(ptr, table_root_caller(table, fixture_root), NULL));
	cr_assert(eq(ptr, table_root_caller(table, 7777), NULL));
	table_set_root_caller(table, fixture_root, &first);
	cr_assert(eq(uint, first.refs, 2));
	cr_assert(eq(ptr, table_root_caller(table, fixture_root), &first));
	caller_unref(&first);
	table_set_root_caller(table, fixture_root, &second);
	cr_assert(eq(uint, first.refs, 1));
	cr_assert(eq(uint, second.refs, 2));
	table_set_root_caller(table, 7777, &first);
	cr_assert(eq(uint, first.refs, 1));
	table_close_root(table, fixture_root, ignore_ended, NULL);
	cr_assert(eq(uint, second.refs, 1));
}

/* ---- opens and look-ups ------------------------------------------------------------ */

Test(table, opens_are_counted)
{
	struct export *export = fixture_add(UID_A, 0);

	cr_assert(table_open(table, export));
	cr_assert(table_open(table, export));
	cr_assert(eq(uint, export->opens, 2));
	cr_assert(eq(uint, export->refs, 3));
	cr_assert(table_unname(table, export, DMABUFFS_ENDED_UNLINKED));
	cr_assert(not(table_open(table, export)), "opened a removed name");
	cr_assert(eq(uint, export->opens, 2));
	cr_assert(zero(int, table_close(table, export)));
	cr_assert(export->has_buffer);
	cr_assert(eq(u64, used(RES_EXPORTS), 1));
	cr_assert(zero(int, table_close(table, export)));
	cr_assert(not(export->has_buffer), "the last close keeps the buffer");
	cr_assert(zero(u64, used(RES_EXPORTS)));
	table_put(table, export);
}

Test(table, the_last_close_ends_the_backing_id)
{
	struct export *export = fixture_add(UID_A, 0);

	cr_assert(table_open(table, export));
	cr_assert(table_open(table, export));
	export->backing_id = 42;
	cr_assert(zero(int, table_close(table, export)));
	cr_assert(table_unname(table, export, DMABUFFS_ENDED_UNLINKED));
	cr_assert(eq(int, table_close(table, export), 42));
	cr_assert(zero(int, export->backing_id));
	cr_assert(eq(uint, export->opens, 1),
		  "the buffer was closed before its backing id");
	cr_assert(export->has_buffer, "the buffer was closed before its backing id");
	cr_assert(zero(int, table_close(table, export)));
	cr_assert(zero(uint, export->opens));
	cr_assert(not(export->has_buffer));
	table_put(table, export);
}

/* Another file is opened between the two calls: its backing id stays. */
Test(table, a_backing_id_ends_while_a_file_is_opened)
{
	struct export *export = fixture_add(UID_A, 0);

	cr_assert(table_open(table, export));
	export->backing_id = 42;
	cr_assert(eq(int, table_close(table, export), 42));
	cr_assert(table_open(table, export));
	export->backing_id = 43;
	cr_assert(zero(int, table_close(table, export)));
	cr_assert(eq(int, export->backing_id, 43));
	cr_assert(eq(uint, export->opens, 1));
	cr_assert(eq(int, table_close(table, export), 43));
	cr_assert(zero(int, table_close(table, export)));
	cr_assert(export->has_buffer);
	end(export);
}

Test(table, finish_gives_everything_back)
{
	struct export *named = fixture_add(UID_A, DMABUFFS_EXPORT_PERSIST);
	struct export *open = fixture_add(UID_B, 0);
	int fds[] = {named->buffer.fd, open->buffer.fd};

	cr_assert(table_open(table, open));
	table_put(table, named);
	table_put(table, open);
	table_close_root(table, fixture_root, ignore_ended, NULL);
	table_finish(table);
	cr_assert(not(is_open(fds[0])));
	cr_assert(not(is_open(fds[1])));
	cr_assert(zero(u64, used(RES_EXPORTS)));
	/* So that the fixture can finish the table. */
	cr_assert(zero(int, table_init(table, &fixture_limits, fixture_state(),
				       &table->root_node)));
}

/* ---- threads ----------------------------------------------------------------------- */

static void *work(void *data)
{
	uid_t uid = *(uid_t *)data;

	for (int i = 0; i < 200; i++) {
		struct export *export = fixture_add(uid, 0), *found;
		uint64_t cursor = 0;
		bool more;

		cr_assert(table_open(table, export));
		found = table_get_named(table, export->uuid);
		cr_assert(eq(ptr, found, export));
		table_put(table, found);
		table_put(table, table_next(table, 0, &cursor, &more));
		cr_assert(table_unname(table, export, DMABUFFS_ENDED_UNLINKED));
		table_close(table, export);
		table_put(table, export);
	}
	return NULL;
}

Test(table, threads)
{
	uid_t uids[4] = {UID_A, UID_A, UID_B, UID_B};
	pthread_t threads[ARRAY_SIZE(uids)];

	for (size_t i = 0; i < ARRAY_SIZE(uids); i++)
		cr_assert(zero(int, pthread_create(&threads[i], NULL, work, &uids[i])));
	for (size_t i = 0; i < ARRAY_SIZE(uids); i++)
		pthread_join(threads[i], NULL);
	cr_assert(zero(sz, table->by_id.n_nodes));
}
