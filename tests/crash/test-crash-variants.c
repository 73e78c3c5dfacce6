/* SPDX-License-Identifier: MIT */
/* test-crash-variants.c - kills of services and beside clients of other kinds */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dmabuffs.h>

#include "campaign.h"
#include "raw.h"
#include "worker.h"

/* ---- other loads ------------------------------------------------------------------- */

static void kill_load(const char *options, unsigned flags, unsigned bounded)
{
	struct load_config config = CAMPAIGN_LOAD;
	struct campaign campaign;

	config.flags |= flags;
	campaign_begin(&campaign, options, &config);
	campaign_kill_often(&campaign, campaign_kills(bounded, 5 * bounded));
	campaign_end(&campaign);
}

static void revocations(struct instance *instance)
{
	kill_load(NULL, LOAD_EACH_REVOKES, 10);
}

static void without_passthrough(struct instance *instance)
{
	kill_load("nopassthrough", LOAD_NO_MAP, 10);
}

/* ---- upgrades ---------------------------------------------------------------------- */

static void upgrade_once(struct campaign *campaign)
{
	pid_t before = worker_expect(), pid;
	char path[300];
	int status;

	snprintf(path, sizeof(path), "%s", TOOL);
	tally_killed(campaign->load.tally);
	pid = fork();
	ASSERT(pid >= 0);
	if (pid == 0) {
		execl(path, path, "upgrade", campaign->instance.dir, NULL);
		_exit(127);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT(WIFEXITED(status));
	ASSERT_EQ(WEXITSTATUS(status), 0);
	worker_expect_served(&campaign->instance, before);
	ASSERT(worker_expect() != before);
}

static void upgrades(struct instance *instance)
{
	struct campaign campaign;

	campaign_begin(&campaign, NULL, &CAMPAIGN_LOAD);
	for (unsigned i = 0; i < campaign_kills(5, 20); i++) {
		campaign_work(&campaign);
		upgrade_once(&campaign);
	}
	campaign_end(&campaign);
}

/* ---- another build ----------------------------------------------------------------- */

static void copy_program(const char *from, const char *to)
{
	char command[1200];

	/* The one that runs keeps its file. */
	snprintf(command, sizeof(command), "cp '%s' '%s.new' && mv '%s.new' '%s'", from,
		 to, to, to);
	ASSERT_EQ(system(command), 0);
}

/* To and fro; each of them is killed, too. */
static void change_builds(const char *first, const char *other, const char *installed)
{
	const char *programs[] = {first, other};
	struct campaign campaign;

	copy_program(first, installed);
	campaign_begin(&campaign, NULL, &CAMPAIGN_LOAD);
	for (unsigned i = 1; i <= campaign_kills(6, 20); i++) {
		copy_program(programs[i % 2], installed);
		campaign_work(&campaign);
		upgrade_once(&campaign);
		campaign_kill_often(&campaign, 2);
	}
	campaign_end(&campaign);
}

/* As one with another libfuse. */
static void other_build(struct instance *instance)
{
	const char *other = getenv("DMABUFFS_OTHER");
	char installed[INSTANCE_PATH_SIZE], first[400];

	if (!other || !*other) {
		test_note("skipped other_build: DMABUFFS_OTHER names no program");
		return;
	}
	snprintf(first, sizeof(first), "%s", daemon_path());
	snprintf(installed, sizeof(installed), "%s/dmabuffsd", test_work_dir);
	ASSERT_OK(SYS(setenv("DMABUFFSD", installed, 1)));
	change_builds(first, other, installed);
	change_builds(other, first, installed);
}

/* ---- rootless ---------------------------------------------------------------------- */

static void kill_rootless(int peer, void *data)
{
	struct load_config config = CAMPAIGN_LOAD;
	struct campaign campaign;

	config.n_clients = 4;
	config.n_kept = 10;
	/* Backing files need CAP_SYS_ADMIN of the first user namespace. */
	config.flags |= LOAD_ONE_USER | LOAD_NO_MAP;
	campaign_begin(&campaign, NULL, &config);
	campaign_kill_often(&campaign, campaign_kills(10, 50));
	campaign_end(&campaign);
}

static void rootless(struct instance *instance)
{
	const struct identity who = {
		.uid = 1000, .gid = 1000, .namespaces = CLONE_NEWUSER | CLONE_NEWNS};
	struct child child;

	open_fuse_to_all();
	ASSERT_OK(SYS(chmod(test_work_dir, 0777)));
	child_start(&child, &who, kill_rootless, NULL);
	child_wait_ms(&child, 5 * WAIT_MS);
}

/* ---- a full limit ------------------------------------------------------------------ */

#define FULL_NAMES 40

struct full {
	const struct instance *instance;
	struct dmabuffs *library;
	dmabuffs_uuid uuids[FULL_NAMES];
	unsigned n;
};

static int full_export(struct full *full)
{
	int fd = new_memfd(PAGE), r;

	r = dmabuffs_export(full->library, fd, NULL, &full->uuids[full->n % FULL_NAMES]);
	close(fd);
	full->n += r == 0;
	return r;
}

/* One name more is refused, before a withdrawal and after the next export. */
static void full_step(struct full *full)
{
	ASSERT_ERR(full_export(full), EDQUOT);
	ASSERT_OK(dmabuffs_withdraw(full->library, &full->uuids[full->n % FULL_NAMES]));
	ASSERT_OK(full_export(full));
	ASSERT_ERR(full_export(full), EDQUOT);
}

static void be_full(int peer, void *data)
{
	struct full full = {.instance = data};

	ASSERT_OK(dmabuffs_open(full.instance->dir, &full.library));
	for (int i = 0; i < FULL_NAMES; i++)
		ASSERT_OK(full_export(&full));
	for (;;) {
		full_step(&full);
		peer_signal(peer);
		peer_wait(peer);
	}
}

static void full_limit(struct instance *instance)
{
	unsigned kills = campaign_kills(5, 20);
	struct instance service;
	struct child child;

	instance_start(&service, "max-exports-per-uid=40");
	child_start(&child, USER(1001), be_full, &service);
	peer_wait(child.peer);
	for (unsigned i = 0; i < kills; i++) {
		pid_t worker = worker_expect();

		worker_kill(worker);
		worker_expect_served(&service, worker);
		peer_signal(child.peer);
		peer_wait(child.peer);
	}
	child_kill(&child, SIGKILL);
	instance_stop(&service);
}

/* ---- clients that are signalled or killed during a takeover ------------------------ */

#define N_VICTIMS 4

struct victim {
	const struct instance *instance;
	bool is_signalled;
};

static void victim_interrupted(int signal)
{
}

/* What a signal that restarts nothing may do to a call. */
static void victim_expect(int result)
{
	if (result != -EINTR)
		ASSERT_OK(result);
}

static void victim_use(struct dmabuffs *library, const dmabuffs_uuid *uuid)
{
	void *bytes;
	int fd, r = dmabuffs_import(library, uuid, O_RDWR, &fd);

	victim_expect(r);
	if (r < 0)
		return;
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ, &bytes));
	munmap(bytes, PAGE);
	close(fd);
}

