/* SPDX-License-Identifier: MIT */
/* filter_build.h - how the filters of the service and of its helper are made; 0, -errno
 */
#ifndef DMABUFFS_FILTER_BUILD_H
#define DMABUFFS_FILTER_BUILD_H

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_DENY SCMP_ACT_ERRNO(ENOSYS)

/* Of clone(2), whose lowest byte is a signal; CLONE_NEWTIME is for clone3(2) alone. */
#define CLONE_NAMESPACES                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |   \
	 CLONE_NEWPID | CLONE_NEWNET)

/* Permits @n calls with any arguments, or denies them. */
int filter_allow(scmp_filter_ctx filter, const int *calls, size_t n);
int filter_deny(scmp_filter_ctx filter, const int *calls, size_t n);

/* @call is permitted if @argument, after @mask, is @value. */
int filter_compare(scmp_filter_ctx filter, int call, unsigned argument, uint64_t mask,
		   uint64_t value);

/* Permits these commands of ioctl(2). */
int filter_allow_ioctls(scmp_filter_ctx filter, const unsigned *commands, size_t n);

/* Nothing that was not there at the start is ever executed. */
int filter_allow_memory(scmp_filter_ctx filter);

/*
 * Loads what @add makes, for all threads; @otherwise is the action for all other calls.
 * Those of another architecture are denied. no_new_privs is set already.
 */
int filter_load(uint32_t otherwise, int (*add)(scmp_filter_ctx filter));

/* Linux 4.14 or newer, with filters. */
bool filter_is_supported(void);

#endif
