/* SPDX-License-Identifier: MIT */
/* mark.h - a point in a stream's work, reached once */
#ifndef HIPSOFT_MARK_H
#define HIPSOFT_MARK_H

#include <stdint.h>

struct mark; /* reference counted */

struct mark *mark_create(void); /* NULL: no memory */
struct mark *mark_ref(struct mark *mark);
void mark_unref(struct mark *mark); /* NULL is allowed */

/* Completes the mark, once. @error: 0, or the negative errno its stream failed with. */
void mark_reach(struct mark *mark, int error);

/* @error of mark_reach(); -EAGAIN: not reached yet. Wait does not return -EAGAIN. */
int mark_query(struct mark *mark);
int mark_wait(struct mark *mark);

/* CLOCK_MONOTONIC at mark_reach(). Valid once mark_query() has returned 0. */
uint64_t mark_time_ns(const struct mark *mark);

#endif
