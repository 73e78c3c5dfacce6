/* SPDX-License-Identifier: MIT */
/*
 * test-hostile-helper.c - users who keep the processes of the helper busy
 *
 * The helper has a bounded number of processes for what can block, and with the mount
 * option isolate each export is a round trip to it. What others wait is measured beside
 * an attack, and beside the same load without what the attack consists of.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "../support/process.h"
#include "fuse-server.h"
#include "harness.h"
#include "hostile.h"
#include "latency.h"

#define ATTACKER   1001
#define INNOCENT   2001
#define LOOPS      300 /* of the innocent user in a run */
#define ROUNDS     3   /* pairs of runs with and without an attack; odd */
#define MAX_RATIO  3
#define LONGEST_MS 1000
#define TRIES      3 /* of all rounds: a processor can be busy in one of them */

#define FROZEN (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* ---- the innocent user ------------------------------------------------------------- */

struct work {
	const struct instance *instance;
	mode_t mode; /* of the memfds; permissions of others are frozen by the helper */
};

static int new_frozen_memfd(mode_t mode)
{
	int fd = new_sealed_memfd(PAGE, FROZEN);

	ASSERT_OK(SYS(fchmod(fd, mode)));
	return fd;
}

/* Each export must succeed. Sends how long they take. */
static void work(int peer, void *data)
{
	const struct work *work = data;
	int root = ASSERT_OK(raw_root(work->instance));
	struct latency times = {.n = 0};
	struct latency_figures figures;
	uint8_t uuid[16];

	for (int i = 0; i < LOOPS; i++) {
		int fd = new_frozen_memfd(work->mode);

		ASSERT_OK(TIMED(&times, raw_export_fd(root, fd, 0, 0, uuid)));
		ASSERT_OK(raw_withdraw(root, uuid));
		close(fd);
	}
	figures = latency_figures(&times);
	peer_put(peer, &figures, sizeof(figures));
}

static struct latency_figures measure_work(const struct instance *instance, mode_t mode)
{
	struct work arguments = {instance, mode};
	struct latency_figures figures;
	struct child innocent;

	child_start(&innocent, USER(INNOCENT), work, &arguments);
	if (!wait_ready(innocent.peer, POLLIN, WAIT_MS))
		test_fail(__FILE__, __LINE__, "an attacker stalls others");
	peer_get(innocent.peer, &figures, sizeof(figures));
	child_wait(&innocent);
	return figures;
}

/* ---- memfds whose inodes stay locked ----------------------------------------------- */

/*
 * The service tries fchmod(2) itself first, without the right to it, and waits for the
 * inode's lock. It gets it when the first writer's server is killed; the second writer
 * waits by then, and has it before the helper does.
 */
#define USERS  5
#define MEMFDS 16
#define ALL    (USERS * MEMFDS)
/* So that the helper's processes are few; all of the attackers' would be more. */
#define FEW_FDS 2048

struct run {
	const struct instance *instance;
	bool locks;
	struct scene first, second; /* of the second one the server alone */
	atomic_uint *n_returned;    /* exports of the attackers */
};

struct writer {
	int fd;
	void *page;
	_Atomic pid_t thread;
};

static void *write_page(void *data)
{
	struct writer *writer = data;

	writer->thread = gettid();
	return (void *)pwrite(writer->fd, writer->page, PAGE, 0);
}

/* They end with the process. */
static void start_thread(void *(*run)(void *data), void *data)
{
	pthread_t thread;

	ASSERT_EQ(pthread_create(&thread, NULL, run, data), 0);
}

static void lock_inode(struct writer *writer, int fd, void *page)
{
	struct sleeper sleeper = {.call = SYS_pwrite64};

	*writer = (struct writer){.fd = fd, .page = page};
	start_thread(write_page, writer);
	while (!sleeper.tid)
		sleeper.tid = writer->thread;
	ASSERT(wait_until(sleeps_in, &sleeper));
}

struct exporter {
	const struct run *run;
	int fd;
};

static void *export_one(void *data)
{
	const struct exporter *exporter = data;
	int root = ASSERT_OK(raw_root(exporter->run->instance));
	uint8_t uuid[16];

	raw_export_fd(root, exporter->fd, 0, 0, uuid);
	atomic_fetch_add(exporter->run->n_returned, 1);
	return NULL;
}