static void victim_round(struct victim *victim)
{
	int fd = new_memfd(PAGE), r;
	struct dmabuffs *library;
	dmabuffs_uuid uuid;

	r = dmabuffs_open(victim->instance->dir, &library);
	victim_expect(r);
	if (r == 0) {
		r = dmabuffs_export(library, fd, NULL, &uuid);
		victim_expect(r);
		if (r == 0)
			victim_use(library, &uuid);
		if (r == 0)
			victim_expect(dmabuffs_withdraw(library, &uuid));
		dmabuffs_close(library);
	}
	close(fd);
}

static void be_victim(int peer, void *data)
{
	const struct sigaction action = {.sa_handler = victim_interrupted};
	struct victim *victim = data;

	ASSERT_OK(SYS(sigaction(SIGUSR1, &action, NULL)));
	/* The other end is closed, or has sent a byte, when it shall end. */
	for (bool first = true; !wait_ready(peer, POLLIN, 0); first = false) {
		victim_round(victim);
		if (first)
			peer_signal(peer);
	}
}

static void victim_start(struct child *child, struct victim *victim)
{
	child_start(child, USER(1001), be_victim, victim);
	peer_wait(child->peer);
}

/* A kill, a few signals at random instants, and perhaps the end of the client. */
static void victim_suffer(struct campaign *campaign, struct child *victims,
			  struct victim *kinds)
{
	pid_t dead = campaign_kill(campaign);

