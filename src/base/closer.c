/* SPDX-License-Identifier: MIT */
#include "base/closer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/offload.h"
#include "util.h"

struct closer_job {
	struct limits *limits;
	uid_t uid;
	size_t n_fds;
	int *fds;
	int one; /* the usual case needs no allocation */
};

int closer_reserve(struct limits *limits, uid_t uid, struct closer_job **ret_job)
{
	struct closer_job *job;
	int r = limits_charge(limits, uid, RES_CLOSES, 1);

	if (r < 0)
		return r == -ENOMEM ? r : -EBUSY;
	job = calloc(1, sizeof(*job));
	if (!job) {
		limits_uncharge(limits, uid, RES_CLOSES, 1);
		return -ENOMEM;
	}
	job->limits = limits;
	job->uid = uid;
	*ret_job = job;
	return 0;
}

void closer_cancel(struct closer_job *job)
{
	if (!job)
		return;
	limits_uncharge(job->limits, job->uid, RES_CLOSES, 1);
	if (job->fds != &job->one)
		free(job->fds);
	free(job);
}

static void *closer_run(void *arg)
{
	struct closer_job *job = arg;

	for (size_t i = 0; i < job->n_fds; i++)
		close(job->fds[i]);
	closer_cancel(job);
	return NULL;
}

void closer_submit(struct closer_job *job, const int *fds, size_t n_fds)
{
	job->fds = n_fds == 1 ? &job->one : calloc(n_fds, sizeof(*fds));
	if (job->fds) {
		memcpy(job->fds, fds, n_fds * sizeof(*fds));
		job->n_fds = n_fds;
		if (offload_thread(closer_run, job) == 0)
			return;
	}
	/* Rather risk a stall than a leak, when there is no memory for a thread. */
	log_warning("no thread to close %zu refused descriptors of uid %u", n_fds,
		    job->uid);
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
	closer_cancel(job);
}
