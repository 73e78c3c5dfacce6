/* SPDX-License-Identifier: MIT */
#include "base/offload.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "util.h"

#define STACK_SIZE   (64 * 1024)
#define WAIT_STEP_NS (10 * 1000 * 1000)
#define WAIT_STEPS   100

struct offload {
	struct limits *limits;
	enum resource resource;
	uid_t uid;
	void (*work)(void *arg);
	void *arg;
	int *fds; /* to close; owned unless it is &one_fd */
	size_t n_fds;
	int one_fd; /* the common case needs no allocation */
};

static int offload_reserve_any(struct limits *limits, const struct payer *payer,
			       enum resource resource, struct offload **ret_offload)
{
	struct offload *offload;
	int r = limits_charge_process(limits, payer, resource, 1);

	if (r < 0)
		return r == -ENOMEM ? r : -EBUSY;
	offload = calloc(1, sizeof(*offload));
	if (!offload) {
		limits_uncharge(limits, payer->uid, resource, 1);
		return -ENOMEM;
	}
	offload->limits = limits;
	offload->resource = resource;
	offload->uid = payer->uid;
	*ret_offload = offload;
	return 0;
}

int offload_reserve(struct limits *limits, const struct payer *payer,
		    struct offload **ret_offload)
{
	return offload_reserve_any(limits, payer, RES_OFFLOADS, ret_offload);
}

int offload_reserve_close(struct limits *limits, uid_t uid, struct offload **ret_offload)
{
	const struct payer payer = {.uid = uid};

	return offload_reserve_any(limits, &payer, RES_CLOSES, ret_offload);
}

void offload_cancel(struct offload *offload)
{
	if (!offload)
		return;
	limits_uncharge(offload->limits, offload->uid, offload->resource, 1);
	if (offload->fds != &offload->one_fd)
		free(offload->fds);
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

static void offload_close_all(const int *fds, size_t n_fds)
{
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
}

static void offload_close_work(void *arg)
{
	const struct offload *offload = arg;

	offload_close_all(offload->fds, offload->n_fds);
}

static int offload_start_close(struct offload *offload, const int *fds, size_t n_fds)
{
	offload->fds = n_fds == 1 ? &offload->one_fd : calloc(n_fds, sizeof(*fds));
	if (!offload->fds) {
		offload_cancel(offload);
		return -ENOMEM;
	}
	memcpy(offload->fds, fds, n_fds * sizeof(*fds));
	offload->n_fds = n_fds;
	return offload_start(offload, offload_close_work, offload);
}

void offload_close(struct offload *offload, const int *fds, size_t n_fds)
{
	uid_t uid = offload->uid;
	int r = offload_start_close(offload, fds, n_fds);

	if (r == 0)
		return;
	log_warning("cannot start a thread to close %zu descriptors of uid %u: %s", n_fds,
		    uid, strerror(-r));
	offload_close_all(fds, n_fds);
}

bool offload_wait_all(struct limits *limits)
{
	const struct timespec step = {0, WAIT_STEP_NS};

	for (int i = 0; i < WAIT_STEPS; i++) {
		if (!limits_used(limits, RES_OFFLOADS) &&
		    !limits_used(limits, RES_CLOSES))
			return true;
		nanosleep(&step, NULL);
	}
	return false;
}
