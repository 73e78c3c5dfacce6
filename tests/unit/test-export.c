/* SPDX-License-Identifier: MIT */
/* test-export.c - one export: its charges and its end */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <pthread.h>
#include <fuse_lowlevel.h>
#include <sys/mman.h>

#include "fixture.h"

TestSuite(export, .init = fixture_init, .fini = fixture_finish);

static uint64_t used(enum resource resource)
{
	return limits_used(&fixture_limits, resource);
}

/* An export of @size bytes by UID_A; @ret_memfd is the exporter's descriptor. */
static struct export *create(size_t size, int *ret_memfd)
{
	const struct export_spec spec = {.uid = UID_A, .label = "a label"};

	*ret_memfd = new_memfd(size);
	return fixture_create(fixture_root, *ret_memfd, &spec);
}

static void set_limit(uint64_t limits[RES_COUNT], enum resource resource, uint64_t limit)
{
	limits[resource] = limit;
}

Test(export, is_made_whole)
{
	const struct export_spec spec = {.uid = UID_A, .flags = DMABUFFS_EXPORT_PERSIST};
	int memfd = new_memfd(100);
	struct export *export = fixture_create(fixture_root, memfd, &spec);

	cr_assert(eq(uint, export->refs, 1));
	cr_assert(eq(uint, export->opens, 0));
	cr_assert(export->has_buffer);
	cr_assert(not(export->named));
	cr_assert(not(export->revoked));
	cr_assert(eq(u64, export->root_id, fixture_root));
	cr_assert(eq(ptr, export->label, NULL));
	cr_assert(eq(u32, export->flags, DMABUFFS_EXPORT_PERSIST));
	cr_assert(eq(u64, used(RES_EXPORTS), 1));
	cr_assert(eq(u64, used(RES_BYTES), 100));
	cr_assert(eq(uint, export->node.uid, UID_A));
	cr_assert(eq(uint, export->node.gid, UID_A));
	cr_assert(eq(uint, export->node.mode, S_IFREG | 0600), "the default mode");
	export_free(&fixture_table, export);
	cr_assert(eq(u64, used(RES_EXPORTS), 0));
	cr_assert(eq(u64, used(RES_BYTES), 0));
	close(memfd);
}

Test(export, takes_the_mode_asked_for)
{
	struct caller caller = {.refs = 1};
	struct export *export;
	struct buffer buffer;
	struct export_request request = {
		.uid = UID_A,
		.flags = DMABUFFS_EXPORT_MODE,
		.mode = 0,
		.label = "x",
		.caller = &caller,
		.buffer = &buffer,
	};

	new_buffer(&buffer, 1);
	cr_assert(zero(int, export_create(&fixture_table, &request, &export)));
	cr_assert(eq(uint, export->node.mode, S_IFREG));
	cr_assert(eq(str, (char *)export_label(export), (char *)"x"));
	cr_assert(eq(uint, caller.refs, 2));
	cr_assert(eq(int, buffer.fd, -1), "the export did not take it");
	export_free(&fixture_table, export);
	cr_assert(eq(uint, caller.refs, 1));
}

Test(export, names_differ)
{
	char first[UUID_TEXT_LENGTH + 1], second[UUID_TEXT_LENGTH + 1];
	int fds[2];
	struct export *a = create(1, &fds[0]), *b = create(1, &fds[1]);

	export_name(a, first);
	export_name(b, second);
	cr_assert(eq(sz, strlen(first), UUID_TEXT_LENGTH));
	cr_assert(ne(str, first, second));
	cr_assert(eq(sz, strspn(first, "0123456789abcdef-"), UUID_TEXT_LENGTH));
	cr_assert(eq(chr, first[14], '4'), "a random UUID");
	export_free(&fixture_table, a);
	export_free(&fixture_table, b);
	close(fds[0]);
	close(fds[1]);
}

static int try_create(size_t size, struct buffer *buffer)
{
	struct caller caller = {.refs = 1};
	struct export *untouched = (void *)1, *export = untouched;
	struct export_request request = {
		.uid = UID_A,
		.label = "",
		.caller = &caller,
		.buffer = buffer,
	};
	int r;

	new_buffer(buffer, size);
	r = export_create(&fixture_table, &request, &export);
	cr_assert(eq(uint, caller.refs, 1));
	cr_assert(eq(ptr, export, untouched));
	return r;
}

