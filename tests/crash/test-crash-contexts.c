/* SPDX-License-Identifier: MIT */
/* test-crash-contexts.c - kills of a service whose accelerators are in use */
#include "campaign.h"

/* A context goes on, or ends with the one error that says so; no command runs twice. */
static void contexts(struct instance *instance)
{
	struct load_config config = CAMPAIGN_LOAD;
	struct campaign campaign;

	config.flags &= ~(unsigned)LOAD_NO_ACCEL;
	config.flags |= LOAD_CONTEXTS_END;
	campaign_begin(&campaign, NULL, &config);
	campaign_kill_often(&campaign, campaign_kills(10, 100));
	campaign_end(&campaign);
}

const struct test_case test_cases[] = {
	{"contexts", contexts, NULL, 900, CASE_NO_INSTANCE},
	{0},
};
