/* SPDX-License-Identifier: MIT */
/*
 * test-takeover.c - a killed service gets a successor, and a killed holder, too
 *
 * The mount, the broker's socket and requests under way go on.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "../support/process.h"
#include "attacks/attacks.h"
#include "harness.h"
#include "passed.h"
#include "process/report.h"
#include "raw.h"
#include "successor.h"
#include "config.h"

#define KILLS   20
#define END_MS  20000
#define N_READS 200

/* ---- services ---------------------------------------------------------------------- */

/* A child of this process. */
static struct instance *start_own(struct instance *instance)
{
	instance_start(instance, NULL);
	return instance;
}

static bool has_spare(void *data)
{
	return process_spare(*(pid_t *)data) > 0;
}

static pid_t spare_of(pid_t holder)
{
	ASSERT(wait_until(has_spare, &holder));
	return process_spare(holder);
}

static void killed_service(struct instance *instance)
{
	kill_process(instance->service);
	expect_successor(instance);
}

static void killed_by_another_signal(struct instance *instance)
{
#ifdef SANITIZED
	/* AddressSanitizer reports the other one, and exits by itself. */
	static const int signals[] = {SIGTRAP, SIGABRT, SIGQUIT};
#else
	static const int signals[] = {SIGSEGV, SIGABRT, SIGQUIT};
#endif

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		ASSERT_OK(SYS(kill(instance->service, signals[i])));
		expect_successor(instance);
	}
}

static void killed_again_and_again(struct instance *instance)
{
	for (int i = 0; i < KILLS; i++) {
		kill_process(instance->service);
		expect_successor(instance);
	}
}

/*
 * All but the first may be killed before they are ready, also one that has replied to a
 * request: that is fewer than the holder starts.
 */
static void killed_while_it_takes_over(struct instance *instance)
{
	for (int i = 0; i < KILLS / 2; i++) {
		kill_process(instance->service);
		ASSERT(wait_until(has_successor, instance));
		if (i % 5 == 4)
			ASSERT_EQ(raw_count(instance), 0);
	}
	close(ASSERT_OK(raw_connect(instance)));
}

static void use_always(int peer, void *data)
{
	static const uint8_t absent[16] = {1};

	peer_signal(peer);
	for (int i = 0; i < N_READS; i++) {
		ASSERT_EQ(raw_count(data), 0);
		ASSERT_ERR(raw_exists(data, absent), ENOENT);
	}
}

/* No request fails. */
static void killed_beside_requests(struct instance *instance)
{
	struct child clients[3];

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		child_start(&clients[i], USER(1001), use_always, instance);
		peer_wait(clients[i].peer);
	}
	for (int i = 0; i < KILLS / 2; i++) {
		kill_process(instance->service);
		expect_successor(instance);
	}
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		child_wait(&clients[i]);
}

static void in_background(struct instance *unused)
{
	struct instance place = {.n_fds = 0};
	const char *argv[] = {NULL, "--mkdir", place.dir, NULL};
	char output[1000];

	ASSERT_OK(SYS(prctl(PR_SET_CHILD_SUBREAPER, 1)));
	snprintf(place.dir, sizeof(place.dir), "%s/m", test_work_dir);
	ASSERT_EQ(daemon_run(argv, output, sizeof(output)), 0);
	place.pid = process_child(getpid());
	place.service = process_child(place.pid);
	kill_process(place.service);
	expect_successor(&place);
	instance_stop(&place);
}

/* ---- names ------------------------------------------------------------------------- */

/* A name, an open file and a mapping. */
struct kept {
	struct shared shared;
	int opened;
	unsigned char *memory;
};

static void keep(struct kept *kept, const struct instance *instance)
{
	void *memory;

	share(&kept->shared, instance, PAGE, 0, 0);
	kept->opened = ASSERT_OK(raw_open(instance, kept->shared.uuid, O_RDWR));
	ASSERT_OK(raw_map(kept->opened, PAGE, PROT_READ | PROT_WRITE, &memory));
	kept->memory = memory;
	kept->memory[0] = 0;
}

