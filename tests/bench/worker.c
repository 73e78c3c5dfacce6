/* SPDX-License-Identifier: MIT */
/* worker.c - processes that do one job at a time, each on request */
#include "worker.h"

#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "bench.h"
#include "../support/place.h"

#define ANSWER_SECONDS 60

/* Serves until the peer closes its socket. */
static int serve(int socket, bench_worker_fn work, void *data)
{
	int job;

	while (recv(socket, &job, sizeof(job), 0) == sizeof(job)) {
		int r = work(data, job);

		if (send(socket, &r, sizeof(r), MSG_NOSIGNAL) != sizeof(r))
			break;
	}
	return 0;
}

static int fork_worker(struct bench_worker *worker, int socket, const cpu_set_t *cpus,
		       bench_worker_fn work, void *data)
{
	worker->pid = place_fork(socket);
	if (worker->pid == 0) {
		if (cpus && sched_setaffinity(0, sizeof(*cpus), cpus) < 0)
			_exit(complain(-errno, "sched_setaffinity") < 0);
		_exit(serve(socket, work, data) < 0);
	}
	if (worker->pid < 0) {
		worker->pid = 0;
		return complain(-errno, "fork");
	}
	return 0;
}

int bench_worker_start(struct bench_worker *worker, enum bench_worker_side side,
		       bench_worker_fn work, void *data)
{
	const struct timeval limit = {.tv_sec = ANSWER_SECONDS};
	int sockets[2], r;
	cpu_set_t here;

	if (sched_getaffinity(0, sizeof(here), &here) < 0)
		return complain(-errno, "sched_getaffinity");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return complain(-errno, "socketpair");
	worker->socket = sockets[0];
	r = fork_worker(worker, sockets[1], side == WORKER_OF_CLIENT ? &here : NULL, work,
			data);
	close_keep_errno(sockets[1]);
	if (r >= 0 &&
	    setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		r = complain(-errno, "setsockopt");
	return r;
}

void bench_worker_stop(struct bench_worker *worker)
{
	if (worker->pid > 0) {
		(void)kill(worker->pid, SIGKILL);
		(void)waitpid(worker->pid, NULL, 0);
	}
	close_keep_errno(worker->socket);
	*worker = WORKER_INIT;
}

int bench_worker_order(struct bench_worker *worker, int job)
{
	if (send(worker->socket, &job, sizeof(job), MSG_NOSIGNAL) < 0)
		return complain(-errno, "a worker has exited");
	return 0;
}

int bench_worker_answer(struct bench_worker *worker)
{
	int result;
	ssize_t n = recv(worker->socket, &result, sizeof(result), 0);

	if (n < 0)
		return complain(-errno, "a worker does not reply");
	return n == sizeof(result) ? result : complain(-EIO, "a worker ended");
}