Test(export, refused_over_a_limit)
{
	struct buffer buffer;

	set_limit(fixture_limits.config.per_uid, RES_BYTES, 99);
	cr_assert(eq(int, try_create(100, &buffer), -EDQUOT));
	cr_assert(is_open(buffer.fd), "the buffer was closed on failure");
	buffer_finish(&buffer);
	set_limit(fixture_limits.config.per_uid, RES_BYTES, 100);
	set_limit(fixture_limits.config.per_mount, RES_BYTES, 99);
	cr_assert(eq(int, try_create(100, &buffer), -ENOSPC));
	buffer_finish(&buffer);
	set_limit(fixture_limits.config.per_mount, RES_EXPORTS, 0);
	cr_assert(eq(int, try_create(1, &buffer), -ENOSPC));
	buffer_finish(&buffer);
	set_limit(fixture_limits.config.per_uid, RES_EXPORTS, 0);
	cr_assert(eq(int, try_create(1, &buffer), -EDQUOT));
	buffer_finish(&buffer);
	cr_assert(eq(u64, used(RES_EXPORTS), 0));
	cr_assert(eq(u64, used(RES_BYTES), 0));
}

Test(export, releases_its_buffer_once)
{
	int memfd;
	struct export *export = create(4096, &memfd);
	int own = export->buffer.fd;

	export_release_buffer(&fixture_table, export);
	cr_assert(not(is_open(own)));
	cr_assert(not(export->has_buffer));
	cr_assert(zero(u64, used(RES_BYTES)));
	export_release_buffer(&fixture_table, export);
	cr_assert(zero(u64, used(RES_EXPORTS)));
	cr_assert(zero(int, export_transfer(&fixture_table, export, UID_B)));
	cr_assert(zero(u64, used(RES_EXPORTS)), "charged to A after the transfer");
	export_free(&fixture_table, export);
	export_free(&fixture_table, NULL);
	close(memfd);
}

Test(export, recharge_follows_the_size)
{
	int memfd;
	struct export *export = create(100, &memfd);

	cr_assert(zero(int, ftruncate(memfd, 5000)));
	cr_assert(zero(int, export_recharge(&fixture_table, export)));
	cr_assert(eq(u64, used(RES_BYTES), 5000));
	cr_assert(eq(u64, export->charged_bytes, 5000));
	cr_assert(zero(int, ftruncate(memfd, 10)));
	cr_assert(zero(int, export_recharge(&fixture_table, export)));
	cr_assert(eq(u64, used(RES_BYTES), 10));
	cr_assert(eq(u64, export->charged_bytes, 10));
	cr_assert(zero(int, ftruncate(memfd, 0)));
	cr_assert(zero(int, export_recharge(&fixture_table, export)));
	cr_assert(eq(u64, used(RES_BYTES), 0));
	export_free(&fixture_table, export);
	close(memfd);
}

/* Memory beyond the end of the file is charged too. */
Test(export, charges_what_it_takes)
{
	int memfd;
	struct export *export = create(100, &memfd);

	cr_assert(zero(int, fallocate(memfd, FALLOC_FL_KEEP_SIZE, 0, 1 << 20)));
	cr_assert(zero(int, export_recharge(&fixture_table, export)));
	cr_assert(ge(u64, used(RES_BYTES), 1 << 20));
	export_free(&fixture_table, export);
	close(memfd);
}

Test(export, recharge_over_a_limit_keeps_the_charge)
{
	int memfd;
	struct export *export = create(100, &memfd);

	set_limit(fixture_limits.config.per_uid, RES_BYTES, 200);
	cr_assert(zero(int, ftruncate(memfd, 201)));
	cr_assert(eq(int, export_recharge(&fixture_table, export), -EDQUOT));
	cr_assert(eq(u64, used(RES_BYTES), 100));
	set_limit(fixture_limits.config.per_uid, RES_BYTES, 1000);
	set_limit(fixture_limits.config.per_mount, RES_BYTES, 200);
	cr_assert(eq(int, export_recharge(&fixture_table, export), -ENOSPC));
	cr_assert(eq(u64, used(RES_BYTES), 100));
	cr_assert(zero(int, ftruncate(memfd, 200)));
	cr_assert(zero(int, export_recharge(&fixture_table, export)));
	cr_assert(eq(u64, used(RES_BYTES), 200));
	export_free(&fixture_table, export);
	close(memfd);
}