/* What one writes through the mapping, another one reads through another open file. */
static void expect_kept(struct kept *kept, const struct instance *instance)
{
	int opened = ASSERT_OK(raw_open(instance, kept->shared.uuid, O_RDONLY));
	int connection = ASSERT_OK(raw_connect(instance));
	unsigned char byte;

	kept->memory[0]++;
	ASSERT_EQ(SYS(pread(opened, &byte, 1, 0)), 1);
	ASSERT_EQ(byte, kept->memory[0]);
	ASSERT_EQ(SYS(pread(kept->opened, &byte, 1, 0)), 1);
	ASSERT_EQ(byte, kept->memory[0]);
	close(ASSERT_OK(raw_exchange(connection, kept->opened)));
	close(connection);
	close(opened);
	ASSERT_EQ(raw_count(instance), 1);
}

/* Its description ends it as before. */
static void unkeep(struct kept *kept, const struct instance *instance)
{
	munmap(kept->memory, PAGE);
	close(kept->opened);
	unshare_buffer(&kept->shared);
	ASSERT_ERR(raw_exists(instance, kept->shared.uuid), ENOENT);
	ASSERT_EQ(raw_count(instance), 0);
}

static void killed_with_names(struct instance *instance)
{
	struct kept kept;

	keep(&kept, instance);
	for (int i = 0; i < KILLS / 2; i++) {
		kill_process(instance->service);
		expect_kept(&kept, instance);
		ASSERT(wait_until(has_successor, instance));
	}
	unkeep(&kept, instance);
}

/* ---- holders ----------------------------------------------------------------------- */

static void wait_for_end(pid_t pid)
{
	int pidfd = (int)SYS(pidfd_open(pid, 0));

	ASSERT(pidfd < 0 || wait_ready(pidfd, POLLIN, END_MS));
	close_keep_errno(pidfd);
}

/* And no spare, which has another name. */
static bool is_daemon(pid_t pid)
{
	char path[32], comm[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (file && !fgets(comm, sizeof(comm), file))
		comm[0] = '\0';
	if (file)
		fclose(file);
	return strcmp(comm, "dmabuffsd\n") == 0;
}

/* Of the case's only instance: the one that has a spare. */
static bool finds_holder(void *data)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	pid_t *found = data;

	ASSERT(proc);
	*found = -1;
	while (*found < 0 && (entry = readdir(proc))) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 0 && is_daemon(pid) && process_spare(pid) > 0)
			*found = pid;
	}
	closedir(proc);
	return *found > 0;
}

/* After its end another one has been its spare. */
static void kill_holder(struct instance *instance)
{
	pid_t killed = instance->pid;

	kill_process(killed);
	if (process_parent(killed) == getpid())
		ASSERT_EQ(waitpid(killed, NULL, 0), killed);
	else
		wait_for_end(killed);
	ASSERT(wait_until(finds_holder, &instance->pid));
}

/* The service notices nothing. */
static void killed_holder(struct instance *unused)
{
	struct instance own, *instance = start_own(&own);

	(void)spare_of(instance->pid);
	kill_holder(instance);
	expect_to_be_served(instance);
	ASSERT_OK(SYS(kill(instance->service, 0)));
	ASSERT_OK(SYS(umount2(instance->dir, 0)));
	wait_for_end(instance->pid);
	wait_for_end(instance->service);
}

/* It passes signals on, and unmounts. */
static void terminate_holder(const struct instance *instance)
{
	ASSERT_OK(SYS(kill(instance->pid, SIGTERM)));
	wait_for_end(instance->pid);
	ASSERT(!is_mounted(instance->dir));
}