/* Waits for a byte before the second writers. */
static void export_locked(int peer, void *data)
{
	const struct run *run = data;
	static struct writer first[MEMFDS], second[MEMFDS];
	static struct exporter exporters[MEMFDS];
	void *page;

	for (int i = 0; i < MEMFDS; i++)
		exporters[i] = (struct exporter){run, new_frozen_memfd(0777)};
	page = run->locks ? scene_hostile_page(&run->first) : NULL;
	for (int i = 0; run->locks && i < MEMFDS; i++)
		lock_inode(&first[i], exporters[i].fd, page);
	for (int i = 0; i < MEMFDS; i++)
		start_thread(export_one, &exporters[i]);
	peer_wait(peer);
	page = run->locks ? scene_hostile_page(&run->second) : NULL;
	for (int i = 0; run->locks && i < MEMFDS; i++)
		lock_inode(&second[i], exporters[i].fd, page);
	peer_signal(peer);
	pause();
}

/* ---- what waits for them ----------------------------------------------------------- */

static bool waits_in_fchmod(pid_t pid, pid_t tid)
{
	unsigned long arguments[4];

	return process_call(pid, tid, arguments) == SYS_fchmod;
}

/* Of the numbers that are the names in this directory. */
static unsigned count_numbers(const char *path, bool (*counts)(pid_t number, pid_t of),
			      pid_t of)
{
	DIR *dir = opendir(path);
	unsigned n = 0;

	ASSERT(dir);
	for (const struct dirent *entry; (entry = readdir(dir));) {
		pid_t number = atoi(entry->d_name);

		n += number > 0 && counts(number, of);
	}
	closedir(dir);
	return n;
}

static bool is_waiting_thread(pid_t tid, pid_t pid)
{
	return waits_in_fchmod(pid, tid);
}

static bool is_waiting_child(pid_t pid, pid_t parent)
{
	return process_parent(pid) == parent && waits_in_fchmod(pid, pid);
}

static unsigned count_waiting_threads(const struct run *run)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/task", run->instance->service);
	return count_numbers(path, is_waiting_thread, run->instance->service);
}

static unsigned count_waiting_helpers(const struct run *run)
{
	return count_numbers("/proc", is_waiting_child,
			     process_child(run->instance->service));
}

static bool all_wait_in_the_service(void *run)
{
	return count_waiting_threads(run) == ALL;
}

static bool all_wait_in_the_helper(void *data)
{
	const struct run *run = data;

	return count_waiting_threads(run) == 0 &&
	       *run->n_returned + count_waiting_helpers(run) == ALL;
}

static bool all_have_returned(void *data)
{
	const struct run *run = data;

	return *run->n_returned == ALL;
}

/* ---- runs -------------------------------------------------------------------------- */

static void start_second_server(struct scene *second)
{
	snprintf(second->dir, sizeof(second->dir), "%s/second", test_work_dir);
	snprintf(second->file, sizeof(second->file), "%s/%s", second->dir,
		 FUSE_SERVER_FILE);
	ASSERT_OK(SYS(mkdir(second->dir, 0755)));
	child_start(&second->server, NULL, fuse_server_run, second->dir);
	peer_wait(second->server.peer);
}

static void start_attackers(struct run *run, struct child *attackers)
{
	for (unsigned i = 0; i < USERS; i++)
		child_start(&attackers[i], USER(ATTACKER + i), export_locked, run);
	ASSERT(wait_until(run->locks ? all_wait_in_the_service : all_have_returned, run));
	for (unsigned i = 0; i < USERS; i++) {
		/* Of its second writers: before the helper, when the lock is free. */
		ASSERT_OK(SYS(setpriority(PRIO_PROCESS, (id_t)attackers[i].pid, -20)));
		peer_signal(attackers[i].peer);
		peer_wait(attackers[i].peer);
	}
	scene_kill_server(&run->first);
	if (run->locks)
		ASSERT(wait_until(all_wait_in_the_helper, run));
}

static struct latency_figures measure_beside_locks(struct instance *instance, bool locks)
{
	struct run run = {.instance = instance, .locks = locks};
	struct child attackers[USERS];
	struct latency_figures figures;

