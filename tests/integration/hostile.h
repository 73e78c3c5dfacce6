/* SPDX-License-Identifier: MIT */
/* hostile.h - what the cases with a hostile FUSE server have in common */
#ifndef DMABUFFS_TEST_HOSTILE_H
#define DMABUFFS_TEST_HOSTILE_H

#include "child.h"
#include "raw.h"

/* A hostile server and, for the well-behaved, a name. */
struct scene {
	const struct instance *instance;
	struct child server;
	char dir[INSTANCE_PATH_SIZE];
	char file[INSTANCE_PATH_SIZE + 10]; /* of the server, see fuse-server.h */
	struct shared good;
};

void scene_start(struct scene *scene, const struct instance *instance);

/* From now on the server answers nothing at all. */
void scene_fall_silent(struct scene *scene);

/* Kills the server: all who wait for it are free again. */
void scene_kill_server(struct scene *scene);

/* Kills it if need be, and ends the name. */
void scene_end(struct scene *scene);

/* Strangers export, import, read, write and exchange, each within PROMPT_MS. */
void scene_expect_service(struct scene *scene);

/* A page of the server's file: who touches it waits. */
void *scene_hostile_page(const struct scene *scene);

#endif
