/* SPDX-License-Identifier: MIT */
/* contest.c - a subject and its baseline, measured in turns */
#include "contest.h"

static int run_block(struct contestant who, struct series *samples)
{
	return who.block ? who.block(who.data, samples) : 0;
}

/* The first of the two alternates, so that neither always has the other's caches. */
static int run_round(struct contestant subject, struct contestant baseline,
		     struct series samples[2], bool subject_first)
{
	int r;

	if (subject_first) {
		r = run_block(subject, &samples[0]);
		return r < 0 ? r : run_block(baseline, &samples[1]);
	}
	r = run_block(baseline, &samples[1]);
	return r < 0 ? r : run_block(subject, &samples[0]);
}

int contest_run(struct contestant subject, struct contestant baseline,
		unsigned int rounds, struct pair *ret_pair)
{
	struct series samples[2] = {0};
	int r = 0;

	/* The first round has cold caches and sleeping servers, and does not count. */
	for (unsigned int i = 0; i <= rounds && r >= 0; i++) {
		r = run_round(subject, baseline, samples, i % 2);
		if (i == 0)
			samples[0].count = samples[1].count = 0;
	}
	if (r >= 0)
		*ret_pair = (struct pair){
			.subject = series_median(&samples[0]),
			.baseline = series_median(&samples[1]),
		};
	series_finish(&samples[0]);
	series_finish(&samples[1]);
	return r;
}
