/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "process/holder_private.h"
#include "process/report.h"
#include "clock.h"
#include "crash_point.h"
#include "util.h"

/* How long a service may take to check that it can take over. */
#define UPGRADE_MS 10000

static void upgrade_refuse(const struct holder *holder, int error)
{
	const struct report refused = {.event = REPORT_UPGRADE, .status = error};

	log_error("cannot upgrade to %s: %s", holder->path, strerror(-error));
	(void)report_post(holder->current.reports, &refused);
}

static int upgrade_start(struct holder *holder)
{
	struct serving_program program = {.argv = holder->argv, .mask = &holder->mask};
	int r;

	if (holder->next.pid)
		return -EBUSY;
	if (holder->is_ending)
		return -ESHUTDOWN;
	if (holder->exe < 0 || !holder->has_served)
		return -EOPNOTSUPP;
	program.exe = open(holder->path, O_PATH | O_CLOEXEC);
	if (program.exe < 0)
		return -errno;
	r = serving_start(&holder->next, &program, &holder->held);
	if (r < 0)
		close_keep_errno(program.exe);
	else
		holder->next_exe = program.exe;
	return r;
}

void holder_upgrade(struct holder *holder)
{
	int r = upgrade_start(holder);

	if (r < 0)
		return upgrade_refuse(holder, r);
	log_info("upgrade to %s", holder->path);
	holder->next_until = now_ms() + UPGRADE_MS;
	holder_make_spare(holder);
}

void holder_drop_next(struct holder *holder, int error)
{
	if (!holder->next.pid)
		return;
	serving_signal(&holder->next, SIGKILL);
	serving_finish(&holder->next);
	close_keep_errno(TAKE_FD(holder->next_exe));
	upgrade_refuse(holder, error);
}

/* From here on it is the same as after any death of a service. */
static void upgrade_switch(struct holder *holder)
{
	CRASH_POINT("holder-upgrades");
	serving_signal(&holder->current, SIGKILL);
	serving_finish(&holder->current);
	holder->current = holder->next;
	serving_init(&holder->next);
	holder_store_service(holder);
	close_keep_errno(holder->exe_before);
	holder->exe_before = holder->exe;
	holder->exe = TAKE_FD(holder->next_exe);
	holder_make_spare(holder);
	(void)holder_let_go(holder);
}

void holder_take_next(struct holder *holder)
{
	struct report report;
	int fds[REPORT_FDS_MAX];
	unsigned n;
	bool received = report_receive(holder->next.reports, 0, &report, fds, &n);

	if (received && report.event == REPORT_CHECKED)
		return upgrade_switch(holder);
	holder_drop_next(holder,
			 received && report.event == REPORT_ENDED && report.status < 0
				 ? report.status
				 : -ENOEXEC);
	holder_make_spare(holder);
}
