/* SPDX-License-Identifier: MIT */
#include "process/filter.h"

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/fs.h>
#include <linux/fuse.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "process/filter_build.h"
#include "config.h"
#include "util.h"

#ifndef SANITIZED

/* Headers may be older than Linux 6.9 and 6.11. */
#ifndef FUSE_DEV_IOC_MAGIC
#define FUSE_DEV_IOC_MAGIC 229
#endif
#ifndef FUSE_DEV_IOC_BACKING_OPEN
#define FUSE_DEV_IOC_BACKING_OPEN  _IOC(_IOC_WRITE, FUSE_DEV_IOC_MAGIC, 1, 16)
#define FUSE_DEV_IOC_BACKING_CLOSE _IOW(FUSE_DEV_IOC_MAGIC, 2, uint32_t)
#endif
#ifndef PROCMAP_QUERY
#define PROCMAP_QUERY _IOC(_IOC_READ | _IOC_WRITE, 'f', 17, 104)
#endif

/* ---- the table --------------------------------------------------------------------- */

/* Permitted with any arguments. The kernel runs no filter for them, it has a bitmap. */
static const int filter_calls[] = {
	/* descriptors and memory of clients, /dev/fuse, sockets */
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(preadv),
	SCMP_SYS(preadv2),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(pwrite64),
	SCMP_SYS(pwritev),
	SCMP_SYS(pwritev2),
	SCMP_SYS(splice),
	SCMP_SYS(vmsplice),
	SCMP_SYS(tee),
	SCMP_SYS(pipe2),
	SCMP_SYS(close),
	SCMP_SYS(close_range),
	SCMP_SYS(dup),
	SCMP_SYS(fcntl),
	SCMP_SYS(fcntl64),
	SCMP_SYS(lseek),
	SCMP_SYS(_llseek),
	SCMP_SYS(fstat),
	SCMP_SYS(fstat64),
	SCMP_SYS(newfstatat),
	SCMP_SYS(fstatat64),
	SCMP_SYS(statx),
	SCMP_SYS(ftruncate),
	SCMP_SYS(ftruncate64),
	SCMP_SYS(fchmod),
	SCMP_SYS(memfd_create),
	SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_getfd),
	/* /proc/self, and a new description of a memfd */
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	/* the broker and syslog(3) */
	SCMP_SYS(accept4),
	SCMP_SYS(connect),
	SCMP_SYS(shutdown),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	/* the bank */
	SCMP_SYS(recvmmsg),
	SCMP_SYS(recvmmsg_time64),
	/* waits and time */
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(futex),
	SCMP_SYS(futex_time64),
	SCMP_SYS(futex_waitv),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(timer_create),
	SCMP_SYS(timer_settime),
	SCMP_SYS(timer_delete),
	/* memory and threads */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(mlock),
	SCMP_SYS(mlock2),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(getcpu),
	SCMP_SYS(gettid),
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(capget),
	SCMP_SYS(getrandom),
	SCMP_SYS(uname),
	/* signals, abort(3) */
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
};

/* Permitted until the service is ready. */
static const int filter_start_calls[] = {
	SCMP_SYS(bind),     SCMP_SYS(listen),    SCMP_SYS(epoll_create1),
	SCMP_SYS(eventfd2), SCMP_SYS(signalfd4), SCMP_SYS(setsid),
	SCMP_SYS(chdir),    SCMP_SYS(dup2),      SCMP_SYS(dup3),
	SCMP_SYS(seccomp),
};

/* The commands that the service has a use for, and no other. */
static const unsigned filter_ioctls[] = {
	FUSE_DEV_IOC_BACKING_OPEN,
	FUSE_DEV_IOC_BACKING_CLOSE,
	DMA_BUF_IOCTL_SYNC,
	FIONREAD,
	PROCMAP_QUERY,
	SIOCOUTQ,
};

/* ---- rules ------------------------------------------------------------------------- */

