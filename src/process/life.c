/* SPDX-License-Identifier: MIT */
#include "process/life.h"

#include <errno.h>
#include <linux/close_range.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/aborter.h"
#include "process/privileges.h"
#include "thread.h"
#include "util.h"

#define LIFE_STACK (64 * 1024)

static struct {
	struct life_fds fds;
	int result;
	sem_t started;
} life_state;

static bool life_keeps(int fd)
{
	const struct life_fds *fds = &life_state.fds;

	return fd == fds->end || fd == fds->keeper || fd == fds->aborter;
}

/* Leaves those alone in a copy of the table. */
static int life_keep_only(void)
{
	const struct life_fds *fds = &life_state.fds;
	int last = MAX(MAX(fds->end, fds->keeper), fds->aborter);

	if (syscall(SYS_close_range, (unsigned)last + 1, ~0U, CLOSE_RANGE_UNSHARE) < 0)
		return -errno;
	for (int fd = 0; fd < last; fd++)
		if (!life_keeps(fd))
			close(fd);
	return 0;
}

/* Once the keeper has ended, nobody else would end the connection. */
static _Noreturn void life_watch(void)
{
	struct pollfd keeper = {.fd = life_state.fds.keeper};

	while (poll(&keeper, 1, -1) < 0 || !(keeper.revents & POLLHUP))
		;
	if (life_state.fds.aborter >= 0)
		aborter_use(life_state.fds.aborter);
	_exit(EXIT_FAILURE);
}

static void *life_run(void *unused)
{
	int r = life_keep_only();

	if (r == 0)
		r = privileges_drop_all();
	life_state.result = r;
	sem_post(&life_state.started);
	if (r == 0)
		life_watch();
	return NULL;
}

int life_show(const struct life_fds *fds)
{
	int r;

	life_state.fds = *fds;
	sem_init(&life_state.started, 0, 0);
	r = thread_start(life_run, NULL, LIFE_STACK, NULL);
	if (r < 0)
		return r;
	while (sem_wait(&life_state.started) < 0)
		;
	if (life_state.result == 0) {
		close(fds->end);
		close_keep_errno(fds->aborter);
	}
	return life_state.result;
}
