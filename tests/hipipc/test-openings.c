/* SPDX-License-Identifier: MIT */
/* test-openings.c - the registry of opens, with a fake service and a fake runtime */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "../support/fds.h"
#include "fake-service.h"
#include "openings.h"
#include "reason.h"

#define THREADS 8

TestSuite(openings);

static struct hipipc_handle handle_of(uint8_t number, uint64_t offset)
{
	return (struct hipipc_handle){
		.kind = HIPIPC_KIND_MEMFD,
		.uuid = {{number}},
		.bytes = FAKE_BYTES,
		.offset = offset,
	};
}

static int open_it(uint8_t number, uint64_t offset, uint64_t *ret_pointer)
{
	const struct hipipc_handle handle = handle_of(number, offset);

	reason_begin();
	return openings_open(&fake_provider, &handle, ret_pointer);
}

Test(openings, of_one_handle_are_counted)
{
	uint64_t first, second;
	unsigned fds = count_fds();

	cr_assert(zero(int, open_it(1, 0, &first)));
	cr_assert(zero(int, open_it(1, 0, &second)));
	cr_expect(eq(u64, first, second));
	cr_expect(eq(int, fake_runtime.imports, 1));
	cr_expect(zero(int, openings_close(first)));
	cr_expect(zero(int, fake_runtime.releases));
	cr_expect(zero(int, openings_close(first)));
	cr_expect(eq(int, fake_runtime.releases, 1));
	cr_expect(eq(int, openings_close(first), -EINVAL));
	cr_expect(eq(int, fake_runtime.releases, 1));
	cr_expect(eq(uint, count_fds(), fds));
}

Test(openings, with_offsets_share_a_mapping)
{
	uint64_t begin, inside;

	cr_assert(zero(int, open_it(1, 0, &begin)));
	cr_assert(zero(int, open_it(1, 0x40, &inside)));
	cr_expect(eq(u64, inside, begin + 0x40));
	cr_expect(eq(int, fake_runtime.imports, 1));
	cr_expect(eq(int, openings_close(begin + 0x20), -EINVAL));
	cr_expect(zero(int, openings_close(begin)));
	cr_expect(eq(int, openings_close(begin), -EINVAL));
	cr_expect(zero(int, fake_runtime.releases));
	cr_expect(zero(int, openings_close(inside)));
	cr_expect(eq(int, fake_runtime.releases, 1));
}

/* A forged handle of the same name must not get another handle's mapping. */
Test(openings, of_other_parts_are_other_mappings)
{
	struct hipipc_handle other = handle_of(1, 0);
	uint64_t first, second;

	other.bytes *= 2;
	cr_assert(zero(int, open_it(1, 0, &first)));
	cr_assert(zero(int, openings_open(&fake_provider, &other, &second)));
	cr_expect(ne(u64, first, second));
}

Test(openings, belong_to_one_context_of_a_device)
{
	uint64_t first, second;

	cr_assert(zero(int, open_it(1, 0, &first)));
	fake_runtime.context = 2;
	cr_expect(eq(int, open_it(1, 0, &second), -EBUSY));
	cr_expect(eq(int, open_it(1, 8, &second), -EBUSY));
	cr_expect(zero(int, open_it(2, 0, &second)), "another handle");
	fake_runtime.device = 1;
	cr_expect(zero(int, open_it(1, 0, &second)), "another device");
	cr_expect(ne(u64, first, second));
	fake_runtime.device = 0;
	cr_expect(zero(int, openings_close(first)));
	cr_expect(zero(int, open_it(1, 0, &second)), "the mapping was not released");
}

static void *open_one(void *data)
{
	return (void *)(intptr_t)open_it(1, 0, data);
}

