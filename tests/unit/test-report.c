/* SPDX-License-Identifier: MIT */
/* test-report.c - messages between a service and its holder */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <sys/socket.h>

#include "process/report.h"
#include "fixture.h"

static int service, holder;

static void init(void)
{
	int ends[2];

	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)));
	service = ends[0];
	holder = ends[1];
}

TestSuite(report, .init = init, .timeout = 20);

static const struct report mounted = {.dev = 7, .event = REPORT_MOUNTED};

static unsigned receive(unsigned max, int *ret_fds)
{
	struct report report;
	unsigned n;

	cr_assert(report_receive(holder, max, &report, ret_fds, &n));
	cr_assert(eq(u64, report.dev, mounted.dev));
	return n;
}

Test(report, descriptors_are_received)
{
	int fds[REPORT_FDS_MAX], sent[2] = {new_memfd(1), new_memfd(1)};

	cr_assert(zero(int, report_send(service, &mounted, sent, 2)));
	cr_assert(eq(uint, receive(REPORT_FDS_MAX, fds), 2U));
	cr_assert(is_open(fds[0]));
	cr_assert(is_open(fds[1]));
}

/* A number would have to be closed, which a client can make wait. */
Test(report, no_descriptor_gets_a_number_where_none_is_expected)
{
	int fds[REPORT_FDS_MAX], sent[2] = {new_memfd(1), new_memfd(1)}, next;

	cr_assert(zero(int, report_send(service, &mounted, sent, 2)));
	next = dup(service);
	close(next);
	cr_assert(zero(uint, receive(0, fds)));
	cr_assert(not(is_open(next)), "the lowest number is free");
}

Test(report, nothing_is_waited_for)
{
	struct report report;
	int fds[REPORT_FDS_MAX];
	unsigned n;

	cr_assert(not(report_receive(holder, 0, &report, fds, &n)));
}

Test(report, a_service_that_reads_nothing_is_not_waited_for)
{
	int r;

	do
		r = report_post(holder, &mounted);
	while (r == 0);
	cr_assert(eq(int, r, -EAGAIN));
}

Test(report, what_is_no_report_is_refused)
{
	struct report report;
	int fds[REPORT_FDS_MAX];
	unsigned n;

	cr_assert(eq(long, send(service, &mounted, sizeof(mounted) - 1, 0),
		     (long)sizeof(mounted) - 1));
	cr_assert(not(report_receive(holder, 0, &report, fds, &n)));
}
