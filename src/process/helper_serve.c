/* SPDX-License-Identifier: MIT */
#include "process/helper_serve.h"

#include <fcntl.h>
#include <string.h>

#include "broker/procfs.h"
#include "broker/take.h"
#include "buffers/buffer.h"
#include "names/caller.h"
#include "util.h"

/* A request being served. */
struct helper_job {
	struct helper_request request;
	struct helper_reply reply;
	int fd;           /* owned: that came with it; -1: none */
	struct take take; /* owned: to be sent, and what else was taken */
};

/* ---- requests ---------------------------------------------------------------------- */

static int helper_serve_take(struct helper_job *job)
{
	int r = take_here(job->request.tid, job->request.fd, job->request.kinds,
			  &job->take);

	job->reply.is_own = job->take.is_own;
	return r;
}

/* What the service keeps in a vault it cannot send without a duplicate of its own. */
static int helper_serve_find(struct helper_job *job)
{
	int pidfd, fd;

	if (job->request.tid == 0)
		return job->fd;
	pidfd = caller_open(job->request.tid);
	if (pidfd < 0)
		return pidfd;
	fd = caller_take_fd(pidfd, job->request.fd);
	close(pidfd);
	return fd;
}

static int helper_serve_reopen(struct helper_job *job)
{
	int fd = helper_serve_find(job);

	if (fd < 0)
		return fd;
	job->fd = fd;
	job->take.fd = buffer_reopen_fd(fd, (int)job->request.access);
	return MIN(job->take.fd, 0);
}

static int helper_serve_freeze(struct helper_job *job)
{
	return buffer_kind(job->fd) == DMABUFFS_KIND_MEMFD ? buffer_freeze_mode(job->fd)
							   : -EBADFD;
}

static int helper_serve_ids(struct helper_job *job)
{
	struct ids ids;
	int r = caller_read_ids(job->request.tid, &ids);

	if (r < 0)
		return r;
	job->reply.ids.uid = ids.uid;
	job->reply.ids.gid = ids.gid;
	return 0;
}

static int helper_serve_namespaces(struct helper_job *job)
{
	caller_read_namespaces(job->request.tid, job->reply.identity.ns);
	return 0;
}

static int helper_serve_identity(struct helper_job *job)
{
	caller_read_identity(job->request.tid, &job->reply);
	return 0;
}

static int helper_serve_owners(struct helper_job *job)
{
	return owners_read(job->request.tid, job->request.uid, job->reply.owners);
}

static int helper_serve_procfs(struct helper_job *job)
{
	return procfs_is_mounted(job->request.dev, job->request.tid);
}

static int (*const helper_serve_ops[HELPER_OP_COUNT])(struct helper_job *job) = {
	[HELPER_TAKE] = helper_serve_take,
	[HELPER_REOPEN] = helper_serve_reopen,
	[HELPER_FREEZE] = helper_serve_freeze,
	[HELPER_IDS] = helper_serve_ids,
	[HELPER_NAMESPACES] = helper_serve_namespaces,
	[HELPER_IDENTITY] = helper_serve_identity,
	[HELPER_OWNERS] = helper_serve_owners,
	[HELPER_PROCFS] = helper_serve_procfs,
};

static bool helper_serve_is_valid(const struct helper_request *request)
{
	const unsigned kinds = TAKE_BUFFER | TAKE_NAME | TAKE_MEMORY;

	return request->size == sizeof(*request) && request->op < HELPER_OP_COUNT &&
	       request->reserved == 0 && request->tid >= 0 && !(request->kinds & ~kinds);
}

static void helper_serve_run(struct helper_job *job)
{
	job->reply.size = sizeof(job->reply);
	job->reply.result = helper_serve_is_valid(&job->request)
				    ? helper_serve_ops[job->request.op](job)
				    : -EINVAL;
}

/* ---- the socket -------------------------------------------------------------------- */

static int helper_serve_one(int socket, helper_busy *busy)
{
	struct helper_job job = {.fd = -1, .take = TAKE_NONE};
	int r = helper_receive(socket, &job.request, sizeof(job.request), &job.fd);

	if (r < 0)
		return r;
	/* The word can be a predecessor's, which was killed. */
	atomic_store(busy, 1);
	helper_serve_run(&job);
	r = helper_send(socket, &job.reply, sizeof(job.reply), job.take.fd);
	/* A client decides how long these take. */
	close_keep_errno(job.fd);
	close_keep_errno(job.take.fd);
	close_keep_errno(job.take.rest);
	atomic_store_explicit(busy, 0, memory_order_release);
	return r;
}

int helper_serve(int socket, helper_busy *busy)
{
	int r;

	do
		r = helper_serve_one(socket, busy);
	while (r == 0);
	/* The service has ended. */
	return r == -EPIPE || r == -ECONNRESET ? EXIT_SUCCESS : EXIT_FAILURE;
}
