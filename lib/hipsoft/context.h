/* SPDX-License-Identifier: MIT */
/* context.h - hipCtx_t, and which one is a thread's current one */
#ifndef HIPSOFT_CONTEXT_H
#define HIPSOFT_CONTEXT_H

#include <stdbool.h>

#include "runtime.h"

/**
 * struct ihipCtx_t - a context: an identity, and a default stream
 * @id: never used twice
 * @device: whose memory it works on
 * @default_stream: made with it; under the device's lock. NULL once it @ended
 * @next: of context.c
 * @ended: its streams end, and no more are made (stream.c, under the device's lock)
 */
struct ihipCtx_t {
	uint64_t id;
	struct device *device;
	struct stream *default_stream;
	struct ihipCtx_t *next;
	bool ended;
};

/* For a device that is being made: its primary context. */
int context_create(struct device *device, struct ihipCtx_t **ret_context);

/* For one that could not be made: nobody has seen it. NULL is allowed. */
void context_free(struct ihipCtx_t *context);

/*
 * The current one of this thread, never NULL after runtime_enter(). It stays allocated
 * until the process ends, also when another thread destroys it; it has no default stream
 * from then on (-EINVAL for who uses that).
 */
struct ihipCtx_t *context_current(void);

/* Makes it the current one of this thread, with nothing on top of it. 0 or -ENOMEM. */
int context_reset(struct ihipCtx_t *base);

#endif
