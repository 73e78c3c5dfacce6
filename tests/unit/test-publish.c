/* SPDX-License-Identifier: MIT */
/* test-publish.c - naming a buffer or an ASID; no trace after a failure */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <syslog.h>

#include "base/log.h"
#include "names/publish.h"
#include "fail-each.h"
#include "fixture.h"

static int memfd;
static struct buffer buffer;
static struct export_request request;
static uint8_t uuid[DMABUFFS_UUID_SIZE], other_uuid[DMABUFFS_UUID_SIZE];

static void prepare(void)
{
	cr_assert(zero(int, buffer_init(&buffer, fcntl(memfd, F_DUPFD_CLOEXEC, 0), false,
					NULL)));
	request = (struct export_request){
		.root_id = fixture_root,
		.uid = UID_A,
		.gid = UID_A,
		.label = "label",
		.buffer = &buffer,
	};
}

static void init(void)
{
	fixture_init();
	caller_setup();
	log_set_level(LOG_ERR);
	memfd = new_memfd(4096);
	prepare();
}

static void finish(void)
{
	buffer_finish(&buffer);
	close(memfd);
	fixture_finish();
}

TestSuite(publish, .init = init, .fini = finish);

static int publish(uint8_t ret_uuid[DMABUFFS_UUID_SIZE])
{
	return publish_new(&fixture_table, &request, getpid(), -1, ret_uuid);
}

/* Looks up @name; returns it with a reference. */
static struct export *named(const uint8_t name[DMABUFFS_UUID_SIZE])
{
	struct export *export = table_get_named(&fixture_table, name);

	cr_assert(ne(ptr, export, NULL));
	return export;
}

/* ---- success ----------------------------------------------------------------------- */

Test(publish, makes_a_name)
{
	struct export *export;

	cr_assert(zero(int, publish(uuid)));
	cr_assert(eq(int, buffer.fd, -1));
	cr_assert(eq(ptr, request.caller, NULL));
	export = named(uuid);
	cr_assert(eq(uint, export->exporter, UID_A));
	cr_assert(eq(int, export->caller->pid, getpid()));
	cr_assert(eq(uint, export->refs, 2), "not the name's reference and the test's");
	table_put(&fixture_table, export);
}

Test(publish, finds_nothing_before)
{
	cr_assert(eq(int, publish_find(&fixture_table, &request, uuid), -ENOENT));
}

Test(publish, returns_the_same_name_again)
{
	cr_assert(zero(int, publish(uuid)));
	prepare();
	cr_assert(zero(int, publish_find(&fixture_table, &request, other_uuid)));
	cr_assert(zero(int, memcmp(uuid, other_uuid, sizeof(uuid))));
	/* Simulates another thread that publishes after publish_find(). */
	memset(other_uuid, 0, sizeof(other_uuid));
	cr_assert(zero(int, publish(other_uuid)));
	cr_assert(zero(int, memcmp(uuid, other_uuid, sizeof(uuid))));
	cr_assert(eq(u64, limits_used(&fixture_limits, RES_EXPORTS), 1));
}

Test(publish, caches_the_caller_of_a_thread)
{
	int pidfd = caller_open((pid_t)syscall(SYS_gettid)), other = new_memfd(1);
	struct caller *cached;
	struct export *export;

	cr_assert(
		zero(int, publish_new(&fixture_table, &request, getpid(), pidfd, uuid)));
	cached = table_root_caller(&fixture_table, fixture_root);
	cr_assert(ne(ptr, cached, NULL));
	prepare();
	buffer_finish(&buffer);
	cr_assert(zero(int, buffer_init(&buffer, other, false, NULL)));
	cr_assert(
		zero(int, publish_new(&fixture_table, &request, getpid(), pidfd, uuid)));
	export = named(uuid);
	if (cached->thread)
		cr_assert(eq(ptr, export->caller, cached));
	table_put(&fixture_table, export);
	caller_unref(cached);
	close(pidfd);
}

/* ---- mismatches -------------------------------------------------------------------- */

static void check_differs(void)
{
	memset(other_uuid, 0xaa, sizeof(other_uuid));
	cr_assert(eq(int, publish_find(&fixture_table, &request, other_uuid), -EEXIST));
	cr_assert(eq(int, publish(other_uuid), -EEXIST));
	for (size_t i = 0; i < sizeof(other_uuid); i++)
		cr_assert(eq(u8, other_uuid[i], 0xaa), "output written on failure");
	cr_assert(eq(u64, limits_used(&fixture_limits, RES_EXPORTS), 1));
	prepare();
}

Test(publish, differing_exports_are_refused)
{
	cr_assert(zero(int, publish(uuid)));
	prepare();
	request.label = "other";
	check_differs();
	request.label = "";
	check_differs();
	request.uid = UID_B;
	check_differs();
	request.flags = DMABUFFS_EXPORT_PERSIST;
	check_differs();
	request.flags = DMABUFFS_EXPORT_READONLY;
	check_differs();
	request.flags = DMABUFFS_EXPORT_MODE;
	check_differs();
	request.mode = 0640;
	check_differs();
}

Test(publish, another_name_of_the_same_buffer)
{
	cr_assert(zero(int, publish(uuid)));
	prepare();
	request.flags = DMABUFFS_EXPORT_ANOTHER;
	cr_assert(eq(int, publish_find(&fixture_table, &request, other_uuid), -ENOENT));
	cr_assert(zero(int, publish(other_uuid)));
	cr_assert(ne(int, memcmp(uuid, other_uuid, sizeof(uuid)), 0));
	cr_assert(eq(u64, limits_used(&fixture_limits, RES_EXPORTS), 2));
}

/* ---- failures leave nothing behind ------------------------------------------------- */

Test(publish, root_description_is_closed)
{
	request.root_id = 7777;
	cr_assert(eq(int, publish(uuid), -EBADF));
	cr_assert(eq(u64, limits_used(&fixture_limits, RES_EXPORTS), 0));
}

Test(publish, over_a_limit)
{
	fixture_limits.config.per_uid[RES_BYTES] = 4095;
	cr_assert(eq(int, publish(uuid), -EDQUOT));
	cr_assert(is_open(buffer.fd), "the caller's descriptor was closed");
	cr_assert(eq(ptr, request.caller, NULL));
	cr_assert(eq(u64, limits_used(&fixture_limits, RES_EXPORTS), 0));
}

static uint64_t root;

static void prepare_act(void)
{
	prepare();
	cr_assert(zero(int,
		       table_open_root(&fixture_table, &(struct payer){UID_A}, &root)));
	request.root_id = root;
}

static int act(void)
{
	memset(uuid, 0, sizeof(uuid));
	return publish(uuid);
}

static void finish_act(int r)
{
	struct export *export = table_get_named(&fixture_table, uuid);

	cr_assert(eq(int, export != NULL, r == 0));
	cr_assert(eq(ptr, request.caller, NULL));
	table_put(&fixture_table, export);
	table_close_root(&fixture_table, root, ignore_ended, NULL);
	buffer_finish(&buffer);
}

Test(publish, each_failure_leaves_nothing)
{
	buffer_finish(&buffer);
	fail_each(&(struct operation){prepare_act, act, finish_act, true});
}
