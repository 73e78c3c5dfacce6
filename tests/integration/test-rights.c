/* SPDX-License-Identifier: MIT */
/* test-rights.c - what the running service may do: the table in dmabuffsd(8) */
#include <dirent.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "../support/process.h"
#include "child.h"
#include "harness.h"
#include "inject.h"
#include "raw.h"
#include "syscalls.h"
#include "config.h"

#define MAX_THREADS 200

/* ---- in all threads ---------------------------------------------------------------- */

static void expect_line(const char *path, const char *line)
{
	char text[4000];
	FILE *file = fopen(path, "re");
	size_t n;

	/* The thread may have ended. */
	if (!file)
		return;
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	if (n > 0 && !strstr(text, line))
		test_fail(__FILE__, __LINE__, "%s: not \"%s\"", path, line);
}

static void expect_of_all_threads(pid_t pid, const char *line)
{
	pid_t tids[MAX_THREADS];
	size_t n = list_threads(pid, tids, MAX_THREADS);
	char path[60];

	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tids[i]);
		expect_line(path, line);
	}
	/* Those of the broker, the closers and the loop, at least. */
	ASSERT(n > 6);
}

/* They have no other thread. */
static void expect_of_helper(const struct instance *instance, const char *line)
{
	pid_t pids[HELPERS_MAX];
	size_t n = instance_helpers(instance, pids);
	char path[60];

	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/proc/%d/status", pids[i]);
		expect_line(path, line);
		expect_line(path, "\nThreads:\t1\n");
	}
}

static void of_the_helper(struct instance *instance)
{
	expect_of_helper(instance, "\nNoNewPrivs:\t1\n");
	expect_of_helper(instance, "\nCapInh:\t0000000000000000\n");
	expect_of_helper(instance, "\nCapAmb:\t0000000000000000\n");
#ifndef SANITIZED
	expect_of_helper(instance, "\nSeccomp:\t2\n");
#endif
}

static void of_all_threads(struct instance *instance)
{
	struct shared shared;

	share(&shared, instance, PAGE, 0, 0);
	expect_of_all_threads(instance->service, "\nNoNewPrivs:\t1\n");
	expect_of_all_threads(instance->service, "\nCapInh:\t0000000000000000\n");
	expect_of_all_threads(instance->service, "\nCapAmb:\t0000000000000000\n");
#ifndef SANITIZED
	expect_of_all_threads(instance->service, "\nSeccomp:\t2\n");
#endif
	close(shared.root);
}

/* ---- namespaces and root ----------------------------------------------------------- */

#ifndef SANITIZED

static void read_link_of(pid_t pid, const char *name, char link[64])
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	n = ASSERT_OK(SYS(readlink(path, link, 63)));
	link[n] = '\0';
}

static void has_namespaces(const struct instance *instance, pid_t pid)
{
	static const char *const own[] = {"ns/mnt", "ns/net", "ns/ipc", "ns/uts"};
	static const char *const shared[] = {"ns/user", "ns/pid"};
	char of_service[64], of_host[64];

	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		read_link_of(pid, own[i], of_service);
		read_link_of(instance->pid, own[i], of_host);
		ASSERT(strcmp(of_service, of_host) != 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(shared); i++) {
		read_link_of(pid, shared[i], of_service);
		read_link_of(instance->pid, shared[i], of_host);
		ASSERT(strcmp(of_service, of_host) == 0);
	}
}

/* Exactly these entries. */
static void expect_entries(pid_t pid, const char *dir, const char *const *names,
			   int n_names)
{
	struct dirent *entry;
	char path[300];
	DIR *stream;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/root/%s", pid, dir);
	stream = opendir(path);
	ASSERT(stream);
	while ((entry = readdir(stream))) {
		bool known = entry->d_name[0] == '.';

		n += !known;
		for (int i = 0; i < n_names; i++)
			known |= strcmp(entry->d_name, names[i]) == 0;
		if (!known)
			test_fail(__FILE__, __LINE__, "%s/%s", dir, entry->d_name);
	}
	closedir(stream);
	ASSERT_EQ(n, n_names);
}

