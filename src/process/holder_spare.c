/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "process/holder_private.h"
#include "process/ready.h"
#include "crash_point.h"
#include "util.h"

void holder_end_spare(struct holder *holder)
{
	if (holder->spare <= 0)
		return;
	kill(holder->spare, SIGKILL);
	while (waitpid(holder->spare, NULL, 0) < 0 && errno == EINTR)
		;
	holder->spare = 0;
}

/* Signals wait until it is the holder. */
static void spare_wait(int holder)
{
	struct pollfd fd = {holder, POLLIN, 0};

	while (poll(&fd, 1, -1) != 1)
		;
	log_warning("the holder of the service was killed: its spare continues");
	ready_report_main();
	CRASH_POINT("holder-continued");
}

void holder_make_spare(struct holder *holder)
{
	holder_end_spare(holder);
	while (holder->has_served && !holder->options->fdstore) {
		_cleanup_close_ int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
		pid_t pid = self < 0 ? -1 : fork();

		if (pid < 0)
			log_warning("the holder of the service has no spare: %m");
		holder->spare = MAX(pid, 0);
		if (pid != 0)
			return;
		spare_wait(self);
	}
}
