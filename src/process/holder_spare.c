/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "process/holder_private.h"
#include "process/ready.h"
#include "process/report.h"
#include "clock.h"
#include "crash_point.h"
#include "util.h"

#define SPARE_NAME      "dmabuffsd-spare"
#define SPARE_NAME_SIZE 16 /* TASK_COMM_LEN */

#define SPARE_AGAIN_MS 1000

/* Which spare is to continue, in memory that the holder and all spares share. */
static _Atomic pid_t *spare_chosen;
static char spare_holder_name[SPARE_NAME_SIZE];

static void spare_kill(pid_t spare)
{
	if (spare <= 0)
		return;
	kill(spare, SIGKILL);
	while (waitpid(spare, NULL, 0) < 0 && errno == EINTR)
		;
}

void holder_end_spare(struct holder *holder)
{
	spare_kill(holder->spare);
	holder->spare = 0;
}

/* The service waits for replies that the former holder may not have sent. */
static void spare_reply(struct holder *holder)
{
	const struct report unmounted = {.event = REPORT_UNMOUNT};
	const struct report refused = {.event = REPORT_UPGRADE, .status = -EINTR};

	if (!holder->current.is_ready) {
		(void)holder_let_go(holder);
		return;
	}
	(void)report_post(holder->current.reports, &unmounted);
	/* Else it is refused, or comes about, later. */
	if (!holder->next.pid)
		(void)report_post(holder->current.reports, &refused);
}

/* Signals wait until it is the holder. */
static void spare_wait(struct holder *holder, int pidfd)
{
	struct pollfd fd = {pidfd, POLLIN, 0};

	while (poll(&fd, 1, -1) != 1)
		;
	if (atomic_load(spare_chosen) != getpid())
		_exit(EXIT_SUCCESS);
	prctl(PR_SET_NAME, spare_holder_name);
	log_warning("the holder of the service was killed: its spare continues");
	holder->spare = 0;
	ready_report_main();
	spare_reply(holder);
	CRASH_POINT("holder-continued");
}

static pid_t spare_fork(void)
{
	pid_t pid;

	if (!spare_chosen) {
		void *memory = mmap(NULL, sizeof(*spare_chosen), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			return -1;
		spare_chosen = memory;
		prctl(PR_GET_NAME, spare_holder_name);
	}
	/* It has its name from its first moment on. */
	prctl(PR_SET_NAME, SPARE_NAME);
	pid = fork();
	if (pid != 0)
		prctl(PR_SET_NAME, spare_holder_name);
	return pid;
}

static void spare_choose(struct holder *holder, pid_t pid)
{
	if (pid < 0 && holder->spare_due == 0)
		log_warning("the holder of the service has no spare: %m");
	holder->spare_due = pid < 0 ? now_ms() + SPARE_AGAIN_MS : 0;
	if (pid > 0)
		atomic_store(spare_chosen, pid);
	CRASH_POINT("holder-chose");
	spare_kill(holder->spare);
	holder->spare = MAX(pid, 0);
}

void holder_make_spare(struct holder *holder)
{
	while (holder->has_served && !holder->options->fdstore) {
		_cleanup_close_ int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
		pid_t pid = self < 0 ? -1 : spare_fork();

		if (pid != 0) {
			spare_choose(holder, pid);
			return;
		}
		spare_wait(holder, self);
	}
}

void holder_watch_spare(struct holder *holder)
{
	if (holder->spare_due != 0 && now_ms() >= holder->spare_due)
		holder_make_spare(holder);
}
