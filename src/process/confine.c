/* SPDX-License-Identifier: MIT */
#include "process/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "config.h"
#include "util.h"

#ifndef SANITIZED

#define PLAIN    (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
#define READONLY (PLAIN | MOUNT_ATTR_RDONLY)

/* What the root consists of: a clone of the mount at @from, a path of the old root. */
struct confine_part {
	const char *from, *to;
	uint64_t attributes;
	unsigned recursive; /* AT_RECURSIVE or 0 */
	bool is_file;
	bool is_optional, is_for_syslog;
	int tree;
};

/*
 * A process can write to itself in its own directory. /dev is for the socket of syslogd;
 * that of systemd is in a directory of its own, for a restart makes another one.
 */
static struct confine_part confine_parts[] = {
	{"/proc/self", NULL /* /proc/PID */, PLAIN},
	/* Not there with the mount option subset=pid. */
	{"/proc/devices", "/proc/devices", READONLY, .is_file = true,
	 .is_optional = true},
	{"/dev", "/dev", READONLY, .is_optional = true, .is_for_syslog = true},
	{"/run/systemd/journal", "/run/systemd/journal", READONLY, .is_optional = true,
	 .is_for_syslog = true},
};

/* Each of its processes opens memfds in its own directory. */
static struct confine_part confine_helper_parts[] = {
	{"/proc", "/proc", READONLY, AT_RECURSIVE},
};

struct confine_plan {
	struct confine_part *parts;
	size_t n_parts;
	bool has_own; /* the directory of this process, and no other */
	bool with_syslog;
};

/* ---- what is taken along ----------------------------------------------------------- */

static int confine_clone(const struct confine_part *part)
{
	return open_tree(AT_FDCWD, part->from,
			 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | part->recursive);
}

static int confine_take(struct confine_part *part)
{
	struct mount_attr attributes = {.attr_set = part->attributes};

	part->tree = confine_clone(part);
	/* Mounts that a user namespace inherited are cloned all together or not at all.
	 */
	if (part->tree < 0 && errno == EINVAL) {
		part->recursive = AT_RECURSIVE;
		part->tree = confine_clone(part);
	}
	if (part->tree < 0)
		return -errno;
	return mount_setattr(part->tree, "", AT_EMPTY_PATH | part->recursive, &attributes,
			     sizeof(attributes)) < 0
		       ? -errno
		       : 0;
}

static int confine_take_all(const struct confine_plan *plan)
{
	int r = 0;

	for (size_t i = 0; i < plan->n_parts && r == 0; i++) {
		struct confine_part *part = &plan->parts[i];

		part->tree = -1;
		if (part->is_for_syslog && !plan->with_syslog)
			continue;
		r = confine_take(part);
		if (r < 0 && part->is_optional) {
			close_keep_errno(TAKE_FD(part->tree));
			r = 0;
		}
	}
	return r;
}

/* ---- the root ---------------------------------------------------------------------- */

/* Makes the directories of @path but for the last name, in the working directory. */
static void confine_make_parents(const char *path)
{
	char parent[64];

	for (const char *slash = strchr(path, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
		mkdir(parent, 0755);
	}
}

static int confine_put(const struct confine_part *part, const char *path)
{
	confine_make_parents(path);
	if (part->is_file ? mknod(path, S_IFREG | 0644, 0) < 0 : mkdir(path, 0755) < 0)
		return -errno;
	return move_mount(part->tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0
		       ? -errno
		       : 0;
}

/*
 * With CAP_SYS_ADMIN the links in map_files lead to the files that are mapped, which are
 * the host's libraries.
 */
static int confine_hide_map_files(const char *own)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/map_files", own);
	if (mkdir("empty", 0755) < 0)
		return -errno;
	return mount("empty", path, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

static int confine_put_all(const struct confine_plan *plan)
{
	char own[32];
	int r = 0;

	snprintf(own, sizeof(own), "/proc/%d", getpid());
	for (size_t i = 0; i < plan->n_parts && r == 0; i++) {
		const struct confine_part *part = &plan->parts[i];

		/* In the working directory. */
		if (part->tree >= 0)
			r = confine_put(part, (part->to ?: own) + 1);
		close_keep_errno(part->tree);
	}
	if (!plan->has_own)
		return r;
	if (r == 0 && symlink(own, "proc/self") < 0)
		r = -errno;
	return r == 0 ? confine_hide_map_files(own + 1) : r;
}

/*
 * The working directory becomes the root. pivot_root(2) takes the old one away. It works
 * neither on the first root file system nor in a chroot(2): there the old root stays, and
 * what could lead to it is denied by the filter.
 */
static int confine_enter(void)
{
	if (syscall(SYS_pivot_root, ".", ".") == 0)
		return umount2(".", MNT_DETACH) < 0 ? -errno : 0;
	return errno != EINVAL || chroot(".") < 0 ? -errno : 0;
}

static int confine_seal(void)
{
	struct mount_attr attributes = {.attr_set = READONLY};

	if (chdir("/") < 0)
		return -errno;
	return mount_setattr(AT_FDCWD, "/", 0, &attributes, sizeof(attributes)) < 0
		       ? -errno
		       : 0;
}

/* In a chroot(2) the root is no mount; nothing is mounted but on /proc. */
static int confine_stop_propagation(void)
{
	const unsigned long flags = MS_REC | MS_PRIVATE;

	if (mount(NULL, "/", NULL, flags, NULL) == 0)
		return 0;
	return errno == EINVAL && mount(NULL, "/proc", NULL, flags, NULL) == 0 ? 0
									       : -errno;
}

/* A new root needs a directory to be mounted on, and all of /proc is cloned already. */
static int confine_make_root(const struct confine_plan *plan)
{
	int r = confine_stop_propagation();

	if (r == 0)
		r = confine_take_all(plan);
	if (r < 0)
		return r;
	if (mount("dmabuffsd", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "mode=0755,size=64k,nr_inodes=32") < 0 ||
	    chdir("/proc") < 0)
		return -errno;
	r = confine_put_all(plan);
	if (r == 0)
		r = confine_enter();
	return r == 0 ? confine_seal() : r;
}

/* ---- namespaces -------------------------------------------------------------------- */

static void confine_leave(int namespace, const char *name)
{
	if (unshare(namespace) < 0)
		log_warning("cannot have a namespace of its own (%s): %m", name);
}

static int confine_by(const struct confine_plan *plan)
{
	int r;

	if (unshare(CLONE_NEWNS) < 0) {
		log_warning("missing capability to leave the root of the host");
		return 0;
	}
	confine_leave(CLONE_NEWNET, "net");
	confine_leave(CLONE_NEWIPC, "ipc");
	confine_leave(CLONE_NEWUTS, "uts");
	r = confine_make_root(plan);
	if (r < 0)
		log_error("cannot leave the root of the host: %s", strerror(-r));
	return r;
}

int confine(bool with_syslog)
{
	const struct confine_plan plan = {confine_parts, ARRAY_SIZE(confine_parts), true,
					  with_syslog};

	return confine_by(&plan);
}

int confine_helper(void)
{
	const struct confine_plan plan = {confine_helper_parts,
					  ARRAY_SIZE(confine_helper_parts), false, false};

	return confine_by(&plan);
}

#else

int confine(bool with_syslog)
{
	return 0;
}

int confine_helper(void)
{
	return 0;
}

#endif
