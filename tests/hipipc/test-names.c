/* SPDX-License-Identifier: MIT */
/* test-names.c - the registry of exports, with a fake service and a fake runtime */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <dmabuffs.h>

#include "../support/fds.h"
#include "fake-service.h"
#include "names.h"
#include "reason.h"

#define THREADS 8

TestSuite(names);

static int get(const struct hipipc_provider *provider, uint64_t id,
	       struct hipipc_handle *ret_handle)
{
	const struct hipipc_allocation allocation = fake_allocation(id);

	reason_begin();
	return names_of_memory(provider, &allocation, ret_handle);
}

static bool same(const struct hipipc_handle *a, const struct hipipc_handle *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

Test(names, one_allocation_has_one_name)
{
	struct hipipc_handle first, second, other;

	cr_assert(zero(int, get(&fake_provider, 1, &first)));
	cr_assert(zero(int, get(&fake_provider, 1, &second)));
	cr_assert(zero(int, get(&fake_provider, 2, &other)));
	cr_expect(same(&first, &second));
	cr_expect(not(same(&first, &other)));
	cr_expect(eq(int, fake_service.exports, 2));
	cr_expect(eq(u64, first.bytes, FAKE_BYTES));
	cr_expect(names_has(&first.uuid));
	cr_expect(eq(u32, fake_service.last_mode, 0600));
}

Test(names, end_with_what_they_name)
{
	struct hipipc_handle before, after;

	cr_assert(zero(int, get(&fake_provider, 1, &before)));
	fake_runtime.freed(1);
	cr_expect(eq(int, fake_service.withdrawals, 1));
	cr_expect(not(names_has(&before.uuid)));
	fake_runtime.freed(1);
	fake_runtime.freed(77);
	cr_expect(eq(int, fake_service.withdrawals, 1),
		  "withdrew a name that does not exist");
	cr_assert(zero(int, get(&fake_provider, 1, &after)));
	cr_expect(not(same(&before, &after)));
}

static void *get_one(void *data)
{
	return (void *)(intptr_t)get(&fake_provider, 1, data);
}

Test(names, threads_that_want_the_same_get_the_same)
{
	struct hipipc_handle handles[THREADS];
	pthread_t threads[THREADS];
	void *result;

	for (int i = 0; i < THREADS; i++)
		cr_assert(zero(int,
			       pthread_create(&threads[i], NULL, get_one, &handles[i])));
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		cr_expect(zero(ptr, result));
		cr_expect(same(&handles[0], &handles[i]));
	}
	cr_expect(eq(int, fake_service.exports, 1));
}

static void free_1(void)
{
	fake_runtime.freed(1);
}

Test(names, of_what_is_freed_meanwhile_end_at_once)
{
	unsigned fds = count_fds();
	struct hipipc_handle handle;

	cr_assert(zero(int, get(&fake_provider, 2, &handle)));
	fake_service.during_export = free_1;
	cr_expect(eq(int, get(&fake_provider, 1, &handle), -EINVAL));
	cr_expect(eq(int, fake_service.withdrawals, 1));
	fake_service.during_export = NULL;
	cr_expect(zero(int, get(&fake_provider, 1, &handle)));
	cr_expect(eq(uint, count_fds(), fds));
}

/* Otherwise freeing one would remove the other's name. */
Test(names, are_not_shared_by_allocations_in_one_buffer)
{
	struct hipipc_handle handle;

	cr_assert(zero(int, get(&fake_provider, 1, &handle)));
	cr_expect(ne(u32, fake_service.last_flags & DMABUFFS_EXPORT_ANOTHER, 0));
	cr_expect(ne(u32, fake_service.last_flags & DMABUFFS_EXPORT_MODE, 0));
}

static void expect_failure_of(uint64_t id, int error, const char *text)
{
	unsigned fds = count_fds();
	struct hipipc_handle handle = {.bytes = 99};

	cr_expect(eq(int, get(&fake_provider, id, &handle), error));
	reason_end("test", strerror(-error));
	cr_expect(ne(ptr, strstr(reason_last(), text), NULL), "%s", reason_last());
	cr_expect(eq(u64, handle.bytes, 99));
	cr_expect(eq(uint, count_fds(), fds), "descriptors leak");
}

static void expect_failure(int error, const char *text)
{
	expect_failure_of(1, error, text);
}

Test(names, are_not_made_when_anything_fails)
{
	struct hipipc_handle handle;

	fake_service.open_error = -ENOENT;
	expect_failure(-ENOTCONN, "no instance of dmabuffs: No such file");
	fake_service.open_error = -ENOTTY;
	expect_failure(-ENOTCONN, "no instance of dmabuffs: another file system");
	fake_service.open_error = 0;
	fake_runtime.export_error = -EOPNOTSUPP;
	expect_failure(-EOPNOTSUPP, "opened from a handle");
	fake_runtime.export_error = -ENOENT;
	expect_failure(-EINVAL, "freed meanwhile");
	fake_runtime.export_error = 0;
	fake_service.export_error = -EMFILE;
	expect_failure(-EMFILE, "too many open files (ulimit -n)");
	fake_service.export_error = -EDQUOT;
	expect_failure(-EDQUOT, "quota");
	expect_failure(-EDQUOT, "max-exports-per-uid");
	fake_service.limit = 1 << 20;
	expect_failure(-EDQUOT, "1048576 of 1048576 names");
	fake_service.limit = 77;
	expect_failure(-EDQUOT, "larger than the limit of uid");
	expect_failure(-EDQUOT, ", 77 bytes (max-bytes-per-uid)");
	fake_service.export_error = -ENOSPC;
	expect_failure(-ENOSPC, "the mount is full: ");
	fake_service.export_error = -EROFS;
	expect_failure(-EACCES, "mounted read-only");
	fake_service.export_error = -EBADFD;
	expect_failure(-EOPNOTSUPP, "does not accept this kind of descriptor");
	fake_service.export_error = -EPERM;
	expect_failure(-EACCES, "may not export");
	fake_service.export_error = -EBUSY; /* an errno without a meaning here */
	expect_failure(-EIO, "busy");
	fake_service.export_error = 0;
	cr_expect(zero(int, get(&fake_provider, 1, &handle)));
}

