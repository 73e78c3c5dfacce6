/* SPDX-License-Identifier: MIT */
/* test-crash-kills.c - the service is killed at random instants, under load */
#include <stdlib.h>
#include <string.h>

#include "campaign.h"
#include "remains.h"
#include "worker.h"

/* Without a kill all is as it must be: what fails in the other cases is due to kills. */
static void no_kill(struct instance *instance)
{
	struct campaign campaign;

	campaign_begin(&campaign, NULL, &CAMPAIGN_LOAD);
	load_run(&campaign.load, campaign_scale(2000, 10000), NULL, NULL);
	campaign_end(&campaign);
}

static bool has_failures(void *data)
{
	const struct tally *tally = data;

	return tally->failures > 0;
}

/* Nobody holds what the service had: the load must notice, and nothing hangs. */
static void without_holder(struct instance *instance)
{
	struct campaign campaign;
	struct tally *tally;

	campaign_begin(&campaign, "nosupervisor", &CAMPAIGN_LOAD);
	tally = campaign.load.tally;
	load_run(&campaign.load, 200, NULL, NULL);
	ASSERT_EQ(tally->failures, 0);
	worker_expect_death(campaign_kill(&campaign));
	load_run(&campaign.load, TALLY_HANG_MS, has_failures, tally);
	load_verify(&campaign.load);
	load_close(&campaign.load);
	tally_print(tally);
	ASSERT(tally->failures >= LOAD_CLIENTS);
	tally_destroy(tally);
}

static void random_kills(struct instance *instance)
{
	struct campaign campaign;

	campaign_begin(&campaign, NULL, &CAMPAIGN_LOAD);
	campaign_kill_often(&campaign, campaign_kills(20, 100));
	campaign_end(&campaign);
}

/* ---- how long clients wait --------------------------------------------------------- */

#define PAUSE_WINDOWS 20
#define PAUSE_MS      250

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median_ms(uint64_t *ns)
{
	qsort(ns, PAUSE_WINDOWS, sizeof(*ns), compare);
	return (double)(ns[PAUSE_WINDOWS / 2 - 1] + ns[PAUSE_WINDOWS / 2]) / 2 /
	       NS_PER_MS;
}

/* The longest operation of all clients in a window of time. */
static uint64_t longest(struct campaign *campaign, bool with_kill, uint64_t *ret_takeover)
{
	enum tally_op op;

	tally_longest(campaign->load.tally, &op);
	if (with_kill)
		*ret_takeover = campaign_replace(campaign);
	load_run(&campaign->load, PAUSE_MS, NULL, NULL);
	return tally_longest(campaign->load.tally, &op);
}

static void pause_of_clients(struct instance *instance)
{
	uint64_t without[PAUSE_WINDOWS], with[PAUSE_WINDOWS], takeovers[PAUSE_WINDOWS];
	struct campaign campaign;
	double base, across;

	campaign_begin(&campaign, NULL, &CAMPAIGN_LOAD);
	load_run(&campaign.load, PAUSE_MS, NULL, NULL);
	for (int i = 0; i < PAUSE_WINDOWS; i++) {
		without[i] = longest(&campaign, false, NULL);
		with[i] = longest(&campaign, true, &takeovers[i]);
	}
	base = median_ms(without);
	across = median_ms(with);
	test_note("longest operation, medians of %d: %.2f ms, across a kill %.2f ms; "
		  "kill to "
		  "serving %.2f ms",
		  PAUSE_WINDOWS, base, across, median_ms(takeovers));
	test_note("row crash_pause %.2f", across / base);
	campaign_end(&campaign);
}

static void many_names(struct instance *instance)
{
	struct load_config config = CAMPAIGN_LOAD;
	uint64_t takeovers[PAUSE_WINDOWS];
	struct campaign campaign;

	config.n_kept = campaign_scale(500, 2250);
	config.bytes = 4096;
	campaign_begin(&campaign, "max-exports-per-uid=8000", &config);
	for (int i = 0; i < PAUSE_WINDOWS; i++) {
		campaign_pause(&campaign, 50000);
		takeovers[i] = campaign_replace(&campaign);
	}
	test_note("row takeover_%uk %.2f ms", config.n_kept * LOAD_CLIENTS / 1000,
		  median_ms(takeovers));
	/* With those before, a hundred. */
	campaign_kill_often(&campaign, campaign_kills(0, 100 - PAUSE_WINDOWS));
	campaign_end(&campaign);
}

const struct test_case test_cases[] = {
	{"no_kill", no_kill, NULL, 0, CASE_NO_INSTANCE},
	{"without_holder", without_holder, NULL, 0, CASE_NO_INSTANCE},
	{"random_kills", random_kills, NULL, 600, CASE_NO_INSTANCE},
	{"pause_of_clients", pause_of_clients, NULL, 600, CASE_NO_INSTANCE},
	{"many_names", many_names, NULL, 900, CASE_NO_INSTANCE},
	{0},
};
