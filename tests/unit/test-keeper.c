/* SPDX-License-Identifier: MIT */
/* test-keeper.c - what a service reads of its holder */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <poll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "process/keeper.h"
#include "process/report.h"
#include "fixture.h"

/* The holder's end. */
static int holder;

static void init(void)
{
	struct held held;
	int ends[2];

	log_set_level(LOG_CRIT);
	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)));
	holder = ends[0];
	held_init(&held);
	held.holder = ends[1];
	keeper_attach(&held, false);
}

TestSuite(keeper, .init = init, .timeout = 20);

static void reply(enum report_event event, int status)
{
	const struct report report = {.event = event, .status = status};

	cr_assert(zero(int, report_post(holder, &report)));
}

static enum report_event next_request(void)
{
	struct report report;
	int fds[REPORT_FDS_MAX];
	unsigned n;

	cr_assert(report_receive(holder, 0, &report, fds, &n));
	return report.event;
}

static void *refuse_upgrade(void *unused)
{
	struct pollfd fd = {holder, POLLIN, 0};

	(void)poll(&fd, 1, -1);
	reply(REPORT_UPGRADE, -ENOEXEC);
	return NULL;
}

/* A holder that continues for a killed one does not know what that has replied to. */
Test(keeper, replies_to_nothing_are_dropped)
{
	pthread_t thread;

	reply(REPORT_UNMOUNT, 0);
	reply(REPORT_UPGRADE, -EINTR);
	cr_assert(zero(int, pthread_create(&thread, NULL, refuse_upgrade, NULL)));
	cr_assert(eq(int, keeper_upgrade(), -ENOEXEC));
	pthread_join(thread, NULL);
	cr_assert(eq(int, (int)next_request(), (int)REPORT_UPGRADE));
}

/* A successor gets none from the holder, which has them. */
Test(keeper, a_descriptor_is_reported_once)
{
	struct report report;
	int fds[REPORT_FDS_MAX];
	unsigned n;

	keeper_report_ready(-1);
	cr_assert(report_receive(holder, REPORT_FDS_MAX, &report, fds, &n));
	cr_assert(eq(u32, report.event, (uint32_t)REPORT_READY));
	cr_assert(zero(uint, n));
}
