/* SPDX-License-Identifier: MIT */
/* place.c - on which CPUs clients and servers run */
#include "place.h"

#include <sched.h>

#include "bench.h"

/* Of this process before it was placed; none: not asked for yet. */
static cpu_set_t allowed;
static cpu_set_t servers;

static int first_cpu(const cpu_set_t *set)
{
	int cpu = 0;

	while (!CPU_ISSET(cpu, set))
		cpu++;
	return cpu;
}

int place_client(enum place place)
{
	cpu_set_t client;
	int cpu;

	if (CPU_COUNT(&allowed) == 0 &&
	    sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return complain(-errno, "sched_getaffinity");
	cpu = first_cpu(&allowed);
	CPU_ZERO(&client);
	CPU_SET(cpu, &client);
	servers = client;
	if (place == PLACE_SPLIT && CPU_COUNT(&allowed) > 1) {
		servers = allowed;
		CPU_CLR(cpu, &servers);
	}
	if (sched_setaffinity(0, sizeof(client), &client) < 0)
		return complain(-errno, "sched_setaffinity");
	return 0;
}

void place_server(void)
{
	if (sched_setaffinity(0, sizeof(servers), &servers) < 0)
		(void)complain(-errno, "sched_setaffinity");
}
