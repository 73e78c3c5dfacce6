/* SPDX-License-Identifier: MIT */
/* filter_helper.c - the system calls of the helper: two filters, one in the other */
#include <fcntl.h>
#include <linux/nsfs.h>

#include "base/pidfd.h"
#include "process/filter.h"
#include "process/filter_build.h"
#include "config.h"
#include "util.h"

#ifndef SANITIZED

static const int filter_helper_calls[] = {
	/* the socket */
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	/* descriptors of clients */
	SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(kcmp),
	SCMP_SYS(close),
	SCMP_SYS(fcntl),
	SCMP_SYS(fcntl64),
	SCMP_SYS(statx),
	SCMP_SYS(fstat),
	SCMP_SYS(fstat64),
	SCMP_SYS(newfstatat),
	SCMP_SYS(fstatat64),
	SCMP_SYS(fchmod),
	/* /proc, and a new description of a memfd */
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(read),
	SCMP_SYS(lseek),
	SCMP_SYS(_llseek),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	/* of the C library */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(futex_time64),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* Of the first process alone, and of the start of the others. */
static const int filter_helper_start_calls[] = {
	SCMP_SYS(clone),        SCMP_SYS(kill),    SCMP_SYS(wait4),
	SCMP_SYS(dup2),         SCMP_SYS(dup3),    SCMP_SYS(close_range),
	SCMP_SYS(rseq),         SCMP_SYS(seccomp), SCMP_SYS(set_robust_list),
	SCMP_SYS(memfd_create),
};
/* The first so many not with any argument. */
#define FILTER_HELPER_COMPARED 2

static const unsigned filter_helper_ioctls[] = {
	PIDFD_GET_USER_NAMESPACE,
	NS_GET_PARENT,
	NS_GET_OWNER_UID,
};

static int filter_helper_add(scmp_filter_ctx filter)
{
	int r = filter_allow(filter, filter_helper_calls,
			     ARRAY_SIZE(filter_helper_calls));

	/* The second filter denies all of them. */
	if (r == 0)
		r = filter_allow(
			filter, filter_helper_start_calls + FILTER_HELPER_COMPARED,
			ARRAY_SIZE(filter_helper_start_calls) - FILTER_HELPER_COMPARED);
	/* The processes of its own group. */
	if (r == 0)
		r = filter_compare(filter, SCMP_SYS(kill), 0, UINT32_MAX, 0);
	if (r == 0)
		r = filter_compare(filter, SCMP_SYS(clone), 0,
				   CLONE_NAMESPACES | CLONE_VM, 0);
	if (r == 0)
		r = filter_allow_ioctls(filter, filter_helper_ioctls,
					ARRAY_SIZE(filter_helper_ioctls));
	return r == 0 ? filter_allow_memory(filter) : r;
}

static int filter_helper_add_denied(scmp_filter_ctx filter)
{
	return filter_deny(filter, filter_helper_start_calls,
			   ARRAY_SIZE(filter_helper_start_calls));
}

int filter_helper_begin(void)
{
	return filter_is_supported() ? filter_load(FILTER_DENY, filter_helper_add) : 0;
}

int filter_helper_serve(void)
{
	return filter_is_supported()
		       ? filter_load(SCMP_ACT_ALLOW, filter_helper_add_denied)
		       : 0;
}

#else

int filter_helper_begin(void)
{
	return 0;
}

int filter_helper_serve(void)
{
	return 0;
}

#endif