static void has_a_root_of_its_own(struct instance *instance)
{
	static const char *const root[] = {"proc", "empty"};
	char self[16], dir[64], cwd[64];
	const char *const proc[] = {self, "self", "devices"};

	snprintf(self, sizeof(self), "%d", instance->service);
	expect_entries(instance->service, "", root, ARRAY_SIZE(root));
	expect_entries(instance->service, "proc", proc, ARRAY_SIZE(proc));
	snprintf(dir, sizeof(dir), "proc/%s/map_files", self);
	expect_entries(instance->service, dir, NULL, 0);
	read_link_of(instance->service, "cwd", cwd);
	ASSERT(strcmp(cwd, "/") == 0);
}

/* A directory of the host would be a way to all of its files. */
static void has_no_directory_open(struct instance *instance)
{
	struct stat st, proc;
	struct dirent *entry;
	char path[300];
	DIR *stream;

	ASSERT_OK(SYS(stat("/proc", &proc)));
	snprintf(path, sizeof(path), "/proc/%d/fd", instance->service);
	stream = opendir(path);
	ASSERT(stream);
	while ((entry = readdir(stream))) {
		if (entry->d_name[0] == '.' ||
		    fstatat(dirfd(stream), entry->d_name, &st, 0) < 0)
			continue;
		ASSERT(!S_ISDIR(st.st_mode) || st.st_dev == proc.st_dev);
	}
	closedir(stream);
}

/* Of the host it has /proc, and nothing open. */
static void helper_has_no_more(const struct instance *instance)
{
	static const char *const root[] = {"proc"};
	pid_t pids[HELPERS_MAX];
	size_t n = instance_helpers(instance, pids);
	char cwd[64];

	for (size_t i = 0; i < n; i++) {
		has_namespaces(instance, pids[i]);
		expect_entries(pids[i], "", root, ARRAY_SIZE(root));
		read_link_of(pids[i], "cwd", cwd);
		ASSERT(strcmp(cwd, "/") == 0);
		/* Standard ones, the socket, and /proc/self/fd where one serves. */
		ASSERT_EQ(count_process_fds(pids[i]), i == 0 ? 4 : 5);
		for (int fd = 0; fd < 3; fd++) {
			char name[8], link[64];

			snprintf(name, sizeof(name), "fd/%d", fd);
			read_link_of(pids[i], name, link);
			ASSERT(strcmp(link, "/dev/null") == 0);
		}
	}
}

#endif

static void surroundings(struct instance *instance)
{
#ifdef SANITIZED
	test_note("skipped surroundings: a build with sanitizers stays in the host's");
#else
	has_namespaces(instance, instance->service);
	has_a_root_of_its_own(instance);
	has_no_directory_open(instance);
	helper_has_no_more(instance);
#endif
}

/* ---- what code that an attacker runs in it could do -------------------------------- */

#ifndef SANITIZED

static void refused_in(pid_t pid, struct injection injection)
{
	long result = inject(pid, &injection);

	if (result != -ENOSYS)
		test_fail(__FILE__, __LINE__, "system call %ld: expected ENOSYS, got %ld",
			  injection.call, result);
}

static void refused(struct instance *instance, struct injection injection)
{
	refused_in(instance->service, injection);
}

/* The attempts below reach the service. */
static void injection_works(struct instance *instance)
{
	struct injection open_it = {SYS_openat,
				    {(uint64_t)AT_FDCWD, 0, O_RDONLY | O_CLOEXEC},
				    "/proc/self/status",
				    1};

	ASSERT_EQ(inject(instance->service, &(struct injection){SYS_getpid}),
		  instance->service);
	open_it.arguments[0] = (uint64_t)ASSERT_OK(inject(instance->service, &open_it));
	ASSERT_OK(inject(instance->service,
			 &(struct injection){SYS_close, {open_it.arguments[0]}}));
}

static void traces_nobody(struct instance *instance)
{
	uint64_t other = (uint64_t)getpid();

	refused(instance, (struct injection){SYS_ptrace, {16 /* ATTACH */, other}});
	refused(instance, (struct injection){SYS_process_vm_readv, {other}});
	refused(instance, (struct injection){SYS_process_vm_writev, {other}});
	refused(instance, (struct injection){SYS_process_madvise, {0}});
	refused(instance, (struct injection){SYS_kill, {other, 0}});
	refused(instance, (struct injection){SYS_tgkill, {other, other, 0}});
	refused(instance, (struct injection){SYS_pidfd_send_signal, {0}});
	refused(instance, (struct injection){SYS_prlimit64, {other}});
	refused(instance, (struct injection){SYS_setpriority, {PRIO_PROCESS, other, 19}});
	/* With F_SETSIG, a way to kill(2). */
	refused(instance, (struct injection){SYS_fcntl, {0, F_SETOWN, other}});
	refused(instance, (struct injection){SYS_fcntl, {0, F_SETOWN_EX}});
}

