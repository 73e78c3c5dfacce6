/* SPDX-License-Identifier: MIT */
/* context.h - hipCtx_t, and the current context of each thread */
#ifndef HIPSOFT_CONTEXT_H
#define HIPSOFT_CONTEXT_H

#include <stdbool.h>

#include <list.h>

#include "runtime.h"

/**
 * struct ihipCtx_t - a context: an identity and a default stream
 * @id: never reused
 * @device: the device it works on
 * @default_stream: created with the context; NULL once @destroyed. Protected by the
 *		    device's lock
 * @link: in a list of context.c
 * @destroyed: no more streams are created. Protected by the device's lock
 */
struct ihipCtx_t {
	uint64_t id;
	struct device *device;
	struct stream *default_stream;
	struct list link;
	bool destroyed;
};

/* Also creates the primary context of a device that is being set up. */
int context_create(struct device *device, struct ihipCtx_t **ret_context);

/* For error paths: frees a context that no other thread has seen. NULL is allowed. */
void context_free(struct ihipCtx_t *context);

/*
 * The calling thread's current context, never NULL after runtime_enter(). It stays
 * allocated until the process exits, even if another thread destroys it; after that it
 * has no default stream, and stream_get() fails with -EINVAL.
 */
struct ihipCtx_t *context_current(void);

/* Empties the calling thread's stack and makes @base current. 0 or -ENOMEM. */
int context_reset(struct ihipCtx_t *base);

#endif