Test(export, transfer)
{
	int memfd;
	struct export *export = create(100, &memfd);

	cr_assert(zero(int, export_transfer(&fixture_table, export, UID_A)));
	cr_assert(zero(int, export_transfer(&fixture_table, export, UID_B)));
	cr_assert(eq(u64, used(RES_EXPORTS), 1));
	cr_assert(eq(u64, used(RES_BYTES), 100));
	cr_assert(eq(uint, export->charged_uid, UID_B));
	/* B is charged now, so A's whole limit is free again. */
	set_limit(fixture_limits.config.per_uid, RES_BYTES, 150);
	cr_assert(eq(int, limits_charge(&fixture_limits, UID_B, RES_BYTES, 51), -EDQUOT));
	cr_assert(zero(int, limits_charge(&fixture_limits, UID_A, RES_BYTES, 150)));
	cr_assert(eq(int, export_transfer(&fixture_table, export, UID_A), -EDQUOT));
	cr_assert(eq(uint, export->charged_uid, UID_B));
	limits_uncharge(&fixture_limits, UID_A, RES_BYTES, 150);
	export_free(&fixture_table, export);
	close(memfd);
}

static _Atomic bool taking_ended;

/* Takes the one name that A may have whenever it is free. */
static void *take_what_is_given_up(void *data)
{
	while (!taking_ended)
		if (limits_charge(&fixture_limits, UID_A, RES_EXPORTS, 1) == 0)
			limits_uncharge(&fixture_limits, UID_A, RES_EXPORTS, 1);
	return NULL;
}

/* What was refused stays charged to whom it was, although A's place is taken meanwhile.
 */
Test(export, transfer_beside_another_request)
{
	int memfd;
	struct export *export = create(100, &memfd);
	pthread_t thread;

	set_limit(fixture_limits.config.per_uid, RES_EXPORTS, 1);
	set_limit(fixture_limits.config.per_uid, RES_BYTES, 100);
	cr_assert(zero(int, limits_charge(&fixture_limits, UID_B, RES_BYTES, 1)));
	cr_assert(zero(int, pthread_create(&thread, NULL, take_what_is_given_up, NULL)));
	for (int i = 0; i < 20000; i++)
		cr_assert(
			eq(int, export_transfer(&fixture_table, export, UID_B), -EDQUOT));
	taking_ended = true;
	pthread_join(thread, NULL);
	cr_assert(eq(u64, limits_used_by(&fixture_limits, UID_A, RES_EXPORTS), 1));
	cr_assert(zero(u64, limits_used_by(&fixture_limits, UID_B, RES_EXPORTS)));
	limits_uncharge(&fixture_limits, UID_B, RES_BYTES, 1);
	export_free(&fixture_table, export);
	close(memfd);
}

/* A change of owner does not change the mount's total. */
Test(export, transfer_in_a_full_mount)
{
	int memfd;
	struct export *export = create(100, &memfd);

	set_limit(fixture_limits.config.per_mount, RES_EXPORTS, 1);
	set_limit(fixture_limits.config.per_mount, RES_BYTES, 100);
	cr_assert(zero(int, export_transfer(&fixture_table, export, UID_B)));
	cr_assert(eq(uint, export->charged_uid, UID_B));
	cr_assert(eq(u64, used(RES_EXPORTS), 1));
	cr_assert(eq(u64, used(RES_BYTES), 100));
	export_free(&fixture_table, export);
	close(memfd);
}

Test(export, times)
{
	int memfd;
	struct export *export = create(100, &memfd);
	struct stat buffer, shown = {.st_mtim.tv_sec = 5, .st_ctim.tv_sec = 5};

	cr_assert(zero(int, fstat(memfd, &buffer)));
	export_times(export, &buffer, &shown);
	cr_assert(eq(long, shown.st_mtim.tv_nsec, buffer.st_mtim.tv_nsec));
	cr_assert(eq(long, shown.st_ctim.tv_nsec, buffer.st_ctim.tv_nsec));
	export_set_times(&fixture_table, export, FUSE_SET_ATTR_MTIME);
	shown = (struct stat){.st_mtim.tv_sec = 5, .st_ctim.tv_sec = INT32_MAX};
	export_times(export, &buffer, &shown);
	cr_assert(eq(long, shown.st_mtim.tv_sec, 5), "set on the name");
	cr_assert(eq(long, shown.st_ctim.tv_sec, INT32_MAX), "the later one");
	cr_assert(eq(long, shown.st_atim.tv_sec, buffer.st_atim.tv_sec), "not set");
	export_free(&fixture_table, export);
	close(memfd);
}
