/* SPDX-License-Identifier: MIT */
#include "names/caller.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/syscall.h>

#include "base/clients.h"
#include "base/helper.h"
#include "base/pidfd.h"
#include "base/policy.h"
#include "base/proc_read.h"
#include "fd_identity.h"
#include "util.h"

/* Fixed after caller_setup(). */
static struct {
	bool thread_pidfds; /* PIDFD_THREAD, and inode numbers unique per process */
	bool labels;        /* an LSM fills /proc/PID/attr/current */
	uint64_t user_ns;   /* ours; 0: unknown */
} caller_features;

static int caller_pidfd_open(pid_t pid, unsigned flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

void caller_setup(void)
{
	uint64_t ns[DMABUFFS_NS_COUNT];
	char label[256];
	int fd = caller_pidfd_open(gettid(), PIDFD_THREAD);

	caller_features.thread_pidfds = fd >= 0;
	close_keep_errno(fd);
	caller_features.labels =
		proc_read_line(getpid(), "attr/current", label, sizeof(label)) == 0;
	caller_read_namespaces(getpid(), ns);
	caller_features.user_ns = ns[DMABUFFS_NS_USER];
}

bool caller_can_name_threads(void)
{
	return caller_features.thread_pidfds;
}

/*
 * Without PIDFD_THREAD only the group leader's descriptor table can be reached. -EREMOTE
 * for a thread with a table of its own, in which the same number is another file.
 */
static pid_t caller_leader_with_same_fds(pid_t tid)
{
	pid_t leader = proc_read_leader(tid);

	if (leader == tid)
		return leader;
	if (leader < 0)
		return -EREMOTE;
	return syscall(SYS_kcmp, leader, tid, KCMP_FILES, 0, 0) == 0 ? leader : -EREMOTE;
}

int caller_open(pid_t tid)
{
	int fd;

	if (tid <= 0)
		return -EREMOTE;
	if (caller_features.thread_pidfds) {
		fd = caller_pidfd_open(tid, PIDFD_THREAD);
	} else {
		tid = caller_leader_with_same_fds(tid);
		fd = tid < 0 ? -1 : caller_pidfd_open(tid, 0);
	}
	if (fd >= 0)
		return fd;
	return errno == ESRCH || tid < 0 ? -EREMOTE : -errno;
}

int caller_take_fd(int pidfd, int fd)
{
	int taken = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	if (taken >= 0)
		return taken;
	return errno == EPERM || errno == ESRCH ? -EREMOTE : -errno;
}

int caller_read_ids(pid_t tid, struct ids *ret_ids)
{
	struct helper_reply reply;

	if (helper_is_used()) {
		if (helper_ask(HELPER_IDS, tid, &reply) < 0)
			return -EREMOTE;
		*ret_ids = (struct ids){reply.ids.uid, reply.ids.gid};
		return 0;
	}
	return proc_read_fs_ids(tid, &ret_ids->uid, &ret_ids->gid) < 0 ? -EREMOTE : 0;
}

/* The links in /proc/PID/ns read as "user:[4026531837]". */
static uint64_t caller_read_ns(int dirfd, enum dmabuffs_ns ns)
{
	char link[64], *number;
	ssize_t n = readlinkat(dirfd, policy_ns_name(ns), link, sizeof(link) - 1);

	if (n < 0)
		return 0;
	link[n] = '\0';
	number = strchr(link, '[');
	return number ? strtoull(number + 1, NULL, 10) : 0;
}

static void caller_ask_namespaces(pid_t tid, uint64_t ret_ns[DMABUFFS_NS_COUNT])
{
	struct helper_reply reply;

	if (helper_ask(HELPER_NAMESPACES, tid, &reply) == 0)
		memcpy(ret_ns, reply.identity.ns, sizeof(reply.identity.ns));
}

void caller_read_namespaces(pid_t tid, uint64_t ret_ns[DMABUFFS_NS_COUNT])
{
	_cleanup_close_ int dirfd = -1;
	char path[64];

	memset(ret_ns, 0, DMABUFFS_NS_COUNT * sizeof(*ret_ns));
	if (tid <= 0)
		return;
	if (helper_is_used()) {
		caller_ask_namespaces(tid, ret_ns);
		return;
	}
	clients_path(path, sizeof(path), tid, "ns");
	dirfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return;
	for (int ns = 0; ns < DMABUFFS_NS_COUNT; ns++)
		ret_ns[ns] = caller_read_ns(dirfd, ns);
}

bool caller_shares_user_ns(pid_t tid)
{
	uint64_t ns[DMABUFFS_NS_COUNT];

	if (tid <= 0 || !caller_features.user_ns)
		return false;
	caller_read_namespaces(tid, ns);
	return ns[DMABUFFS_NS_USER] == caller_features.user_ns;
}

/* Of a directory or a file that is only read, either of the two is enough. */
bool caller_reads_all(pid_t tid, const uint64_t ns[DMABUFFS_NS_COUNT])
{
	static const cap_value_t enough[] = {CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE};
	cap_flag_value_t has = CAP_CLEAR;
	cap_t caps;

	if (tid <= 0 || !caller_features.user_ns ||
	    ns[DMABUFFS_NS_USER] != caller_features.user_ns)
		return false;
	caps = cap_get_pid(tid);
	for (size_t i = 0; caps && has == CAP_CLEAR && i < ARRAY_SIZE(enough); i++)
		if (cap_get_flag(caps, enough[i], CAP_EFFECTIVE, &has) < 0)
			has = CAP_CLEAR;
	cap_free(caps);
	return has == CAP_SET;
}

static uint64_t caller_thread_number(int pidfd)
{
	uint64_t dev, ino;

	if (pidfd < 0 || !caller_features.thread_pidfds)
		return 0;
	return fd_identity(pidfd, &dev, &ino) == 0 ? ino : 0;
}

void caller_read_identity(pid_t tid, struct helper_reply *reply)
{
	char *label = reply->identity.label, *comm = reply->identity.comm;
	pid_t pid = proc_read_leader(tid);

	reply->identity.pid = pid < 0 ? 0 : pid;
	if (proc_read_line(tid, "comm", comm, sizeof(reply->identity.comm)) < 0)
		comm[0] = '\0';
	caller_read_namespaces(tid, reply->identity.ns);
	if (!caller_features.labels ||
	    proc_read_line(tid, "attr/current", label, HELPER_LABEL_SIZE) < 0)
		label[0] = '\0';
}

static void caller_fill(struct caller *caller, const struct helper_reply *reply)
{
	caller->pid = reply->identity.pid;
	memcpy(caller->comm, reply->identity.comm, sizeof(caller->comm));
	memcpy(caller->ns, reply->identity.ns, sizeof(caller->ns));
	if (reply->identity.label[0])
		caller->security = strdup(reply->identity.label);
}

static struct caller *caller_read_all(pid_t tid, uint64_t thread)
{
	struct caller *caller = calloc(1, sizeof(*caller));
	struct helper_reply reply = {0};

	if (!caller)
		return NULL;
	caller->refs = 1;
	if (tid <= 0)
		return caller;
	if (!helper_is_used())
		caller_read_identity(tid, &reply);
	else if (helper_ask(HELPER_IDENTITY, tid, &reply) < 0)
		return caller;
	caller->thread = thread;
	caller_fill(caller, &reply);
	return caller;
}

int caller_read(pid_t tid, int pidfd, struct caller *cached, struct caller **ret_caller)
{
	uint64_t thread = caller_thread_number(pidfd);
	struct caller *caller;

	if (thread && cached && cached->thread == thread) {
		*ret_caller = caller_ref(cached);
		return 0;
	}
	caller = caller_read_all(tid, thread);
	if (!caller)
		return -ENOMEM;
	*ret_caller = caller;
	return 0;
}

struct caller *caller_ref(struct caller *caller)
{
	atomic_fetch_add(&caller->refs, 1);
	return caller;
}

void caller_unref(struct caller *caller)
{
	if (!caller || atomic_fetch_sub(&caller->refs, 1) != 1)
		return;
	if (caller->record)
		ledger_free(caller->ledger, LEDGER_CALLER, caller->record - 1);
	free(caller->security);
	free(caller);
}
