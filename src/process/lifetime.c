/* SPDX-License-Identifier: MIT */
#include "process/lifetime.h"

#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "fd_identity.h"
#include "util.h"

/* How long the loop may take to notice before it is told again. */
#define RETRY_MS 50

static void lifetime_wake_up(int signal)
{
}

static void lifetime_ending_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

void lifetime_block_signals(void)
{
	struct sigaction wake = {.sa_handler = lifetime_wake_up};
	sigset_t set;

	lifetime_ending_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGUSR1, &wake, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* A lease that is broken while we ask with it, see buffer_held(). */
	signal(SIGIO, SIG_IGN);
}

/* Is a mount of this file system left in our mount namespace? */
static bool lifetime_still_mounted(const struct lifetime *lifetime)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	bool found = false;

	if (!file)
		return true;
	while (!found && getline(&line, &size, file) > 0) {
		unsigned id, parent, major, minor;

		found = sscanf(line, "%u %u %u:%u", &id, &parent, &major, &minor) == 4 &&
			makedev(major, minor) == lifetime->mount_dev;
	}
	fclose(file);
	return found;
}

/* What is behind the descriptor, whatever the path means by now. */
static void lifetime_umount_fd(int dir)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	umount2(path, MNT_FORCE | MNT_DETACH);
}

void lifetime_unmount(const char *mountpoint, uint64_t mount_dev)
{
	_cleanup_close_ int dir = open(mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);
	uint64_t dev, ino;

	if (dir >= 0 && fd_identity(dir, &dev, &ino) == 0 && dev == mount_dev)
		lifetime_umount_fd(dir);
}

static bool lifetime_must_end(const struct lifetime *lifetime, const struct pollfd *fds)
{
	struct signalfd_siginfo info;

	if (fds[1].revents && read(lifetime->signals, &info, sizeof(info)) > 0) {
		log_info("ended by signal %u", info.ssi_signo);
		return true;
	}
	if (fds[0].revents && !lifetime_still_mounted(lifetime)) {
		log_info("unmounted");
		return true;
	}
	return false;
}

/* Says that it ends once, and to the loop until it has heard. */
static void lifetime_end(struct lifetime *lifetime)
{
	if (!lifetime->ended) {
		lifetime_unmount(lifetime->mountpoint, lifetime->mount_dev);
		lifetime->before_end(lifetime->data);
	}
	lifetime->ended = true;
	fuse_session_exit(lifetime->session);
	/* The loop sleeps on a semaphore; a signal makes it look. */
	pthread_kill(lifetime->loop_thread, SIGUSR1);
}

static void *lifetime_run(void *arg)
{
	struct lifetime *lifetime = arg;
	struct pollfd fds[] = {
		{lifetime->mountinfo, POLLPRI, 0},
		{lifetime->signals, POLLIN, 0},
		{lifetime->stop, POLLIN, 0},
	};
	/* It may have been unmounted before mountinfo was opened. */
	bool ending = lifetime->end_now || !lifetime_still_mounted(lifetime);

	while (!fds[2].revents) {
		if (ending)
			lifetime_end(lifetime);
		if (poll(fds, ARRAY_SIZE(fds), ending ? RETRY_MS : -1) > 0)
			ending = ending || lifetime_must_end(lifetime, fds);
	}
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
	lifetime->mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	lifetime->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	lifetime->stop = eventfd(0, EFD_CLOEXEC);
	if (lifetime->mountinfo < 0 || lifetime->signals < 0 || lifetime->stop < 0)
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
		log_error("the watch cannot be stopped: %m");
	pthread_join(lifetime->thread, NULL);
	lifetime_close_all(lifetime);
}
