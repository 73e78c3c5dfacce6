/* SPDX-License-Identifier: MIT */
/* stream-fixture.h - device memory and tasks, for the tests of streams */
#ifndef HIPSOFT_STREAM_FIXTURE_H
#define HIPSOFT_STREAM_FIXTURE_H

#include <stdatomic.h>

#include "hipsoft-gate.h"
#include "stream_private.h"

#define STREAM_BYTES 4096

extern atomic_bool stream_opened; /* set by stream_open_and_say() */

unsigned char *stream_memory(void);

/* Copies through a stream of its own: the default stream would wait for others. */
unsigned char stream_first_byte(const void *memory);

uint64_t stream_tasks_given(hipStream_t handle);

void *stream_open_and_say(void *arg);

#endif