/* Neither of a client nor of its own keeper and helper. */
static void takes_from_nobody(struct instance *instance)
{
	pid_t pids[HELPERS_MAX + 2];
	size_t n = instance_helpers(instance, pids);

	pids[n++] = getpid();
	pids[n++] = instance->pid;
	for (size_t i = 0; i < n; i++) {
		struct injection take = {SYS_pidfd_getfd};

		take.arguments[0] = (uint64_t)ASSERT_OK(
			inject(instance->service,
			       &(struct injection){SYS_pidfd_open, {(uint64_t)pids[i]}}));
		ASSERT_ERR(inject(instance->service, &take), EPERM);
		inject(instance->service,
		       &(struct injection){SYS_close, {take.arguments[0]}});
	}
}

static void executes_nothing(struct instance *instance)
{
	refused(instance, (struct injection){SYS_execve, {0}, "/bin/true", 0});
	refused(instance, (struct injection){SYS_execveat, {0, 0}, "/bin/true", 1});
	refused(instance, (struct injection){SYS_clone, {SIGCHLD}});
	refused(instance, (struct injection){SYS_clone, {CLONE_THREAD | CLONE_NEWNET}});
	refused(instance, (struct injection){SYS_clone3, {0}});
#ifdef SYS_fork
	refused(instance, (struct injection){SYS_fork});
	refused(instance, (struct injection){SYS_vfork});
#endif
	refused(instance,
		(struct injection){SYS_mmap,
				   {0, PAGE, PROT_READ | PROT_EXEC,
				    MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1}});
	refused(instance, (struct injection){SYS_mprotect, {0, 0, PROT_EXEC}});
	refused(instance, (struct injection){SYS_bpf, {0}});
}

static void mounts_nothing(struct instance *instance)
{
	refused(instance, (struct injection){SYS_mount, {0, 0, 0, 0, 0}, "/", 1});
	refused(instance, (struct injection){SYS_move_mount, {0}});
	refused(instance, (struct injection){SYS_open_tree, {0, 0}, "/", 1});
	refused(instance, (struct injection){SYS_fsopen, {0}, "tmpfs", 0});
	refused(instance, (struct injection){SYS_pivot_root, {0}, "/", 0});
	refused(instance, (struct injection){SYS_chroot, {0}, "/", 0});
	refused(instance, (struct injection){SYS_unshare, {CLONE_NEWUSER}});
	refused(instance, (struct injection){SYS_setns, {0, 0}});
}

static void reaches_no_other_subsystem(struct instance *instance)
{
	refused(instance, (struct injection){SYS_open_by_handle_at, {0}});
	refused(instance, (struct injection){SYS_io_uring_setup, {8}});
	refused(instance, (struct injection){SYS_keyctl, {0}});
	refused(instance, (struct injection){SYS_perf_event_open, {0}});
	refused(instance, (struct injection){SYS_userfaultfd, {0}});
	refused(instance, (struct injection){SYS_init_module, {0}});
	refused(instance, (struct injection){SYS_socket, {AF_INET, SOCK_STREAM}});
	refused(instance, (struct injection){SYS_socket, {AF_NETLINK, SOCK_RAW}});
	refused(instance, (struct injection){SYS_ioctl, {0, 0x5412 /* TIOCSTI */}});
	refused(instance, (struct injection){SYS_prctl, {PR_SET_DUMPABLE, 1}});
	/* They were for the start. */
	refused(instance, (struct injection){SYS_bind, {0}});
	refused(instance, (struct injection){SYS_seccomp, {0}});
}

static void opens(struct instance *instance, const char *path, uint64_t flags, int error)
{
	const struct injection injection = {
		SYS_openat, {(uint64_t)AT_FDCWD, 0, flags | O_CLOEXEC, 0600}, path, 1};
	long result = inject(instance->service, &injection);

	if (result != -error)
		test_fail(__FILE__, __LINE__, "open(%s): expected -%d, got %ld", path,
			  error, result);
}