static void killed_holder_and_then_the_service(struct instance *unused)
{
	struct instance own, *instance = start_own(&own);

	for (int i = 0; i < 3; i++) {
		(void)spare_of(instance->pid);
		kill_holder(instance);
		kill_process(instance->service);
		expect_to_be_served(instance);
		ASSERT(wait_until(has_successor, instance));
	}
	terminate_holder(instance);
}

static void killed_together(struct instance *unused)
{
	struct instance own, *instance = start_own(&own);

	(void)spare_of(instance->pid);
	kill_process(instance->service);
	kill_holder(instance);
	expect_to_be_served(instance);
	ASSERT(wait_until(finds_holder, &instance->pid));
	terminate_holder(instance);
}

/* At any instant of a takeover. */
static void killed_holder_while_it_starts_another(struct instance *unused)
{
	srandom((unsigned int)getpid());
	for (int i = 0; i < KILLS; i++) {
		struct instance own, *instance = start_own(&own);

		(void)spare_of(instance->pid);
		kill_process(instance->service);
		nanosleep(&(struct timespec){.tv_nsec = random() % 3000000}, NULL);
		kill_process(instance->pid);
		ASSERT_EQ(waitpid(instance->pid, NULL, 0), instance->pid);
		expect_to_be_served(instance);
		ASSERT(wait_until(finds_holder, &instance->pid));
		terminate_holder(instance);
	}
}

static bool is_dead_mount(void *data)
{
	struct instance *instance = data;
	struct stat st;

	return SYS(stat(instance->dir, &st)) == -ENOTCONN;
}

/* Nobody is left who could unmount, or start another. */
static void killed_holder_and_spare(struct instance *unused)
{
	struct instance own, *instance = start_own(&own);
	pid_t spare = spare_of(instance->pid);

	ASSERT_OK(SYS(kill(spare, SIGSTOP)));
	kill_process(instance->pid);
	kill_process(spare);
	ASSERT_EQ(waitpid(instance->pid, NULL, 0), instance->pid);
	wait_for_end(instance->service);
	ASSERT(wait_until(is_dead_mount, instance));
	ASSERT_OK(SYS(umount2(instance->dir, 0)));
	instance->pid = -1;
}

static bool has_another_spare(void *data)
{
	pid_t *pids = data, spare = process_spare(pids[0]);

	return spare > 0 && spare != pids[1];
}

static void killed_spare(struct instance *instance)
{
	pid_t pids[2] = {instance->pid, spare_of(instance->pid)};

	kill_process(pids[1]);
	ASSERT(wait_until(has_another_spare, pids));
	kill_process(instance->service);
	expect_successor(instance);
}

/* ---- the end ----------------------------------------------------------------------- */

static void unmounted_while_it_takes_over(struct instance *unused)
{
	for (int i = 0; i < KILLS; i++) {
		struct instance instance;

		instance_start(&instance, NULL);
		kill_process(instance.service);
		ASSERT_OK(SYS(umount2(instance.dir, MNT_DETACH)));
		instance_expect_exit(&instance, 0);
	}
}

static void terminated_while_it_takes_over(struct instance *unused)
{
	for (int i = 0; i < KILLS; i++) {
		struct instance instance;

		instance_start(&instance, NULL);
		kill_process(instance.service);
		ASSERT_OK(SYS(kill(instance.pid, SIGTERM)));
		instance_expect_exit(&instance, 0);
		ASSERT(!is_mounted(instance.dir));
	}
}

/* Root may not enter it without a capability that the holder does not use otherwise. */
static void terminated_below_a_directory_of_a_user(struct instance *instance)
{
	ASSERT_OK(SYS(chown(test_work_dir, 1001, 1001)));
	ASSERT_OK(SYS(chmod(test_work_dir, 0700)));
	ASSERT_OK(SYS(kill(instance->pid, SIGTERM)));
	instance_expect_exit(instance, 0);
	ASSERT(!is_mounted(instance->dir));
}