Test(openings, of_threads_that_want_the_same_are_one)
{
	uint64_t pointers[THREADS];
	pthread_t threads[THREADS];
	void *result;

	for (int i = 0; i < THREADS; i++)
		cr_assert(zero(
			int, pthread_create(&threads[i], NULL, open_one, &pointers[i])));
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		cr_expect(zero(ptr, result));
		cr_expect(eq(u64, pointers[i], pointers[0]));
	}
	cr_expect(eq(int, fake_runtime.imports, 1));
	for (int i = 0; i < THREADS; i++)
		cr_expect(zero(int, openings_close(pointers[i])));
	cr_expect(eq(int, fake_runtime.releases, 1));
}

static void expect_failure(int error, const char *text)
{
	unsigned fds = count_fds();
	uint64_t pointer = 99;

	cr_expect(eq(int, open_it(1, 0, &pointer), error), "not %d", error);
	reason_end("test", strerror(-error));
	cr_expect(ne(ptr, strstr(reason_last(), text), NULL), "%s", reason_last());
	cr_expect(eq(u64, pointer, 99));
	cr_expect(eq(uint, count_fds(), fds), "descriptors leak");
}

Test(openings, say_why_they_fail)
{
	uint64_t pointer;

	fake_runtime.place_error = -ENODEV;
	expect_failure(-ENODEV, "No such device");
	fake_runtime.place_error = 0;
	fake_service.import_error = -ENOENT;
	expect_failure(-ESTALE, "no such name");
	expect_failure(-ESTALE, "exited, or it is of another instance");
	fake_service.ended = -ENOENT;
	expect_failure(-ESTALE, "it is of another instance, or ended long ago");
	fake_service.ended = DMABUFFS_ENDED_WITHDRAWN;
	expect_failure(-ESTALE, "no such name any more: its exporter has freed it");
	fake_service.ended = DMABUFFS_ENDED_CLOSED;
	expect_failure(-ESTALE, "no such name any more: its exporter has exited");
	fake_service.ended = DMABUFFS_ENDED_REVOKED;
	expect_failure(-ESTALE, "no such name any more: it was revoked");
	fake_service.ended = DMABUFFS_ENDED_UNLINKED;
	expect_failure(-ESTALE, "no such name any more: it was removed by unlink");
	fake_service.import_error = -ESTALE;
	expect_failure(-ESTALE, "revoked");
	fake_service.import_error = -EROFS;
	expect_failure(-EACCES, "mounted read-only");
	cr_expect_eq(fake_service.last_access, O_RDONLY, "not tried for reading");
	fake_service.import_error = -EUSERS;
	expect_failure(-EDQUOT, "max-connections-per-uid");
	fake_service.limit = 128;
	expect_failure(-EDQUOT, "limit of 128 connections of uid ");
	fake_service.import_error = -EACCES;
	expect_failure(-EACCES, "Permission denied");
	fake_service.import_error = -EXDEV;
	expect_failure(-EACCES, "namespace");
	fake_service.import_error = 0;
	fake_runtime.import_error = -EBADMSG;
	expect_failure(-EBADMSG, "fake cannot map ");
	fake_runtime.import_error = 0;
	cr_expect(zero(int, open_it(1, 0, &pointer)));
	cr_expect(eq(int, fake_service.last_access, O_RDWR));
}

/* Without passthrough a name cannot be mapped, but its buffer can. */
Test(openings, exchange_what_cannot_be_mapped)
{
	unsigned fds = count_fds();
	uint64_t pointer;

	fake_runtime.names_cannot_be_mapped = true;
	cr_assert(zero(int, open_it(1, 0, &pointer)));
	cr_expect(eq(int, fake_service.exchanges, 1));
	cr_expect(zero(int, openings_close(pointer)));
	fake_service.exchanges = 0;
	fake_service.exchange_error = -ESTALE;
	expect_failure(-ESTALE, "revoked");
	fake_service.exchanges = 0;
	fake_service.exchange_error = -ETIMEDOUT;
	expect_failure(-ENOTCONN, "does not reply");
	cr_expect(eq(uint, count_fds(), fds));
}