/* Processes are not there, neither the keeper nor a client. */
static void opens_of(struct instance *instance, pid_t pid, const char *name,
		     uint64_t flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	opens(instance, path, flags, ENOENT);
}

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0,
		       1 /* LANDLOCK_CREATE_RULESET_VERSION */) > 0;
}

/* In its root, so that the path alone is no obstacle. */
static void opens_what_it_needs(struct instance *instance)
{
	if (!has_landlock()) {
		test_note("skipped opens_what_it_needs: this kernel has no Landlock");
		return;
	}
	opens(instance, "/", O_RDONLY | O_DIRECTORY, EACCES);
	opens(instance, "/empty", O_RDONLY | O_DIRECTORY, EACCES);
}

static void opens_nothing_outside(struct instance *instance)
{
	opens(instance, "/etc/passwd", O_RDONLY, ENOENT);
	opens(instance, "../../../../etc/passwd", O_RDONLY, ENOENT);
	opens(instance, "/dev/null", O_RDONLY, ENOENT);
	opens(instance, instance->dir, O_RDONLY | O_DIRECTORY, ENOENT);
	opens(instance, "/new", O_RDWR | O_CREAT, EROFS);
	opens(instance, "/proc/self/root/new", O_RDWR | O_CREAT, EROFS);
	opens(instance, "/proc/sys/kernel/core_pattern", O_WRONLY, ENOENT);
	for (int i = 0; i < 2; i++) {
		pid_t pid = i ? getpid() : instance->pid;

		opens_of(instance, pid, "root/etc/passwd", O_RDONLY);
		opens_of(instance, pid, "mem", O_RDONLY);
		opens_of(instance, pid, "status", O_RDONLY);
	}
}

/* ---- and in its helper ------------------------------------------------------------- */

static void helper_is_refused(pid_t pid)
{
	refused_in(pid, (struct injection){SYS_ptrace, {16 /* ATTACH */, 1}});
	refused_in(pid, (struct injection){SYS_process_vm_readv, {1}});
	refused_in(pid, (struct injection){SYS_kill, {1, 0}});
	refused_in(pid, (struct injection){SYS_execve, {0}, "/bin/true", 0});
	refused_in(pid, (struct injection){SYS_clone3, {0}});
	refused_in(pid, (struct injection){SYS_clone, {CLONE_NEWUSER | SIGCHLD}});
	refused_in(pid, (struct injection){SYS_mount, {0, 0, 0, 0, 0}, "/", 1});
	refused_in(pid, (struct injection){SYS_chroot, {0}, "/", 0});
	refused_in(pid, (struct injection){SYS_setns, {0, 0}});
	refused_in(pid, (struct injection){SYS_unshare, {CLONE_NEWNS}});
	refused_in(pid, (struct injection){SYS_socket, {AF_UNIX, SOCK_STREAM}});
	refused_in(pid, (struct injection){SYS_connect, {3}});
	refused_in(pid, (struct injection){SYS_write, {3}});
	refused_in(pid, (struct injection){SYS_fchown, {3, 0, 0}});
	refused_in(pid, (struct injection){SYS_ftruncate, {3, 0}});
	refused_in(pid, (struct injection){SYS_mprotect, {0, 0, PROT_EXEC}});
	refused_in(pid, (struct injection){SYS_bpf, {0}});
	refused_in(pid, (struct injection){SYS_ioctl, {3, 0x5412 /* TIOCSTI */}});
}

static void helper_injected(struct instance *instance)
{
	pid_t pids[HELPERS_MAX];
	size_t n = instance_helpers(instance, pids);

	if (!inject_is_possible()) {
		test_note("skipped helper_injected: not for this architecture");
		return;
	}
	for (size_t i = 0; i < n; i++)
		helper_is_refused(pids[i]);
	/* The first of them starts the others, which start nothing. */
	for (size_t i = 1; i < n; i++)
		refused_in(pids[i], (struct injection){SYS_clone, {SIGCHLD}});
}

