/* SPDX-License-Identifier: MIT */
/* campaign.c - kills of a service under load, and the account of it at the end */
#include "campaign.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

#include "remains.h"
#include "worker.h"

/* An instant within a round of all clients; one within a takeover. */
#define CAMPAIGN_BETWEEN_US 20000
#define CAMPAIGN_EARLY_US   6000
/* Between two kills, so that there is something to lose. */
#define CAMPAIGN_OPERATIONS 200
#define CAMPAIGN_BUSY_MS    5000

unsigned campaign_scale(unsigned bounded, unsigned full)
{
	const char *text = getenv("DMABUFFS_CRASH_FULL");

	return text && *text ? full : bounded;
}

static int campaign_number(const char *variable, int otherwise)
{
	const char *text = getenv(variable);

	return text && *text ? atoi(text) : otherwise;
}

unsigned campaign_kills(unsigned bounded, unsigned full)
{
	return (unsigned)campaign_number("DMABUFFS_CRASH_KILLS",
					 (int)campaign_scale(bounded, full));
}

void campaign_begin(struct campaign *campaign, const char *options,
		    const struct load_config *load)
{
	char all[200];

	*campaign = (struct campaign){.seed = load->seed};
	/* A line for each name would hide the others. */
	snprintf(all, sizeof(all), "log=warning%s%s", options ? "," : "",
		 options ? options : "");
	instance_start(&campaign->instance, all);
	load_start(&campaign->load, &campaign->instance, load);
}

static unsigned campaign_draw(struct campaign *campaign, unsigned below)
{
	return (unsigned)rand_r(&campaign->seed) % below;
}

static void campaign_sleep(struct campaign *campaign, unsigned max_us)
{
	unsigned us = campaign_draw(campaign, max_us);

	nanosleep(&(struct timespec){.tv_nsec = 1000L * us}, NULL);
}

struct campaign_progress {
	const struct tally *tally;
	unsigned long operations;
};

static bool campaign_has_worked(void *data)
{
	const struct campaign_progress *it = data;

	return tally_operations(it->tally) >= it->operations;
}

void campaign_work(struct campaign *campaign)
{
	const struct tally *tally = campaign->load.tally;
	struct campaign_progress it = {tally,
				       tally_operations(tally) + CAMPAIGN_OPERATIONS};

	load_run(&campaign->load, CAMPAIGN_BUSY_MS, campaign_has_worked, &it);
}

void campaign_pause(struct campaign *campaign, unsigned max_us)
{
	load_check(&campaign->load);
	campaign_sleep(campaign, max_us);
}

pid_t campaign_kill(struct campaign *campaign)
{
	pid_t worker = worker_expect();

	tally_killed(campaign->load.tally);
	worker_kill(worker);
	return worker;
}

uint64_t campaign_replace(struct campaign *campaign)
{
	uint64_t begun = now_ns();
	pid_t dead = campaign_kill(campaign);

	worker_expect_served(&campaign->instance, dead);
	return now_ns() - begun;
}

void campaign_kill_often(struct campaign *campaign, unsigned n)
{
	unsigned ms = 1000 * (unsigned)campaign_number("DMABUFFS_CRASH_SECONDS", 0);
	uint64_t end = now_ms() + ms;
	pid_t early;

	if (n == 0) {
		load_run(&campaign->load, ms, NULL, NULL);
		return;
	}
	for (unsigned i = 0; i < n || now_ms() < end; i++) {
		campaign_work(campaign);
		campaign_pause(campaign, CAMPAIGN_BETWEEN_US);
		if (campaign_draw(campaign, 4)) {
			campaign_replace(campaign);
			continue;
		}
		/* The next one is killed while it takes over. */
		tally_killed(campaign->load.tally);
		early = worker_kill_for_next();
		campaign_sleep(campaign, CAMPAIGN_EARLY_US);
		tally_killed(campaign->load.tally);
		worker_kill(early);
		worker_expect_served(&campaign->instance, early);
		i++;
	}
}

static bool campaign_all_ended(void *unused)
{
	pid_t pids[WORKER_MAX];

	return worker_list(pids) == 0;
}

/* Of the holder that was started only the status is left if a crash point killed it. */
static void campaign_stop(struct campaign *campaign)
{
	struct instance *instance = &campaign->instance;
	siginfo_t info = {0};

	ASSERT_OK(SYS(
		waitid(P_PID, (id_t)instance->pid, &info, WEXITED | WNOHANG | WNOWAIT)));
	if (info.si_pid == 0 || info.si_code != CLD_KILLED) {
		instance_stop(instance);
		return;
	}
	ASSERT_OK(SYS(umount2(instance->dir, MNT_DETACH)));
	ASSERT(wait_until(campaign_all_ended, NULL));
}

void campaign_end(struct campaign *campaign)
{
	const struct load_config *load = &campaign->load.config;
	bool killed;

	load_verify(&campaign->load);
	tally_print(campaign->load.tally);
	remains_expect(&campaign->instance, load->n_clients * load->n_kept,
		       load->n_clients * CLIENT_HELD);
	load_close(&campaign->load);
	remains_expect_nothing(&campaign->instance);
	killed = campaign->load.tally->kills > 0;
	load_finish(&campaign->load);
	if (killed)
		remains_expect_fds(&campaign->instance);
	campaign_stop(campaign);
}
