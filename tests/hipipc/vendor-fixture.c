/* SPDX-License-Identifier: MIT */
#include "vendor-fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reason.h"

#define MAX_CALLS 100

const struct hipipc_provider *provider;
const struct fake_control *fake;

uint64_t make_pointer(enum fake_kind kind, size_t bytes)
{
	return (uintptr_t)fake->alloc(kind, bytes, NULL);
}

struct hipipc_allocation make(enum fake_kind kind, size_t bytes)
{
	struct hipipc_allocation allocation;

	cr_assert(zero(int, provider->find(make_pointer(kind, bytes), &allocation)));
	return allocation;
}

struct hipipc_backing export_it(const struct hipipc_allocation *allocation)
{
	struct hipipc_backing backing;

	cr_assert(zero(int, provider->export_memory(allocation, &backing)));
	cr_assert(eq(int, fcntl(backing.fd, F_GETFD), FD_CLOEXEC));
	return backing;
}

void reason_is(const char *word)
{
	reason_end("test", "");
	if (word)
		cr_assert(ne(ptr, strstr(reason_last(), word), NULL), "%s",
			  reason_last());
	reason_begin();
}

void check_find(uint64_t pointer, int expected, const char *word)
{
	struct hipipc_allocation before, after;

	memset(&before, 0x5a, sizeof(before));
	after = before;
	reason_begin();
	cr_assert(eq(int, provider->find(pointer, &after), expected));
	cr_assert(zero(int, memcmp(&before, &after, sizeof(before))));
	reason_is(word);
}

void check_export(const struct hipipc_allocation *allocation, int expected,
		  const char *word)
{
	struct hipipc_backing before, after;
	unsigned int fds = count_fds();

	memset(&before, 0x5a, sizeof(before));
	after = before;
	reason_begin();
	cr_assert(eq(int, provider->export_memory(allocation, &after), expected));
	cr_assert(zero(int, memcmp(&before, &after, sizeof(before))));
	cr_assert(eq(uint, count_fds(), fds));
	cr_assert(zero(int, fake->counts().handles));
	reason_is(word);
}

void check_import(const struct hipipc_backing *backing, uint64_t bytes, int expected,
		  const char *word)
{
	struct fake_counts before = fake->counts(), after;
	unsigned int fds = count_fds();
	uint64_t pointer = 1234;

	reason_begin();
	cr_assert(eq(int, provider->import_memory(backing, bytes, &pointer), expected));
	cr_assert(eq(u64, pointer, 1234));
	after = fake->counts();
	cr_assert(zero(int, memcmp(&before, &after, sizeof(before))));
	cr_assert(eq(uint, count_fds(), fds));
	reason_is(word);
}

void check_same(uint64_t one, uint64_t other, size_t bytes)
{
	uint8_t *a = (uint8_t *)(uintptr_t)one, *b = (uint8_t *)(uintptr_t)other;

	cr_assert(ne(ptr, a, b));
	for (size_t i = 0; i < bytes; i++)
		a[i] = (uint8_t)(i * 7 + i / 251);
	for (size_t i = 0; i < bytes; i++)
		cr_assert(eq(u8, b[i], (uint8_t)(i * 7 + i / 251)));
	b[bytes - 1] ^= 0xff;
	cr_assert(eq(u8, a[bytes - 1], b[bytes - 1]));
}

static void expect_result(int r, const int *errors)
{
	bool known = r == 0;

	for (; *errors; errors++)
		known |= r == -*errors;
	cr_assert(known, "%s: %d", fake->failed(), r);
	reason_end("test", "");
	if (r < 0 && r != -ENOENT)
		cr_assert(ne(int, *reason_last(), '\0'), "%s: %d without a reason",
			  fake->failed(), r);
}

void fail_each_call(int (*act)(void *data), void *data, int result, const int *errors)
{
	unsigned int nth = 1, n_errors = 0;

	for (; nth < MAX_CALLS; nth++) {
		struct fake_counts before = fake->counts(), after;
		unsigned int fds = count_fds();
		int r;

		reason_begin();
		fake->fail(nth, result);
		r = act(data);
		if (!fake->failed())
			break;
		fake->fail(0, 0);
		expect_result(r, errors);
		n_errors += r < 0;
		after = fake->counts();
		cr_assert(zero(int, memcmp(&before, &after, sizeof(before))), "%u", nth);
		cr_assert(eq(uint, count_fds(), fds), "%u", nth);
	}
	fake->fail(0, 0);
	cr_assert(lt(uint, nth, MAX_CALLS));
	cr_assert(gt(uint, n_errors, 0));
}

static bool tells_child(int r)
{
	bool explained;

	reason_end("test", "");
	explained = r == -ECHILD && strstr(reason_last(), "exec");
	reason_begin();
	return explained;
}

/* A child reports to the parent: assertions do not work there. */
void check_forked_child(uint64_t pointer)
{
	struct hipipc_allocation allocation;
	struct hipipc_place place;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		reason_begin();
		status = !tells_child(provider->find(pointer, &allocation));
		status |= !tells_child(provider->place(&place)) << 1;
		_exit(status);
	}
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_assert(zero(int, status));
	cr_assert(zero(int, provider->find(pointer, &allocation)));
}

int export_once(void *data)
{
	struct hipipc_backing backing;
	int r = provider->export_memory(data, &backing);

	if (r == 0)
		close(backing.fd);
	return r;
}

void expect_nothing_left(void)
{
	static const struct fake_counts none;
	struct fake_counts now = fake->counts();

	cr_assert(zero(int, memcmp(&now, &none, sizeof(now))));
}
