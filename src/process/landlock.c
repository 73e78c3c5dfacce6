/* SPDX-License-Identifier: MIT */
#include "process/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "config.h"
#include "util.h"

#ifndef SANITIZED

/* Headers may be older than the kernel; the numbers are those of landlock(7). */
#define LANDLOCK_FS_ALL(last)       ((UINT64_C(2) << (last)) - 1)
#define LANDLOCK_SCOPED_SOCKETS     UINT64_C(1)
#define LANDLOCK_SCOPED_SIGNALS     UINT64_C(2)
#define LANDLOCK_ABI_WITH_SCOPE     6
#define LANDLOCK_SIZE_WITHOUT_SCOPE 8

struct landlock_handled {
	uint64_t fs, net, scoped;
};

/* All rights over files that the kernel knows: the last bit of each version. */
static uint64_t landlock_all_of(long abi)
{
	static const unsigned last[] = {0, 12, 13, 14, 14};

	return abi < (long)ARRAY_SIZE(last) ? LANDLOCK_FS_ALL(last[abi])
					    : LANDLOCK_FS_ALL(15);
}

static int landlock_create(long abi)
{
	const struct landlock_handled handled = {
		.fs = landlock_all_of(abi),
		.scoped = LANDLOCK_SCOPED_SOCKETS | LANDLOCK_SCOPED_SIGNALS,
	};
	size_t size = abi < LANDLOCK_ABI_WITH_SCOPE ? LANDLOCK_SIZE_WITHOUT_SCOPE
						    : sizeof(handled);
	int rules = (int)syscall(SYS_landlock_create_ruleset, &handled, size, 0);

	return rules < 0 ? -errno : rules;
}

static int landlock_permit(int rules, int directory, uint64_t access)
{
	const struct landlock_path_beneath_attr beneath = {access, directory};

	if (directory < 0)
		return -errno;
	return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath,
		       0) < 0
		       ? -errno
		       : 0;
}

/* The service writes to its own /proc/self/mem only. */
static int landlock_permit_all(int rules, int mount_root)
{
	_cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = landlock_permit(rules, proc,
				LANDLOCK_ACCESS_FS_READ_FILE |
					LANDLOCK_ACCESS_FS_READ_DIR |
					LANDLOCK_ACCESS_FS_WRITE_FILE);

	/* A successor finds the socket bound. */
	return r == 0 && mount_root >= 0
		       ? landlock_permit(rules, mount_root, LANDLOCK_ACCESS_FS_MAKE_SOCK)
		       : r;
}

static int landlock_restrict(long abi, int mount_root)
{
	_cleanup_close_ int rules = landlock_create(abi);
	int r = rules < 0 ? rules : landlock_permit_all(rules, mount_root);

	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_landlock_restrict_self, rules, 0) < 0 ? -errno : 0;
}

int landlock_begin(int mount_root)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
			   LANDLOCK_CREATE_RULESET_VERSION);
	int r;

	if (abi < 1) {
		log_warning("this kernel has no Landlock: the root alone keeps the "
			    "service from files");
		return 0;
	}
	r = landlock_restrict(abi, mount_root);
	if (r < 0)
		log_error("cannot be restricted by Landlock: %s", strerror(-r));
	return r;
}

#else

int landlock_begin(int mount_root)
{
	return 0;
}

#endif
