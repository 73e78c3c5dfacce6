/* SPDX-License-Identifier: MIT */
/* hipsoft-gate.h - a task that holds a stream up until the test lets it go */
#ifndef HIPSOFT_TESTS_GATE_H
#define HIPSOFT_TESTS_GATE_H

#include <semaphore.h>
#include <time.h>

#include <htab.h>

#include "hipsoft-fixture.h"
#include "stream.h"

#define WAIT_S 20 /* for what must come */

struct gate {
	struct task task;
	sem_t entered; /* by the stream */
	sem_t opened;
	int result; /* of the task */
};

static inline void gate_wait(sem_t *sem)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	cr_assert(zero(int, sem_timedwait(sem, &until)));
}

static inline int gate_run(struct task *task, struct stream *stream)
{
	struct gate *gate = container_of(task, struct gate, task);

	sem_post(&gate->entered);
	gate_wait(&gate->opened);
	return gate->result;
}

static inline void gate_drop(struct task *task, int error)
{
}

/* From now on @handle does nothing, and then it fails with @result unless that is 0. */
static inline void gate_close(struct gate *gate, hipStream_t handle, int result)
{
	struct stream *stream;

	*gate = (struct gate){
		.task = {.run = gate_run, .drop = gate_drop},
		.result = result,
	};
	sem_init(&gate->entered, 0, 0);
	sem_init(&gate->opened, 0, 0);
	cr_assert(zero(int, runtime_enter()));
	cr_assert(zero(int, stream_get(handle, &stream)));
	cr_assert(zero(int, stream_push(stream, &gate->task)));
	stream_put(stream);
	gate_wait(&gate->entered);
}

static inline void gate_open(struct gate *gate)
{
	sem_post(&gate->opened);
}

#endif
