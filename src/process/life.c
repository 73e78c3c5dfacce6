/* SPDX-License-Identifier: MIT */
#include "process/life.h"

#include <errno.h>
#include <linux/close_range.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/privileges.h"
#include "thread.h"
#include "util.h"

#define LIFE_STACK (64 * 1024)

static struct {
	int end;
	int result;
	sem_t started;
} life_state;

/* Leaves @end alone in a copy of the table. */
static int life_keep_only(unsigned int end)
{
	if (syscall(SYS_close_range, end + 1, ~0U, CLOSE_RANGE_UNSHARE) < 0)
		return -errno;
	if (end > 0 && syscall(SYS_close_range, 0, end - 1, 0) < 0)
		return -errno;
	return 0;
}

static void *life_run(void *unused)
{
	int r = life_keep_only((unsigned int)life_state.end);

	if (r == 0)
		r = privileges_drop_all();
	life_state.result = r;
	sem_post(&life_state.started);
	while (r == 0)
		pause();
	return NULL;
}

int life_show(int end)
{
	int r;

	life_state.end = end;
	sem_init(&life_state.started, 0, 0);
	r = thread_start(life_run, NULL, LIFE_STACK, NULL);
	if (r < 0)
		return r;
	while (sem_wait(&life_state.started) < 0)
		;
	if (life_state.result == 0)
		close(end);
	return life_state.result;
}
