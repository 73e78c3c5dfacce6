/* SPDX-License-Identifier: MIT */
#include "base/offload.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "util.h"

#define STACK_SIZE   (64 * 1024)
#define WAIT_STEP_NS (10 * 1000 * 1000)
#define WAIT_STEPS   100

struct offload {
	struct limits *limits;
	uid_t uid;
	void (*work)(void *arg);
	void *arg;
};

int offload_reserve(struct limits *limits, const struct payer *payer,
		    struct offload **ret_offload)
{
	struct offload *offload;
	int r = limits_charge_process(limits, payer, RES_OFFLOADS, 1);

	if (r < 0)
		return r == -ENOMEM ? r : -EBUSY;
	offload = calloc(1, sizeof(*offload));
	if (!offload) {
		limits_uncharge(limits, payer->uid, RES_OFFLOADS, 1);
		return -ENOMEM;
	}
	offload->limits = limits;
	offload->uid = payer->uid;
	*ret_offload = offload;
	return 0;
}

void offload_cancel(struct offload *offload)
{
	if (!offload)
		return;
	limits_uncharge(offload->limits, offload->uid, RES_OFFLOADS, 1);
	free(offload);
}

static void *offload_run(void *arg)
{
	struct offload *offload = arg;

	offload->work(offload->arg);
	offload_cancel(offload);
	return NULL;
}

int offload_start(struct offload *offload, void (*work)(void *arg), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	offload->work = work;
	offload->arg = arg;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	r = -pthread_create(&thread, &attr, offload_run, offload);
	pthread_attr_destroy(&attr);
	if (r < 0)
		offload_cancel(offload);
	return r;
}

bool offload_wait_all(struct limits *limits)
{
	const struct timespec step = {0, WAIT_STEP_NS};

	for (int i = 0; i < WAIT_STEPS; i++) {
		if (!limits_used(limits, RES_OFFLOADS))
			return true;
		nanosleep(&step, NULL);
	}
	return false;
}