	for (int i = 0; i < N_VICTIMS; i++) {
		campaign_pause(campaign, 2000);
		if (kinds[i].is_signalled)
			ASSERT_OK(SYS(kill(victims[i].pid, SIGUSR1)));
		else
			child_kill(&victims[i], SIGKILL);
	}
	worker_expect_served(&campaign->instance, dead);
	for (int i = 0; i < N_VICTIMS; i++)
		if (!kinds[i].is_signalled)
			victim_start(&victims[i], &kinds[i]);
}

static void killed_clients(struct instance *instance)
{
	struct victim kinds[N_VICTIMS];
	struct child victims[N_VICTIMS];
	struct campaign campaign;

	campaign_begin(&campaign, NULL, &CAMPAIGN_LOAD);
	for (int i = 0; i < N_VICTIMS; i++) {
		kinds[i] = (struct victim){&campaign.instance, i % 2};
		victim_start(&victims[i], &kinds[i]);
	}
	for (unsigned i = 0; i < campaign_kills(10, 50); i++)
		victim_suffer(&campaign, victims, kinds);
	for (int i = 0; i < N_VICTIMS; i++) {
		peer_signal(victims[i].peer);
		child_wait(&victims[i]);
	}
	campaign_end(&campaign);
}

/* ---- umount ------------------------------------------------------------------------ */

/* Clients lose their mount, and nothing hangs: neither they nor the processes of it. */
static void unmount_once(unsigned seed)
{
	struct load_config config = CAMPAIGN_LOAD;
	struct campaign campaign;
	pid_t pids[WORKER_MAX];

	config.seed = seed;
	config.n_clients = 4;
	config.n_kept = 10;
	campaign_begin(&campaign, NULL, &config);
	campaign_pause(&campaign, 30000);
	campaign_kill(&campaign);
	campaign_pause(&campaign, 8000);
	ASSERT_OK(SYS(umount2(campaign.instance.dir, MNT_DETACH)));
	load_verify(&campaign.load);
	load_close(&campaign.load);
	instance_expect_exit(&campaign.instance, 0);
	ASSERT_EQ(worker_list(pids), 0);
	tally_destroy(campaign.load.tally);
}

static void unmounted(struct instance *instance)
{
	for (unsigned i = 0; i < campaign_kills(5, 20); i++)
		unmount_once(i);
}

const struct test_case test_cases[] = {
	{"revocations", revocations, NULL, 600, CASE_NO_INSTANCE},
	{"without_passthrough", without_passthrough, NULL, 600, CASE_NO_INSTANCE},
	{"upgrades", upgrades, NULL, 600, CASE_NO_INSTANCE},
	{"other_build", other_build, NULL, 600, CASE_NO_INSTANCE},
	{"rootless", rootless, NULL, 600, CASE_NO_INSTANCE},
	{"full_limit", full_limit, NULL, 300, CASE_NO_INSTANCE},
	{"killed_clients", killed_clients, NULL, 600, CASE_NO_INSTANCE},
	{"unmounted", unmounted, NULL, 900, CASE_NO_INSTANCE},
	{0},
};
