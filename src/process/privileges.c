/* SPDX-License-Identifier: MIT */
#include "process/privileges.h"

#include <errno.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "config.h"
#include "util.h"

/* Root's programs gain nothing by being root's, and no capability becomes ambient. */
#define LOCKED_SECUREBITS                                                                \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED |          \
	 SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |                         \
	 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

/* Above what is given to users and to containers; a signed number would be negative. */
#define PRIVILEGES_UID 4294901760U

/*
 * In a user namespace (rootless) a capability is valid only for what belongs to the
 * namespace. Those that the kernel checks in the initial namespace are of no use there.
 */
static const struct {
	cap_value_t capability;
	unsigned owners; /* enum privileges_owner */
	bool rootless;
	const char *reason;
} privileges_kept[] = {
	{CAP_SYS_ADMIN, PRIVILEGES_SERVICE | PRIVILEGES_ISOLATED, false,
	 "register a buffer for passthrough"},
	{CAP_LEASE, PRIVILEGES_SERVICE | PRIVILEGES_ISOLATED, false,
	 "check whether a memfd of another user is still in use"},
	{CAP_SYS_PTRACE, PRIVILEGES_SERVICE | PRIVILEGES_HELPER, true,
	 "take the exporter's descriptor (pidfd_getfd), see its namespaces"},
	{CAP_DAC_OVERRIDE, PRIVILEGES_SERVICE | PRIVILEGES_HELPER, true,
	 "open a fresh description of a memfd of another user"},
	{CAP_FOWNER, PRIVILEGES_HELPER, true,
	 "remove the permissions of others from a memfd's mode"},
};

/* The kernel's limit of RLIMIT_NOFILE; 0: unknown. */
static rlim_t privileges_nr_open(void)
{
	FILE *file = fopen("/proc/sys/fs/nr_open", "re");
	unsigned long long ceiling = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%llu", &ceiling) != 1)
		ceiling = 0;
	fclose(file);
	return (rlim_t)ceiling;
}

uint64_t privileges_raise_nofile(void)
{
	struct rlimit limit;
	rlim_t ceiling = privileges_nr_open();

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	if (ceiling > limit.rlim_max) {
		struct rlimit higher = {ceiling, ceiling};

		/* Needs CAP_SYS_RESOURCE. */
		if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
			return ceiling;
	}
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur;
}

bool privileges_are_initial(void)
{
	/* The kernel's fixed number of the initial user namespace. */
	static const char initial[] = "user:[4026531837]";
	char link[64];
	ssize_t n = readlink("/proc/self/ns/user", link, sizeof(link));

	return n == (ssize_t)strlen(initial) && !memcmp(link, initial, strlen(initial));
}

#ifdef SANITIZED

/* LeakSanitizer traces its own process, which the kernel permits if all uids are equal.
 */
int privileges_take_uid(void)
{
	return 0;
}

#else

int privileges_take_uid(void)
{
	if (getuid() != 0 || !privileges_are_initial() ||
	    setresuid(PRIVILEGES_UID, (uid_t)-1, (uid_t)-1) == 0)
		return 0;
	if (errno != EPERM)
		return -errno;
	log_warning("missing capability to have a real uid of its own");
	return 0;
}

#endif

static bool privileges_has(cap_t caps, cap_value_t capability)
{
	cap_flag_value_t have;

	return cap_get_flag(caps, capability, CAP_PERMITTED, &have) == 0 &&
	       have == CAP_SET;
}

static int privileges_want(cap_t wanted, cap_value_t capability)
{
	return cap_set_flag(wanted, CAP_PERMITTED, 1, &capability, CAP_SET) < 0 ||
			       cap_set_flag(wanted, CAP_EFFECTIVE, 1, &capability,
					    CAP_SET) < 0
		       ? -errno
		       : 0;
}

/* Sets in @wanted those of the table that @caps has. */
static int privileges_intersect(cap_t caps, cap_t wanted, enum privileges_owner owner)
{
	bool rootless = !privileges_are_initial();
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(privileges_kept); i++) {
		if (!(privileges_kept[i].owners & owner) ||
		    (rootless && !privileges_kept[i].rootless))
			continue;
		if (!privileges_has(caps, privileges_kept[i].capability))
			log_warning("missing capability to %s",
				    privileges_kept[i].reason);
		else if (r == 0)
			r = privileges_want(wanted, privileges_kept[i].capability);
	}
	return r;
}

/*
 * What an execve(2) could give back. It takes CAP_SETPCAP to take that away; without it
 * no_new_privs alone keeps execve(2) from giving any.
 */
static int privileges_bound(cap_t wanted)
{
	cap_flag_value_t keep;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	if (prctl(PR_SET_SECUREBITS, LOCKED_SECUREBITS, 0, 0, 0) < 0)
		return errno == EPERM ? 0 : -errno;
	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++) {
		if (cap_get_flag(wanted, cap, CAP_PERMITTED, &keep) < 0)
			return -errno;
		if (keep == CAP_CLEAR && cap_drop_bound(cap) < 0)
			return -errno;
	}
	return 0;
}