/* A restarted service does not have the names of the previous one. */
Test(names, are_made_anew_after_the_service_has_ended)
{
	struct hipipc_handle before, after, other;

	cr_assert(zero(int, get(&fake_provider, 1, &before)));
	fake_service.losses = 1;
	fake_service.ends = true;
	cr_expect(zero(int, get(&fake_provider, 2, &other)),
		  "the new service is not used");
	cr_assert(zero(int, get(&fake_provider, 1, &after)));
	cr_expect(not(same(&before, &after)));
	cr_expect(eq(int, fake_service.opens, 2));
	cr_expect(eq(int, fake_service.closes, 1), "the old instance");
	cr_expect(zero(int, fake_service.withdrawals), "the old service has exited");
}

/* No call in between finds out. */
Test(names, are_made_anew_by_the_next_get)
{
	struct hipipc_handle before, after;

	cr_assert(zero(int, get(&fake_provider, 1, &before)));
	cr_assert(zero(int, get(&fake_provider, 1, &after)));
	cr_expect(same(&before, &after));
	fake_service.exited_opens = fake_service.opens;
	cr_assert(zero(int, get(&fake_provider, 1, &after)));
	cr_expect(not(same(&before, &after)));
	cr_expect(eq(int, fake_service.opens, 2));
}

/* Somebody removed it, or the successor of a killed service could not keep it. */
Test(names, that_ended_are_made_anew)
{
	struct hipipc_handle before, after;

	cr_assert(zero(int, get(&fake_provider, 1, &before)));
	fake_service.root_fd = open("/proc/self/fdinfo", O_PATH | O_CLOEXEC);
	cr_assert(ge(int, fake_service.root_fd, 0));
	cr_assert(zero(int, get(&fake_provider, 1, &after)));
	cr_expect(not(same(&before, &after)));
	cr_expect(not(names_has(&before.uuid)));
	cr_expect(eq(int, fake_service.exports, 2));
	close(fake_service.root_fd);
	fake_service.root_fd = STDIN_FILENO;
	cr_expect(eq(int, fake_service.opens, 1), "its instance stays");
	fake_runtime.freed(1);
	cr_expect(eq(int, fake_service.withdrawals, 1), "the second name's alone");
}

/* A service with too many connections closes some: its names stay. */
Test(names, stay_when_a_connection_is_lost)
{
	struct hipipc_handle before, after, other;

	cr_assert(zero(int, get(&fake_provider, 1, &before)));
	fake_service.losses = 2;
	cr_expect(zero(int, get(&fake_provider, 2, &other)));
	cr_assert(zero(int, get(&fake_provider, 1, &after)));
	cr_expect(same(&before, &after));
	cr_expect(eq(int, fake_service.opens, 1));
	fake_service.losses = 1000;
	expect_failure_of(3, -ENOTCONN, "closes all connections");
}

Test(names, of_events_stay_when_a_connection_is_lost)
{
	struct hipipc_handle before, after, other;

	cr_assert(zero(int, names_of_event(&fake_provider, 1, &before)));
	fake_service.losses = 2;
	cr_expect(zero(int, names_of_event(&fake_provider, 2, &other)));
	cr_assert(zero(int, names_of_event(&fake_provider, 1, &after)));
	cr_expect(same(&before, &after));
	cr_expect(eq(int, fake_service.opens, 1));
	cr_expect(zero(int, fake_service.withdrawals));
}

Test(names, that_cannot_be_withdrawn_are_given_up)
{
	struct hipipc_handle handle;

	cr_assert(zero(int, get(&fake_provider, 1, &handle)));
	fake_service.withdraw_error = -ENOTCONN;
	fake_runtime.freed(1);
	cr_expect(not(names_has(&handle.uuid)));
	fake_service.withdraw_error = 0;
	cr_assert(zero(int, get(&fake_provider, 1, &handle)));
	cr_expect(eq(int, fake_service.opens, 2), "that service had exited");
}

Test(names, of_the_silent_runtimes_are_swept)
{
	struct hipipc_handle handles[200];
	int sweeps = 0;

	for (uint64_t id = 1; id <= 200; id++)
		cr_assert(zero(int, get(&fake_silent_provider, id, &handles[id - 1])));
	fake_runtime.freed_id = 77;
	while (names_has(&handles[76].uuid) && sweeps++ < 4)
		names_sweep(&fake_silent_provider);
	cr_expect(not(names_has(&handles[76].uuid)));
	cr_expect(eq(int, fake_service.withdrawals, 1));
	cr_expect(names_has(&handles[75].uuid));
	names_sweep(&fake_provider);
}
