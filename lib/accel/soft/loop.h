/* SPDX-License-Identifier: MIT */
/*
 * loop.h - the thread of an engine: fetch commands, execute them, sleep
 *
 * The thread owns the engine's memory. It frees it after accel_queue_stopped(), from
 * when no other thread can kick or stop the engine.
 */
#ifndef ACCEL_SOFT_LOOP_H
#define ACCEL_SOFT_LOOP_H

#include "engine.h"

/* Starts the engine of a queue, with the caller's reference. -ENOMEM. */
int loop_start(struct accel_queue *queue, uint32_t latency_ns,
	       struct engine **ret_engine);

#endif
