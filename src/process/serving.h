/* SPDX-License-Identifier: MIT */
/* serving.h - a process that serves, as its holder sees it */
#ifndef DMABUFFS_SERVING_H
#define DMABUFFS_SERVING_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "process/held.h"

struct serving {
	pid_t pid;         /* 0: none */
	int pidfd;         /* owned; -1: none */
	int reports;       /* owned: the other end of its socket; -1: it was closed */
	int life;          /* owned: closed at the other end when it dies; see life.h */
	bool is_ready;     /* it serves */
	uint64_t ready_ms; /* since then, on the monotonic clock */
	bool has_ended;    /* with status; nothing is to be served any more */
	int status;
	bool was_reaped; /* with wait_status; only if this process is its parent */
	int wait_status;
};

/* What a service is executed with. All borrowed. */
struct serving_program {
	int exe; /* the file */
	char **argv;
	const sigset_t *mask; /* of signals */
};

void serving_init(struct serving *serving);

/*
 * Forks, with what belongs to one service. In the parent 0, and *ret_serving is set. In
 * the child 1: it has the other ends, *ret_ends. -errno.
 */
int serving_fork(struct serving *ret_serving, struct held *ret_ends);

/*
 * The same, and executes the program with all of @held; serving_refuse_descriptors(). 0
 * or -errno.
 */
int serving_start(struct serving *ret_serving, const struct serving_program *program,
		  const struct held *held);

/*
 * Where the kernel can (see rights.h) it cannot send any from now on: also one that the
 * holder does not take is closed in the holder, and a client could make that wait.
 */
void serving_refuse_descriptors(const struct serving *serving);

/* A signal to it; no error if it has ended. */
void serving_signal(const struct serving *serving, int signal_number);

/* Has its last thread ended? */
bool serving_is_gone(const struct serving *serving);

/* By SIGKILL? False if it is unknown. */
bool serving_was_killed(const struct serving *serving);

/* Closes the descriptors and forgets it, as serving_init(). */
void serving_finish(struct serving *serving);

#endif