/* The service cannot start another one, so its successor does. */
static void helper_killed(struct instance *instance)
{
	struct shared shared, other;
	pid_t pids[HELPERS_MAX];

	share(&shared, instance, PAGE, 0, 0);
	for (int i = 0; i < KILLS; i++) {
		instance_helpers(instance, pids);
		kill_process(pids[0]);
		ASSERT(wait_until(has_successor, instance));
		expect_to_be_served(instance);
		ASSERT_EQ(process_parent(instance->service), instance->pid);
		share(&other, instance, PAGE, 0, 0);
		unshare_buffer(&other);
		close(ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR)));
	}
	unshare_buffer(&shared);
}

/* A second one at the same place is refused, whatever the first one does. */
static void started_twice(struct instance *instance)
{
	const char *argv[] = {NULL, "-f", instance->dir, NULL};
	char output[1000];

	ASSERT_EQ(daemon_run(argv, output, sizeof(output)), 1);
	ASSERT(strstr(output, "an instance is mounted there"));
	kill_process(instance->service);
	ASSERT_EQ(daemon_run(argv, output, sizeof(output)), 1);
	ASSERT(strstr(output, "an instance is mounted there"));
	expect_successor(instance);
}

/* ---- a client blocks a thread of the killed service -------------------------------- */

/* The processes of the killed service's helper. */
struct former_helper {
	int pidfds[HELPERS_MAX];
	size_t n;
};

static void remember_helper(const struct instance *instance, struct former_helper *former)
{
	pid_t pids[HELPERS_MAX];

	former->n = instance_helpers(instance, pids);
	for (size_t i = 0; i < former->n; i++)
		former->pidfds[i] = ASSERT_OK(SYS(pidfd_open(pids[i], 0)));
}

static void expect_helper_ends(const struct former_helper *former)
{
	for (size_t i = 0; i < former->n; i++) {
		ASSERT(wait_ready(former->pidfds[i], POLLIN, WAIT_MS));
		close(former->pidfds[i]);
	}
}

static void takes_over_beside(struct instance *instance, attack_fn *attack,
			      bool blocks_helper)
{
	struct former_helper former;
	struct scene scene;
	struct child child;

	scene_start(&scene, instance);
	child_start(&child, USER(1001), attack, &scene);
	peer_wait(child.peer);
	peer_signal(child.peer);
	peer_wait(child.peer);
	scene_expect_service(&scene);
	remember_helper(instance, &former);
	kill_process(instance->service);
	ASSERT_OK(raw_count(instance));
	ASSERT(wait_until(has_successor, instance));
	/* The service has not ended, but its helper has. */
	if (!blocks_helper)
		expect_helper_ends(&former);
	scene_kill_server(&scene);
	if (blocks_helper)
		expect_helper_ends(&former);
}

static void beside_hostile_exports(struct instance *instance)
{
	takes_over_beside(instance, attack_export_hostile, false);
}

static void beside_hostile_messages(struct instance *instance)
{
	takes_over_beside(instance, attack_send_hostile, false);
}

/* Then its processes close what it took, and go when the client lets them. */
static void beside_hostile_isolated(struct instance *instance)
{
	takes_over_beside(instance, attack_export_hostile, true);
}

/* ---- what code in a service could send --------------------------------------------- */

static bool is_reports(int fd, pid_t holder)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int type = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
	    peer.pid != holder)
		return false;
	size = sizeof(type);
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       type == SOCK_SEQPACKET;
}

/* The service's end of the socket to its holder; the numbers of a few are looked at. */
static int copy_reports(const struct instance *instance)
{
	int pidfd = ASSERT_OK(SYS(pidfd_open(instance->service, 0)));

	for (int i = 0; i < 1024; i++) {
		int fd = (int)SYS(pidfd_getfd(pidfd, i, 0));

		if (fd >= 0 && is_reports(fd, instance->pid)) {
			close(pidfd);
			return fd;
		}
		close_keep_errno(fd);
	}
	test_fail(__FILE__, __LINE__, "no socket to the holder");
}