/* The service goes on, or another one does, and has the names. */
Test(openings, stay_when_a_connection_is_lost)
{
	unsigned fds = count_fds();
	uint64_t first, second, again;

	fake_runtime.names_cannot_be_mapped = true;
	cr_assert(zero(int, open_it(1, 0, &first)));
	fake_service.exchanges = 0;
	fake_service.losses = 1;
	fake_service.exchange_losses = 2;
	cr_assert(zero(int, open_it(2, 0, &second)));
	cr_expect(eq(int, fake_service.exchanges, 3));
	cr_expect(eq(int, fake_service.opens, 1));
	cr_assert(zero(int, open_it(1, 0, &again)));
	cr_expect(eq(u64, again, first));
	cr_expect(eq(int, fake_runtime.imports, 2));
	cr_expect(zero(int, openings_close(first)));
	cr_expect(zero(int, openings_close(first)));
	cr_expect(zero(int, openings_close(second)));
	cr_expect(eq(int, fake_runtime.releases, 2));
	cr_expect(eq(uint, count_fds(), fds));
}

/* What was opened of the old one is no name of the new one. */
Test(openings, stay_when_the_instance_is_replaced)
{
	uint64_t first, again;

	cr_assert(zero(int, open_it(1, 0, &first)));
	fake_runtime.names_cannot_be_mapped = true;
	fake_service.losses = 1;
	fake_service.ends = true;
	fake_service.import_error = -ENOENT;
	fake_service.ended = -ENOENT;
	reason_begin();
	cr_expect(eq(int, open_it(2, 0, &again), -ESTALE));
	reason_end("test", "");
	cr_expect(ne(ptr, strstr(reason_last(), "it is of another instance"), NULL), "%s",
		  reason_last());
	cr_expect(eq(int, fake_service.opens, 2));
	cr_expect(zero(int, open_it(1, 0, &again)));
	cr_expect(eq(u64, again, first));
	cr_expect(zero(int, openings_close(first)));
	cr_expect(zero(int, openings_close(first)));
	cr_expect(eq(int, fake_runtime.releases, 1));
}

/* The service ends between the open and the exchange. */
Test(openings, of_a_replaced_instance_cannot_be_exchanged)
{
	fake_runtime.names_cannot_be_mapped = true;
	fake_service.exchange_losses = 1;
	fake_service.ends = true;
	fake_service.exchange_error = -EBADFD;
	expect_failure(-EBADMSG, "not the name of a buffer");
	cr_expect(eq(int, fake_service.opens, 2));
}

Test(openings, of_other_kinds_are_exchanged_at_once)
{
	struct hipipc_handle handle = handle_of(1, 0);
	uint64_t pointer;

	handle.kind = HIPIPC_KIND_DMABUF;
	cr_assert(zero(int, openings_open(&fake_provider, &handle, &pointer)));
	cr_expect(eq(int, fake_service.exchanges, 1));
	fake_service.import_error = -EACCES;
	handle.uuid.bytes[0] = 2;
	reason_begin();
	cr_expect(eq(int, openings_open(&fake_provider, &handle, &pointer), -EACCES));
	cr_expect(eq(int, fake_service.last_access, O_RDWR),
		  "a dma-buf has no read-only side");
}

/* Threads that wait for a mapping which then fails try it themselves. */
static void *open_later(void *data)
{
	return open_one(data);
}

static pthread_t waiter;
static uint64_t waiters_pointer;

static void start_waiter(void)
{
	fake_runtime.during_import = NULL;
	cr_assert(zero(int, pthread_create(&waiter, NULL, open_later, &waiters_pointer)));
	fake_runtime.import_error = -ENOMEM;
}

Test(openings, that_fail_leave_others_their_turn)
{
	uint64_t pointer;
	void *result;

	fake_runtime.during_import = start_waiter;
	cr_expect(eq(int, open_it(1, 0, &pointer), -ENOMEM));
	fake_runtime.import_error = 0;
	pthread_join(waiter, &result);
	/* Depends on whether the error was still set. */
	cr_expect(result == NULL || (intptr_t)result == -ENOMEM);
	cr_expect(zero(int, open_it(1, 0, &pointer)));
}
