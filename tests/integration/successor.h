/* SPDX-License-Identifier: MIT */
/* successor.h - the service of an instance is killed, and another one takes over */
#ifndef DMABUFFS_TEST_SUCCESSOR_H
#define DMABUFFS_TEST_SUCCESSOR_H

#include <stdbool.h>

#include "instance.h"

/* SIGKILL; asserts. */
void kill_process(pid_t pid);

/* A request that only the service can reply to; asserts. */
void expect_to_be_served(const struct instance *instance);

/* Is there another service than instance->service? Then it is that. For wait_until(). */
bool has_successor(void *instance);

/* It serves, and so does its broker; asserts. The first request waits for it. */
void expect_successor(struct instance *instance);

#endif