/* Of what is mounted over it. */
static void forged_unmount(struct instance *instance)
{
	struct report report = {.event = REPORT_UNMOUNT};
	int reports = copy_reports(instance);
	struct stat before, after;

	ASSERT_OK(SYS(mount("over", instance->dir, "tmpfs", 0, NULL)));
	ASSERT_OK(SYS(stat(instance->dir, &before)));
	report.dev = before.st_dev;
	ASSERT_EQ(SYS(send(reports, &report, sizeof(report), 0)), sizeof(report));
	ASSERT_EQ(SYS(recv(reports, &report, sizeof(report), 0)), sizeof(report));
	close(reports);
	ASSERT_OK(SYS(stat(instance->dir, &after)));
	ASSERT_EQ(after.st_dev, before.st_dev);
	ASSERT_OK(SYS(umount2(instance->dir, 0)));
	expect_to_be_served(instance);
}

/* ---- a ledger that no service can take over ---------------------------------------- */

static void damage_ledger(const struct instance *instance)
{
	struct passed passed;
	uint64_t nothing = 0;

	passed_copy(instance, &passed);
	ASSERT_EQ(SYS(pwrite(*passed_find(&passed, "ledger"), &nothing, sizeof(nothing),
			     0)),
		  sizeof(nothing));
	passed_close(&passed);
}

/* It is tried a few times, and then the mount ends as without a holder. */
static void gives_up(struct instance *unused)
{
	struct instance own, *instance = start_own(&own);

	damage_ledger(instance);
	kill_process(instance->service);
	ASSERT(wait_until(is_dead_mount, instance));
	instance_expect_exit(instance, 1);
	ASSERT_OK(SYS(umount2(instance->dir, MNT_DETACH)));
}

/* ---- memory is short --------------------------------------------------------------- */

/* From where the ledger is mapped to where all threads have their stacks, of 8 MiB. */
#define LEAST_BYTES (UINT64_C(1500) << 20)
#define MOST_BYTES  (UINT64_C(2100) << 20)
#define N_LIMITS    60

#ifdef SANITIZED

static void memory_was_short(struct instance *unused)
{
	test_note("skipped memory_was_short: a sanitizer's shadow takes terabytes");
}

#else

static unsigned count_logged(const struct instance *instance, const char *text)
{
	FILE *file = fopen(instance->log, "re");
	unsigned n = 0;
	char line[400];

	ASSERT(file);
	while (fgets(line, sizeof(line), file))
		n += strstr(line, text) != NULL;
	fclose(file);
	return n;
}

/* Of services that were started after another one: beginnings, failures and successes. */
static unsigned count_steps(const struct instance *instance)
{
	return count_logged(instance, "another one takes over") +
	       count_logged(instance, "cannot ") + count_logged(instance, "serving ");
}

struct steps {
	const struct instance *instance;
	unsigned n;
};

static bool is_further(void *data)
{
	const struct steps *steps = data;

	return count_steps(steps->instance) >= steps->n;
}

/* Of those that the holder starts. */
static void limit_memory(const struct instance *instance, rlim_t bytes)
{
	const struct rlimit limit = {bytes, RLIM_INFINITY};

	ASSERT_OK(SYS(prlimit(instance->pid, RLIMIT_AS, &limit, NULL)));
}

/* One fails wherever it asks for memory first; the next one has it. */
static void memory_was_short(struct instance *unused)
{
	struct instance own, *instance = start_own(&own);
	struct kept kept;

	keep(&kept, instance);
	for (int i = 0; i < N_LIMITS; i++) {
		struct steps steps = {instance, count_steps(instance) + 2};

		limit_memory(instance, LEAST_BYTES + (MOST_BYTES - LEAST_BYTES) /
							     N_LIMITS * (rlim_t)i);
		kill_process(instance->service);
		ASSERT(wait_until(is_further, &steps));
		limit_memory(instance, RLIM_INFINITY);
		expect_successor(instance);
	}
	expect_kept(&kept, instance);
	unkeep(&kept, instance);
	instance_stop(instance);
}