	run.n_returned = mmap(NULL, sizeof(*run.n_returned), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT(run.n_returned != MAP_FAILED);
	scene_start(&run.first, instance);
	start_second_server(&run.second);
	start_attackers(&run, attackers);
	if (locks)
		test_note("%u processes of the helper wait, %u exports do not",
			  count_waiting_helpers(&run), *run.n_returned);
	figures = measure_work(instance, 0777);
	scene_kill_server(&run.second);
	for (unsigned i = 0; i < USERS; i++)
		child_kill(&attackers[i], SIGKILL);
	scene_end(&run.first);
	munmap(run.n_returned, sizeof(*run.n_returned));
	ASSERT_OK(SYS(rmdir(run.first.dir)));
	ASSERT_OK(SYS(rmdir(run.second.dir)));
	instance_settle(instance);
	return figures;
}

/* Without CAP_SYS_RESOURCE after execve(2) the daemon cannot raise the limit. */
static void start_with_few_descriptors(struct instance *instance)
{
	const struct rlimit few = {FEW_FDS, FEW_FDS};

	ASSERT_OK(SYS(prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE)));
	ASSERT_OK(SYS(setrlimit(RLIMIT_NOFILE, &few)));
	instance_start(instance, "max-exports=1000");
}

/* All processes would wait for the attackers, and others' memfds could not be frozen. */
static void inodes_that_stay_locked(struct instance *unused)
{
	static const struct latency_comparison comparison = {
		.measure = measure_beside_locks,
		.without = "without locks",
		.rounds = ROUNDS,
		.max_ratio = MAX_RATIO,
		.longest_ms = LONGEST_MS,
		.tries = TRIES,
	};
	struct instance instance;

	start_with_few_descriptors(&instance);
	latency_compare(&instance, &comparison);
	instance_stop(&instance);
}

/* ---- a lock that those who come later could keep ----------------------------------- */

#define EXPORTERS 32
#define ASKERS    4
#define NO_FD     9999
/* So many threads and a sanitizer take seconds; who is passed over waits for as long. */
#define ASKING_LONGEST_MS 10000

struct asking {
	const struct instance *instance;
	const char *attribute;
	struct shared shared;
};

/* Each call is a round trip to the helper, and hardly anything else. */
static void *export_nothing(void *data)
{
	const struct asking *asking = data;
	int root = ASSERT_OK(raw_root(asking->instance));
	uint8_t uuid[16];

	for (;;)
		raw_export_fd(root, NO_FD, 0, 0, uuid);
	return NULL;
}

static void *ask_again(void *data)
{
	const struct asking *asking = data;
	char value[16];

	for (;;)
		getxattr(asking->shared.path, asking->attribute, value, sizeof(value));
	return NULL;
}

/* The service has a lease for a moment, for which no memfd may be opened. */
static void ask_who_holds_it(int peer, void *data)
{
	struct asking *asking = data;
	char value[16];

	share(&asking->shared, asking->instance, PAGE, 0, 0);
	ASSERT_OK(SYS(
		getxattr(asking->shared.path, asking->attribute, value, sizeof(value))));
	for (int i = 0; i < ASKERS; i++)
		start_thread(ask_again, asking);
	for (int i = 0; i < EXPORTERS; i++)
		start_thread(export_nothing, asking);
	peer_signal(peer);
	pause();
}

static struct latency_figures measure_beside_asking(struct instance *instance, bool held)
{
	struct asking asking = {
		.instance = instance,
		.attribute = held ? "user.dmabuffs.held" : "user.dmabuffs.size",
	};
	struct latency_figures figures;
	struct child attacker;

	child_start(&attacker, USER(ATTACKER), ask_who_holds_it, &asking);
	peer_wait(attacker.peer);
	figures = measure_work(instance, 0700);
	child_kill(&attacker, SIGKILL);
	instance_settle(instance);
	return figures;
}

/*
 * Neither its lease nor its wait for the exports that have begun is anybody else's: those
 * who ask something else, as often, disturb as much.
 */
static void who_holds_a_name(struct instance *instance)
{
	static const struct latency_comparison comparison = {
		.measure = measure_beside_asking,
		.without = "beside other questions",
		.rounds = ROUNDS,
		.max_ratio = MAX_RATIO,
		.longest_ms = ASKING_LONGEST_MS,
		.tries = TRIES,
	};

	latency_compare(instance, &comparison);
}

const struct test_case test_cases[] = {
	{"inodes_that_stay_locked", inodes_that_stay_locked, NULL, 600, CASE_NO_INSTANCE},
	{"who_holds_a_name", who_holds_a_name, "isolate", 600},
	{0},
};
