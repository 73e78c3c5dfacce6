/* SPDX-License-Identifier: MIT */
#include "process/lifetime.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include "base/log.h"
#include "process/keeper.h"
#include "process/mountpoint.h"
#include "util.h"

/* The kernel drops an ignored signal, but queues one that is blocked, too. */
void lifetime_ending_signals(sigset_t *ret_set)
{
	struct sigaction hangup;

	sigemptyset(ret_set);
	sigaddset(ret_set, SIGTERM);
	sigaddset(ret_set, SIGINT);
	if (sigaction(SIGHUP, NULL, &hangup) < 0 || hangup.sa_handler != SIG_IGN)
		sigaddset(ret_set, SIGHUP);
}

void lifetime_block_signals(void)
{
	sigset_t set;

	lifetime_ending_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* From a lease that is broken while buffer_held() has it. */
	signal(SIGIO, SIG_IGN);
}

static bool lifetime_got_signal(const struct lifetime *lifetime)
{
	struct signalfd_siginfo info;

	if (read(lifetime->signals, &info, sizeof(info)) <= 0)
		return false;
	log_notice("stopping: signal %u", info.ssi_signo);
	return true;
}

static bool lifetime_is_unmounted(const struct lifetime *lifetime)
{
	if (mountpoint_is_mounted(lifetime->mountinfo, lifetime->mount_dev))
		return false;
	log_notice("stopping: unmounted");
	return true;
}

/* If the holder does not let another service take over, this one goes on without. */
static void lifetime_lose_helper(struct pollfd *fd)
{
	log_warning("the helper was killed");
	keeper_report_helper_lost();
	fd->fd = -1;
}

static bool lifetime_must_end(const struct lifetime *lifetime, struct pollfd *fds)
{
	if ((fds[1].revents && lifetime_got_signal(lifetime)) ||
	    (fds[0].revents && lifetime_is_unmounted(lifetime)))
		return true;
	if (fds[3].revents && !fds[2].revents)
		lifetime_lose_helper(&fds[3]);
	return false;
}

static void lifetime_end(struct lifetime *lifetime)
{
	keeper_unmount();
	lifetime->before_end(lifetime->data);
	loop_stop(lifetime->loop);
}

static void *lifetime_run(void *arg)
{
	struct lifetime *lifetime = arg;
	struct pollfd fds[] = {
		{lifetime->mountinfo, POLLPRI, 0},
		{lifetime->signals, POLLIN, 0},
		{lifetime->stop, POLLIN, 0},
		{lifetime->helper, 0, 0},
	};
	/* It may have been unmounted before poll(2) watches the list. */
	bool ending = lifetime->end_now || lifetime_is_unmounted(lifetime);

	while (!ending && !fds[2].revents)
		ending = poll(fds, ARRAY_SIZE(fds), -1) > 0 &&
			 lifetime_must_end(lifetime, fds);
	if (ending)
		lifetime_end(lifetime);
	/* umount(8) with -f aborts the connection before it takes the mount away. */
	else if (!lifetime_is_unmounted(lifetime))
		log_notice("stopping: the connection was aborted");
	return NULL;
}

static void lifetime_close_all(struct lifetime *lifetime)
{
	close_keep_errno(lifetime->mountinfo);
	close_keep_errno(lifetime->signals);
	close_keep_errno(lifetime->stop);
}

int lifetime_start(struct lifetime *lifetime, bool end_now)
{
	sigset_t set;
	int r = 0;

	lifetime_ending_signals(&set);
	lifetime->end_now = end_now;
	lifetime->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	lifetime->stop = eventfd(0, EFD_CLOEXEC);
	if (lifetime->signals < 0 || lifetime->stop < 0)
		r = -errno;
	if (r == 0)
		r = -pthread_create(&lifetime->thread, NULL, lifetime_run, lifetime);
	if (r < 0)
		lifetime_close_all(lifetime);
	return r;
}

void lifetime_stop(struct lifetime *lifetime)
{
	const uint64_t one = 1;

	if (write(lifetime->stop, &one, sizeof(one)) < 0)
		log_error("cannot stop the watch: %m");
	pthread_join(lifetime->thread, NULL);
	lifetime_close_all(lifetime);
}
