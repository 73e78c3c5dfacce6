/* SPDX-License-Identifier: MIT */
#include "base/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "util.h"

static const char *const policy_ns_names[DMABUFFS_NS_COUNT] = {
	[DMABUFFS_NS_USER] = "user", [DMABUFFS_NS_PID] = "pid",
	[DMABUFFS_NS_MNT] = "mnt",   [DMABUFFS_NS_IPC] = "ipc",
	[DMABUFFS_NS_NET] = "net",   [DMABUFFS_NS_CGROUP] = "cgroup",
};

const char *policy_ns_name(enum dmabuffs_ns ns)
{
	return policy_ns_names[ns];
}

int policy_ns_by_name(const char *name, size_t length)
{
	for (int ns = 0; ns < DMABUFFS_NS_COUNT; ns++)
		if (strlen(policy_ns_names[ns]) == length &&
		    !memcmp(policy_ns_names[ns], name, length))
			return ns;
	return -EINVAL;
}

int policy_check_ns(uint32_t mask, const uint64_t exporter[DMABUFFS_NS_COUNT],
		    const uint64_t importer[DMABUFFS_NS_COUNT])
{
	for (int ns = 0; ns < DMABUFFS_NS_COUNT; ns++) {
		if (!(mask & (1U << ns)))
			continue;
		if (!exporter[ns] || !importer[ns])
			return -EREMOTE;
		if (exporter[ns] != importer[ns])
			return -EXDEV;
	}
	return 0;
}

bool policy_is_readonly(bool readonly, uint32_t seals)
{
	return readonly || seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
}

int policy_check_open(int open_flags, bool readonly, uint32_t seals)
{
	bool to_write = (open_flags & O_ACCMODE) != O_RDONLY;

	return to_write && policy_is_readonly(readonly, seals) ? -EPERM : 0;
}

int policy_check_export(int fd_flags, bool readonly)
{
	int access = fd_flags & O_ACCMODE;

	if (fd_flags & O_PATH)
		return -EBADF;
	/* The fourth mode, 3, is for ioctl(2) only: it permits neither. */
	return access == O_RDWR || (readonly && access == O_RDONLY) ? 0 : -EACCES;
}

/* O_RDONLY, O_WRONLY and O_RDWR are 0, 1 and 2: one more makes them bits. */
int policy_check_exchange(int file_access, int description_access)
{
	int allowed = (file_access & O_ACCMODE) + 1;
	int given = (description_access & O_ACCMODE) + 1;

	return given & ~allowed ? -EACCES : 0;
}

int policy_check_revoke(uid_t caller, uid_t owner)
{
	return caller == 0 || caller == owner ? 0 : -EPERM;
}