/*
 * Threads, and no process. The flags of clone3(2) are in memory: without it the C library
 * takes clone(2).
 */
static int filter_add_threads(scmp_filter_ctx filter)
{
	return filter_compare(filter, SCMP_SYS(clone), 0, CLONE_THREAD | CLONE_NAMESPACES,
			      CLONE_THREAD);
}

/* What names a process: this one alone. */
static int filter_add_self(scmp_filter_ctx filter)
{
	const uint64_t self = (uint64_t)getpid();
	int r = filter_compare(filter, SCMP_SYS(tgkill), 0, UINT32_MAX, self);

	if (r == 0)
		r = filter_compare(filter, SCMP_SYS(prlimit64), 0, UINT32_MAX, 0);
	/* The calling thread. */
	if (r == 0)
		r = seccomp_rule_add(
			filter, SCMP_ACT_ALLOW, SCMP_SYS(setpriority), 2,
			SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, UINT32_MAX, PRIO_PROCESS),
			SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, UINT32_MAX, 0));
	if (r == 0)
		r = filter_compare(filter, SCMP_SYS(prctl), 0, UINT32_MAX, PR_SET_NAME);
	return r;
}

/* Memory of the ledger is given back. Files cannot be made larger so. */
static int filter_add_holes(scmp_filter_ctx filter)
{
	return filter_compare(filter, SCMP_SYS(fallocate), 1, UINT32_MAX,
			      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
}

/* syslog(3) connects again when its reader was restarted; a pair is for the helper. */
static int filter_add_sockets(scmp_filter_ctx filter)
{
	int r = filter_compare(filter, SCMP_SYS(socket), 0, UINT32_MAX, AF_UNIX);

	return r == 0 ? filter_compare(filter, SCMP_SYS(socketpair), 0, UINT32_MAX,
				       AF_UNIX)
		      : r;
}

/* ---- filters ----------------------------------------------------------------------- */

static int filter_add_all(scmp_filter_ctx filter)
{
	int r = filter_allow(filter, filter_calls, ARRAY_SIZE(filter_calls));

	if (r == 0)
		r = filter_allow(filter, filter_start_calls,
				 ARRAY_SIZE(filter_start_calls));
	if (r == 0)
		r = filter_allow_ioctls(filter, filter_ioctls, ARRAY_SIZE(filter_ioctls));
	if (r == 0)
		r = filter_allow_memory(filter);
	if (r == 0)
		r = filter_add_threads(filter);
	if (r == 0)
		r = filter_add_self(filter);
	if (r == 0)
		r = filter_add_holes(filter);
	return r == 0 ? filter_add_sockets(filter) : r;
}

/* With these and F_SETSIG any process can be sent any signal, by root. */
static int filter_deny_owners(scmp_filter_ctx filter)
{
	const unsigned commands[] = {F_SETOWN, F_SETOWN_EX};
	const int calls[] = {SCMP_SYS(fcntl), SCMP_SYS(fcntl64)};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(commands) * ARRAY_SIZE(calls) && r == 0; i++)
		r = seccomp_rule_add(filter, FILTER_DENY, calls[i / ARRAY_SIZE(commands)],
				     1,
				     SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, UINT32_MAX,
						commands[i % ARRAY_SIZE(commands)]));
	return r;
}

static int filter_add_denied(scmp_filter_ctx filter)
{
	int r = filter_deny(filter, filter_start_calls, ARRAY_SIZE(filter_start_calls));

	return r == 0 ? filter_deny_owners(filter) : r;
}

int filter_begin(void)
{
	if (filter_is_supported())
		return filter_load(FILTER_DENY, filter_add_all);
	log_warning("this kernel has no filters of system calls");
	return 0;
}

int filter_serve(void)
{
	return filter_is_supported() ? filter_load(SCMP_ACT_ALLOW, filter_add_denied) : 0;
}

#else

int filter_begin(void)
{
	return 0;
}

int filter_serve(void)
{
	return 0;
}

#endif