/* Has these alone, in all sets; of those that are inherited none. */
static int privileges_set(cap_t wanted)
{
	int r = privileges_bound(wanted);

	if (r == 0 && cap_set_proc(wanted) < 0)
		r = -errno;
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	return r;
}

int privileges_keep(enum privileges_owner owner)
{
	cap_t caps = cap_get_proc(), wanted = cap_init();
	int r = caps && wanted ? privileges_intersect(caps, wanted, owner) : -ENOMEM;

	if (r == 0 && owner != PRIVILEGES_HELPER && !privileges_has(caps, CAP_SETPCAP))
		log_warning("missing capability to reduce the bounding set");
	if (r == 0)
		r = privileges_set(wanted);
	cap_free(caps);
	cap_free(wanted);
	return r;
}

static int privileges_want_to_search(cap_t caps, cap_t wanted)
{
	const cap_value_t search = CAP_DAC_OVERRIDE;

	return privileges_has(caps, search) && cap_set_flag(wanted, CAP_PERMITTED, 1,
							    &search, CAP_SET) < 0
		       ? -errno
		       : 0;
}

void privileges_search(bool all)
{
	const cap_value_t search = CAP_DAC_OVERRIDE;
	cap_t caps = cap_get_proc();

	if (caps && privileges_has(caps, search) &&
	    cap_set_flag(caps, CAP_EFFECTIVE, 1, &search, all ? CAP_SET : CAP_CLEAR) == 0)
		(void)cap_set_proc(caps);
	cap_free(caps);
}

int privileges_drop_for_keeper(void)
{
	cap_t caps = cap_get_proc(), wanted = cap_init();
	int r = caps && wanted ? 0 : -ENOMEM;

	if (r == 0 && privileges_has(caps, CAP_SYS_ADMIN))
		r = privileges_want(wanted, CAP_SYS_ADMIN);
	if (r == 0)
		r = privileges_want_to_search(caps, wanted);
	if (r == 0)
		r = privileges_set(wanted);
	cap_free(caps);
	cap_free(wanted);
	return r;
}

/* ---- the holder, and what it hands on ---------------------------------------------- */

/* What a service has at its start: the table above, and what that start alone needs. */
static const cap_value_t privileges_started_with[] = {
	CAP_SETPCAP, CAP_SYS_RESOURCE, CAP_SYS_CHROOT,   CAP_SYS_ADMIN, CAP_SYS_PTRACE,
	CAP_LEASE,   CAP_FOWNER,       CAP_DAC_OVERRIDE, CAP_SETUID,
};

/* Without CAP_SETPCAP no_new_privs alone keeps execve(2) from giving more. */
static int privileges_bound_holder(cap_t wanted)
{
	cap_flag_value_t keep;

	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++) {
		if (cap_get_flag(wanted, cap, CAP_PERMITTED, &keep) < 0)
			return -errno;
		if (keep == CAP_CLEAR && cap_drop_bound(cap) < 0 && errno != EPERM)
			return -errno;
	}
	return 0;
}

static int privileges_want_for_holder(cap_t caps, cap_t wanted)
{
	const cap_value_t effective = CAP_SYS_ADMIN;

	for (size_t i = 0; i < ARRAY_SIZE(privileges_started_with); i++) {
		const cap_value_t cap = privileges_started_with[i];

		if (privileges_has(caps, cap) &&
		    cap_set_flag(wanted, CAP_PERMITTED, 1, &cap, CAP_SET) < 0)
			return -errno;
	}
	return privileges_has(caps, effective) && cap_set_flag(wanted, CAP_EFFECTIVE, 1,
							       &effective, CAP_SET) < 0
		       ? -errno
		       : 0;
}

int privileges_drop_for_holder(void)
{
	cap_t caps = cap_get_proc(), wanted = cap_init();
	int r = caps && wanted ? privileges_want_for_holder(caps, wanted) : -ENOMEM;

	if (r == 0)
		r = privileges_bound_holder(wanted);
	if (r == 0 && cap_set_proc(wanted) < 0)
		r = -errno;
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	cap_free(caps);
	cap_free(wanted);
	return r;
}

/* As ambient ones, because a uid that is not root's would lose the permitted ones. */
int privileges_hand_on(void)
{
	cap_t caps = cap_get_proc();
	int r = caps ? 0 : -ENOMEM;

	for (cap_value_t cap = 0; r == 0 && cap < cap_max_bits(); cap++)
		if (privileges_has(caps, cap) &&
		    (cap_set_flag(caps, CAP_INHERITABLE, 1, &cap, CAP_SET) < 0 ||
		     cap_set_flag(caps, CAP_EFFECTIVE, 1, &cap, CAP_SET) < 0))
			r = -errno;
	if (r == 0 && cap_set_proc(caps) < 0)
		r = -errno;
	/* Where that is not permitted, root has them all the same. */
	for (cap_value_t cap = 0; r == 0 && cap < cap_max_bits(); cap++)
		if (privileges_has(caps, cap))
			(void)cap_set_ambient(cap, CAP_SET);
	cap_free(caps);
	return r;
}

int privileges_drop_all(void)
{
	cap_t none = cap_init();
	int r = none ? privileges_set(none) : -ENOMEM;

	cap_free(none);
	return r;
}