#endif

/* ---- upgrades ---------------------------------------------------------------------- */

static int upgrade(const struct instance *instance)
{
	struct dmabuffs_upgrade argument = {.size = sizeof(argument)};
	int root = ASSERT_OK(raw_root(instance));
	int r = (int)SYS(ioctl(root, DMABUFFS_IOC_UPGRADE, &argument));

	close(root);
	return r;
}

static void upgraded(struct instance *instance)
{
	for (int i = 0; i < KILLS / 2; i++) {
		ASSERT_OK(upgrade(instance));
		expect_successor(instance);
	}
}

/* The spare replies to what its predecessor may not have replied to. */
static void upgraded_after_its_holder_was_killed(struct instance *unused)
{
	struct instance own, *instance = start_own(&own);

	(void)spare_of(instance->pid);
	kill_holder(instance);
	ASSERT_OK(upgrade(instance));
	expect_successor(instance);
	terminate_holder(instance);
}

static int be_refused(void *data)
{
	return upgrade(data) == -EPERM ? 0 : -EBADE;
}

static void upgrade_of_strangers(struct instance *instance)
{
	ASSERT_OK(child_call(USER(1001), be_refused, instance));
}

static void upgrade_without_holder(struct instance *instance)
{
	ASSERT_ERR(upgrade(instance), EOPNOTSUPP);
}

static void upgraded_with_names(struct instance *instance)
{
	struct kept kept;

	keep(&kept, instance);
	for (int i = 0; i < 3; i++) {
		ASSERT_OK(upgrade(instance));
		expect_kept(&kept, instance);
	}
	unkeep(&kept, instance);
}

/* Replaces what is installed at @path. */
static void install(const char *program, const char *path)
{
	char copied[INSTANCE_PATH_SIZE + 8];
	int from = ASSERT_OK(SYS(open(program, O_RDONLY | O_CLOEXEC))), to;
	struct stat st;

	snprintf(copied, sizeof(copied), "%s.new", path);
	to = ASSERT_OK(SYS(open(copied, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755)));
	ASSERT_OK(SYS(fstat(from, &st)));
	for (off_t left = st.st_size; left > 0;)
		left -= ASSERT_OK(SYS(sendfile(to, from, NULL, (size_t)left)));
	close(from);
	close(to);
	ASSERT_OK(SYS(rename(copied, path)));
}

static void upgraded_to_what_is_installed(struct instance *unused)
{
	char path[INSTANCE_PATH_SIZE], daemon[4096];
	struct instance own, *instance = &own;

	snprintf(daemon, sizeof(daemon), "%s", daemon_path());
	snprintf(path, sizeof(path), "%s/dmabuffsd", test_work_dir);
	install(daemon, path);
	ASSERT_OK(SYS(setenv("DMABUFFSD", path, 1)));
	instance_start(instance, NULL);
	ASSERT_OK(upgrade(instance));
	expect_successor(instance);
	install("/bin/false", path);
	ASSERT_ERR(upgrade(instance), ENOEXEC);
	ASSERT_OK(SYS(unlink(path)));
	ASSERT_ERR(upgrade(instance), ENOENT);
	/* A killed one does not need it. */
	kill_process(instance->service);
	expect_successor(instance);
	install(daemon, path);
	ASSERT_OK(upgrade(instance));
	expect_successor(instance);
	instance_stop(instance);
}

