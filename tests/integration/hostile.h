/* SPDX-License-Identifier: MIT */
/* hostile.h - shared by the cases with a hostile FUSE server */
#ifndef DMABUFFS_TEST_HOSTILE_H
#define DMABUFFS_TEST_HOSTILE_H

#include <stdatomic.h>

#include "child.h"
#include "raw.h"

/* Shared by the processes of a scene. */
struct scene_board {
	struct shared name;    /* an attacker writes to it */
	struct shared leased;  /* an attacker has a lease on it */
	atomic_int writer;     /* its thread id, once it begins to write */
	atomic_uint n_refused; /* calls of an attacker that the service refused */
};

/* A hostile server, and a name for the well-behaved clients. */
struct scene {
	const struct instance *instance;
	struct child server;
	char dir[INSTANCE_PATH_SIZE];
	char file[INSTANCE_PATH_SIZE + 10]; /* the server's file, see fuse-server.h */
	struct shared good;
	struct scene_board *board;
	unsigned int seed; /* of attacks that send random bytes */
};

void scene_start(struct scene *scene, const struct instance *instance);

/* The server answers no further request. */
void scene_fall_silent(struct scene *scene);

/* Kills the server, which releases all processes blocked on it. */
void scene_kill_server(struct scene *scene);

/* Kills the server if it still runs, and removes the name. */
void scene_end(struct scene *scene);

/* Other users export, import, read, write and exchange, each within PROMPT_MS. */
void scene_expect_service(struct scene *scene);

struct sleeper {
	pid_t tid;
	long call;
};

/* A wait_until() predicate: the thread sleeps in this system call, so cannot proceed. */
bool sleeps_in(void *sleeper);

/* A page of the server's file: any access to it blocks. */
void *scene_hostile_page(const struct scene *scene);

#endif