static void injected(struct instance *instance)
{
	if (!inject_is_possible()) {
		test_note("skipped injected: not for this architecture");
		return;
	}
	injection_works(instance);
	traces_nobody(instance);
	executes_nothing(instance);
	mounts_nothing(instance);
	reaches_no_other_subsystem(instance);
	opens_nothing_outside(instance);
	injection_works(instance);
}

static void isolated(struct instance *instance)
{
	injected(instance);
	if (!inject_is_possible())
		return;
	takes_from_nobody(instance);
	opens_what_it_needs(instance);
}

#else

static void injected(struct instance *instance)
{
	test_note("skipped injected: a build with sanitizers has no filter");
}

static void isolated(struct instance *instance)
{
	test_note("skipped isolated: a build with sanitizers has no filter");
}

static void helper_injected(struct instance *instance)
{
	test_note("skipped helper_injected: a build with sanitizers has no filter");
}

#endif

/* ---- the helper ends --------------------------------------------------------------- */

static void export_by_call(struct instance *instance, int expected)
{
	int root = ASSERT_OK(raw_root(instance)), memfd = new_memfd(PAGE);
	uint8_t uuid[16];

	ASSERT_EQ(raw_export_fd(root, memfd, 0, 0, uuid), expected);
	close(memfd);
	close(root);
}

static bool is_reaped(void *pid)
{
	return process_parent(*(pid_t *)pid) < 0;
}

/* The request that finds it out is made again; nothing of it stays until then. */
static void a_process_is_replaced(struct instance *instance)
{
	pid_t pids[HELPERS_MAX];
	size_t n = instance_helpers(instance, pids);

	export_by_call(instance, 0);
	for (size_t i = 1; i < n; i++) {
		ASSERT_OK(SYS(kill(pids[i], SIGKILL)));
		ASSERT(wait_until(is_reaped, &pids[i]));
		export_by_call(instance, 0);
	}
	ASSERT_EQ(process_parent(pids[0]), instance->service);
}

/* Without a holder that starts another service: what has a name stays, and descriptors
 * can be sent to the broker. */
static void all_are_killed(struct instance *instance)
{
	pid_t pids[HELPERS_MAX];
	size_t n = instance_helpers(instance, pids);
	int connection = ASSERT_OK(raw_connect(instance)), memfd, opened;
	struct shared shared;
	struct dmabuffs_export export;

	share(&shared, instance, PAGE, 0, 0);
	for (size_t i = 0; i < n; i++)
		ASSERT_OK(SYS(kill(pids[i], SIGKILL)));
	for (size_t i = 0; i < n; i++)
		export_by_call(instance, -EREMOTE);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	close(ASSERT_OK(raw_exchange(connection, opened)));
	close(opened);
	memfd = new_memfd(PAGE);
	raw_request(&export, -1);
	export.flags |= DMABUFFS_EXPORT_TICKET;
	ASSERT_OK(raw_ticket(connection, memfd, export.ticket));
	ASSERT_OK(raw_export(shared.root, &export));
	ASSERT_OK(raw_exists(instance, export.uuid));
	close(memfd);
	close(connection);
	close(shared.root);
}

static bool are_gone(void *data)
{
	const pid_t *pids = data;

	/* Nobody may have waited for it. */
	for (; *pids; pids++)
		if (count_process_fds(*pids) > 0)
			return false;
	return true;
}

static void ends_with_the_service(struct instance *unused)
{
	struct instance instance;
	pid_t pids[HELPERS_MAX + 1];

	instance_start(&instance, "isolate");
	pids[instance_helpers(&instance, pids)] = 0;
	ASSERT_OK(SYS(kill(instance.service, SIGKILL)));
	ASSERT(wait_until(are_gone, pids));
}

const struct test_case test_cases[] = {
	{"of_all_threads", of_all_threads},
	{"of_the_helper", of_the_helper},
	{"surroundings", surroundings},
	{"injected", injected},
	{"isolated", isolated, "isolate"},
	{"isolated_surroundings", surroundings, "isolate"},
	{"helper_injected", helper_injected, "isolate"},
	{"a_process_is_replaced", a_process_is_replaced, "isolate"},
	{"all_are_killed", all_are_killed, "isolate,nosupervisor"},
	{"ends_with_the_service", ends_with_the_service, NULL, 0, CASE_NO_INSTANCE},
	{0},
};
