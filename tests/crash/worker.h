/* SPDX-License-Identifier: MIT */
/* worker.h - the process of an instance that serves now, its death and its successor */
#ifndef DMABUFFS_TEST_CRASH_WORKER_H
#define DMABUFFS_TEST_CRASH_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "instance.h"

#define WORKER_MAX 8

/* All processes of the service that live; a case has one instance at a time. */
unsigned worker_list(pid_t ret_pids[WORKER_MAX]);

/* The one that serves, or is about to; -1: none at this instant. */
pid_t worker_find(void);

/* Waits for one; asserts. */
pid_t worker_expect(void);

/* Kills it, and returns its successor as soon as that is a process; asserts. */
pid_t worker_kill_for_next(void);

/* Sends SIGKILL. */
void worker_kill(pid_t worker);

/* Waits for the end of a process that was killed; asserts. */
void worker_expect_death(pid_t worker);

/* Prints where each thread of the service sleeps, and the end of its log. */
void worker_print(const struct instance *instance);

/*
 * Waits until a request was served by a successor of @dead, or fails the case, with where
 * all processes sleep.
 */
void worker_expect_served(const struct instance *instance, pid_t dead);

#endif
