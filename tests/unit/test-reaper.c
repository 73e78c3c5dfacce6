/* SPDX-License-Identifier: MIT */
/* test-reaper.c - buffers released in a dedicated thread */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "buffers/reaper.h"
#include "fixture.h"

static void init(void)
{
	cr_assert(zero(int, buffer_setup()));
}

TestSuite(reaper, .init = init);

static bool is_closed(void *data)
{
	return !is_open(*(int *)data);
}

Test(reaper, closes)
{
	struct buffer buffer;
	int fd;

	cr_assert(zero(int, reaper_start()));
	new_buffer(&buffer, 4096);
	fd = buffer.fd;
	reaper_take(&buffer);
	cr_assert(eq(int, buffer.fd, -1));
	cr_assert(wait_until(is_closed, &fd));
	fd = new_memfd(1);
	reaper_take_fd(fd);
	cr_assert(wait_until(is_closed, &fd));
	cr_assert(reaper_stop());
}

Test(reaper, closes_all_before_its_end)
{
	unsigned before = count_fds();

	cr_assert(zero(int, reaper_start()));
	for (int i = 0; i < 500; i++)
		reaper_take_fd(new_memfd(1 << 20));
	cr_assert(reaper_stop());
	cr_assert(eq(uint, count_fds(), before));
}

Test(reaper, closes_at_once_where_it_is_not_started)
{
	struct buffer buffer;
	int fd;

	new_buffer(&buffer, 1);
	buffer_keep(&buffer);
	fd = buffer.fd;
	reaper_take(&buffer);
	cr_assert(all(not(is_open(fd)), eq(int, buffer.fd, -1), not(buffer.kept)));
	cr_assert(zero(int, reaper_start()));
	cr_assert(reaper_stop());
	fd = new_memfd(1);
	reaper_take_fd(fd);
	cr_assert(not(is_open(fd)));
}

Test(reaper, takes_nothing)
{
	struct buffer buffer = {.fd = -1};

	cr_assert(zero(int, reaper_start()));
	reaper_take(&buffer);
	reaper_take_fd(-1);
	cr_assert(reaper_stop());
}

Test(reaper, can_be_started_again)
{
	for (int i = 0; i < 20; i++) {
		cr_assert(zero(int, reaper_start()));
		reaper_take_fd(new_memfd(1));
		cr_assert(reaper_stop());
	}
}
