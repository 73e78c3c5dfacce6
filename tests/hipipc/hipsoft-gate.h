/* SPDX-License-Identifier: MIT */
/* hipsoft-gate.h - a task that holds a stream until the test opens it */
#ifndef HIPSOFT_TESTS_GATE_H
#define HIPSOFT_TESTS_GATE_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <htab.h>

#include "hipsoft-fixture.h"
#include "stream.h"

#define WAIT_S 60 /* bound of a wait for something that must happen */

/*
 * The task outlives a test function that does not wait for its stream, so it is allocated
 * and reference counted: the stream and the test each have a reference.
 */
struct gate_task {
	struct task task;
	atomic_int refs;
	sem_t entered; /* by the stream */
	sem_t opened;
	int result; /* of the task */
};

struct gate {
	struct gate_task *held; /* NULL: opened */
};

static inline void gate_wait(sem_t *sem)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += WAIT_S;
	cr_assert(zero(int, sem_clockwait(sem, CLOCK_MONOTONIC, &until)));
}

static inline void gate_unref(struct gate_task *held)
{
	if (atomic_fetch_sub(&held->refs, 1) > 1)
		return;
	sem_destroy(&held->entered);
	sem_destroy(&held->opened);
	free(held);
}

static inline int gate_run(struct task *task, struct stream *stream)
{
	struct gate_task *held = container_of(task, struct gate_task, task);

	sem_post(&held->entered);
	gate_wait(&held->opened);
	return held->result;
}

static inline void gate_drop(struct task *task, int error)
{
	gate_unref(container_of(task, struct gate_task, task));
}

/* Queues the task; @handle may have others to run before it. */
static inline void gate_push(struct gate *gate, hipStream_t handle, int result)
{
	struct gate_task *held = calloc(1, sizeof(*held));
	struct stream *stream;

	cr_assert(ne(ptr, held, NULL));
	held->task = (struct task){.run = gate_run, .drop = gate_drop};
	held->result = result;
	atomic_init(&held->refs, 2);
	sem_init(&held->entered, 0, 0);
	sem_init(&held->opened, 0, 0);
	gate->held = held;
	cr_assert(zero(int, runtime_enter()));
	cr_assert(zero(int, stream_get(handle, &stream)));
	cr_assert(zero(int, stream_push(stream, &held->task)));
	stream_put(stream);
}

/* @handle runs nothing else until gate_open(), and fails with @result unless that is 0.
 */
static inline void gate_close(struct gate *gate, hipStream_t handle, int result)
{
	gate_push(gate, handle, result);
	gate_wait(&gate->held->entered);
}

static inline void gate_open(struct gate *gate)
{
	struct gate_task *held = gate->held;

	gate->held = NULL;
	sem_post(&held->opened);
	gate_unref(held);
}

#endif
