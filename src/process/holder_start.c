/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "process/aborter.h"
#include "process/holder_private.h"
#include "process/keeper.h"
#include "process/lifetime.h"
#include "process/mountpoint.h"
#include "util.h"

static void start_block_signals(sigset_t *ret_before, sigset_t *ret_blocked)
{
	lifetime_ending_signals(ret_blocked);
	sigaddset(ret_blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, ret_blocked, ret_before);
}

/* A successor starts with these blocked, as a service has them. */
static void start_mask(const sigset_t *before, sigset_t *ret_mask)
{
	sigset_t ending;

	lifetime_ending_signals(&ending);
	sigorset(ret_mask, before, &ending);
}

/* What is installed there meanwhile is another file. */
static void start_strip_deleted(const struct holder *holder, char *path)
{
	static const char deleted[] = " (deleted)";
	size_t length = strlen(path), suffix = strlen(deleted);
	struct stat st;

	if (fstat(holder->exe, &st) == 0 && st.st_nlink == 0 && length > suffix &&
	    strcmp(path + length - suffix, deleted) == 0)
		path[length - suffix] = '\0';
}

/* A successor executes the same file, even if another one is installed by then. */
static void start_find_program(struct holder *holder)
{
	ssize_t n;

	holder->exe = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	n = readlink("/proc/self/exe", holder->path, sizeof(holder->path) - 1);
	if (holder->exe < 0 || n < 0)
		log_warning("a killed service will have no successor: %m");
	holder->path[MAX(n, 0)] = '\0';
	start_strip_deleted(holder, holder->path);
}

static void start_take_over_signals(struct holder *holder, sigset_t *ret_before,
				    sigset_t *ret_blocked)
{
	/* If it is ignored, which execve(2) keeps, the kernel reports no end of a child.
	 */
	signal(SIGCHLD, SIG_DFL);
	start_block_signals(ret_before, ret_blocked);
	start_mask(ret_before, &holder->mask);
}

static int start_become_service(struct holder *holder, pid_t parent,
				const sigset_t *before, struct held *ends)
{
	close_keep_errno(holder->exe);
	close_keep_errno(holder->ready_fd);
	close_keep_errno(holder->signals);
	keeper_attach(ends, holder->options->fdstore);
	sigprocmask(SIG_SETMASK, before, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	/* It may have ended before. */
	return getppid() == parent ? 0 : -ESRCH;
}

static void start_init(struct holder *holder, const struct options *options, char **argv,
		       int ready_fd)
{
	*holder = (struct holder){.options = options,
				  .argv = argv,
				  .ready_fd = ready_fd,
				  .aborter = -1,
				  .exe = -1,
				  .exe_before = -1,
				  .next_exe = -1};
	held_init(&holder->held);
	serving_init(&holder->current);
	serving_init(&holder->next);
	if (options->supervisor)
		start_find_program(holder);
}

int holder_fork(const struct options *options, char **argv, int ready_fd)
{
	static struct holder holder;
	pid_t self = getpid();
	sigset_t before, blocked;
	struct held ends;
	int r;

	start_init(&holder, options, argv, ready_fd);
	start_take_over_signals(&holder, &before, &blocked);
	/* Not after fork(2): its failure would leave what the service has mounted. */
	holder.signals = signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK);
	if (holder.signals < 0)
		return -errno;
	r = serving_fork(&holder.current, &ends);
	if (r == 1)
		return start_become_service(&holder, self, &before, &ends);
	if (r < 0)
		return r;
	holder_run(&holder);
}

/*
 * The ledger has the number of the mount, too, but code in a service can write that; and
 * at the mount point there can be another instance by now.
 */
static void start_know_mount(struct holder *holder)
{
	int r = mountpoint_of(holder->held.fuse, &holder->dev);

	if (r < 0)
		r = mountpoint_find(holder->options->mountpoint, &holder->dev);
	if (r == 0)
		r = aborter_open(holder->dev);
	holder->aborter = MAX(r, -1);
	if (r < 0)
		log_warning("cannot end the connection of a killed service: %s",
			    strerror(-r));
}

/*
 * A service ends with its holder, but not at once if a debugger or the kernel has stopped
 * it. The ledger names it, too, but that is what it writes itself.
 */
static void start_end_service(const struct holder *holder)
{
	int service = holder->held.service;

	if (service >= 0 &&
	    syscall(SYS_pidfd_send_signal, service, SIGKILL, NULL, 0) == 0)
		log_warning("a service has outlived its holder, and is killed");
}

_Noreturn void holder_continue(const struct options *options, char **argv,
			       struct held *held)
{
	static struct holder holder;
	sigset_t before, blocked;

	start_init(&holder, options, argv, options->ready_fd);
	holder.held = *held;
	holder.has_served = true;
	/* Its predecessor did: the next one is not late. */
	holder.current.is_ready = true;
	log_info("a service takes over the mount that systemd keeps");
	start_end_service(&holder);
	start_know_mount(&holder);
	start_take_over_signals(&holder, &before, &blocked);
	holder.signals = signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK);
	holder_run(&holder);
}