/* What it was started from has no name any more, and is not what is installed. */
static void upgraded_after_it_was_replaced(struct instance *unused)
{
	char path[INSTANCE_PATH_SIZE], started[32], daemon[4096];
	struct instance own, *instance = &own;
	int program;

	snprintf(daemon, sizeof(daemon), "%s", daemon_path());
	snprintf(path, sizeof(path), "%s/dmabuffsd", test_work_dir);
	install(daemon, path);
	program = ASSERT_OK(SYS(open(path, O_PATH)));
	ASSERT_OK(SYS(unlink(path)));
	snprintf(started, sizeof(started), "/proc/self/fd/%d", program);
	ASSERT_OK(SYS(setenv("DMABUFFSD", started, 1)));
	instance_start(instance, NULL);
	install(daemon, path);
	ASSERT_OK(upgrade(instance));
	expect_successor(instance);
	instance_stop(instance);
}

/* The installed program is not one that can take over: the service goes on. */
static void upgrade_refused(struct instance *instance)
{
	damage_ledger(instance);
	ASSERT_ERR(upgrade(instance), EBADMSG);
	expect_to_be_served(instance);
	ASSERT_OK(SYS(kill(instance->service, 0)));
}

const struct test_case test_cases[] = {
	{"killed_service", killed_service},
	{"killed_by_another_signal", killed_by_another_signal},
	{"killed_again_and_again", killed_again_and_again},
	{"killed_while_it_takes_over", killed_while_it_takes_over},
	{"killed_beside_requests", killed_beside_requests},
	{"killed_without_passthrough", killed_service, "nopassthrough"},
	{"killed_with_names", killed_with_names},
	{"killed_with_idmap", killed_service, "idmap"},
	{"in_background", in_background, .flags = CASE_NO_INSTANCE},
	{"killed_holder", killed_holder, .flags = CASE_NO_INSTANCE},
	{"killed_holder_and_then_the_service", killed_holder_and_then_the_service,
	 .flags = CASE_NO_INSTANCE},
	{"killed_together", killed_together, .flags = CASE_NO_INSTANCE},
	{"killed_holder_while_it_starts_another", killed_holder_while_it_starts_another,
	 .flags = CASE_NO_INSTANCE},
	{"killed_holder_and_spare", killed_holder_and_spare, .flags = CASE_NO_INSTANCE},
	{"killed_spare", killed_spare},
	{"unmounted_while_it_takes_over", unmounted_while_it_takes_over,
	 .flags = CASE_NO_INSTANCE},
	{"terminated_while_it_takes_over", terminated_while_it_takes_over,
	 .flags = CASE_NO_INSTANCE},
	{"terminated_below_a_directory_of_a_user",
	 terminated_below_a_directory_of_a_user},
	{"terminated_there_without_successors", terminated_below_a_directory_of_a_user,
	 "nosupervisor"},
	{"forged_unmount", forged_unmount},
	{"helper_killed", helper_killed},
	{"started_twice", started_twice},
	{"beside_hostile_exports", beside_hostile_exports},
	{"beside_hostile_messages", beside_hostile_messages},
	{"beside_hostile_isolated", beside_hostile_isolated, "isolate"},
	{"upgraded", upgraded},
	{"upgraded_with_names", upgraded_with_names},
	{"upgraded_to_what_is_installed", upgraded_to_what_is_installed,
	 .flags = CASE_NO_INSTANCE},
	{"upgraded_after_it_was_replaced", upgraded_after_it_was_replaced,
	 .flags = CASE_NO_INSTANCE},
	{"upgraded_after_its_holder_was_killed", upgraded_after_its_holder_was_killed,
	 .flags = CASE_NO_INSTANCE},
	{"upgrade_of_strangers", upgrade_of_strangers},
	{"upgrade_without_holder", upgrade_without_holder, "nosupervisor"},
	{"upgrade_refused", upgrade_refused},
	{"memory_was_short", memory_was_short, .flags = CASE_NO_INSTANCE},
	{"gives_up", gives_up, .flags = CASE_NO_INSTANCE},
	{0},
};
