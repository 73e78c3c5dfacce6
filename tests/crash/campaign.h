/* SPDX-License-Identifier: MIT */
/* campaign.h - kills of a service under load, and the account of it at the end */
#ifndef DMABUFFS_TEST_CRASH_CAMPAIGN_H
#define DMABUFFS_TEST_CRASH_CAMPAIGN_H

#include "load.h"

struct campaign {
	struct instance instance;
	struct load load;
	unsigned seed;
};

/* A usual load: names. */
#define CAMPAIGN_LOAD                                                                    \
	((const struct load_config){.n_clients = LOAD_CLIENTS,                           \
				    .n_kept = 20,                                        \
				    .bytes = 16384,                                      \
				    .flags = LOAD_NO_ACCEL,                              \
				    .seed = 1})

/* @bounded for `make check`, @full for `make check-crash`. */
unsigned campaign_scale(unsigned bounded, unsigned full);

/* The same for a number of kills, unless DMABUFFS_CRASH_KILLS says another. */
unsigned campaign_kills(unsigned bounded, unsigned full);

/* Starts the service and the load; asserts. */
void campaign_begin(struct campaign *campaign, const char *options,
		    const struct load_config *load);

/* The clients execute some hundred operations, for some seconds at most. */
void campaign_work(struct campaign *campaign);

/* The load runs for a random time below @max_us. The time is random on purpose. */
void campaign_pause(struct campaign *campaign, unsigned max_us);

/* Kills the process that serves now. */
pid_t campaign_kill(struct campaign *campaign);

/* Kills it, and waits until a successor serves; returns how long that took, in ns. */
uint64_t campaign_replace(struct campaign *campaign);

/*
 * @n kills at random instants, some of them during a takeover; and more, unless @n is 0,
 * until DMABUFFS_CRASH_SECONDS have passed.
 */
void campaign_kill_often(struct campaign *campaign, unsigned n);

/*
 * Every client verifies what it has; the service has all of it and nothing else. Then
 * the clients exit, and the service has nothing. Fails the case if an operation failed.
 */
void campaign_end(struct campaign *campaign);

#endif
