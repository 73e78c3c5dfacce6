/* SPDX-License-Identifier: MIT */
#include "process/filter_build.h"

#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "util.h"

#ifndef SANITIZED

int filter_allow(scmp_filter_ctx filter, const int *calls, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return r;
}

int filter_deny(scmp_filter_ctx filter, const int *calls, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = seccomp_rule_add(filter, FILTER_DENY, calls[i], 0);
	return r;
}

int filter_compare(scmp_filter_ctx filter, int call, unsigned argument, uint64_t mask,
		   uint64_t value)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
				SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, mask, value));
}

/* The kernel looks at the low half of the command. */
int filter_allow_ioctls(scmp_filter_ctx filter, const unsigned *commands, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = filter_compare(filter, SCMP_SYS(ioctl), 1, UINT32_MAX, commands[i]);
	return r;
}

int filter_allow_memory(scmp_filter_ctx filter)
{
	const int calls[] = {SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect)};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(calls) && r == 0; i++)
		r = filter_compare(filter, calls[i], 2, PROT_EXEC, 0);
	return r;
}

int filter_load(uint32_t otherwise, int (*add)(scmp_filter_ctx filter))
{
	scmp_filter_ctx filter = seccomp_init(otherwise);
	int r = filter ? seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, FILTER_DENY)
		       : -ENOMEM;

	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	/* A search of the number, not a walk through all of them. */
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = add(filter);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

bool filter_is_supported(void)
{
	const uint32_t action = SECCOMP_RET_ERRNO;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

#endif
