/* SPDX-License-Identifier: MIT */
/* mark.h - a point in the work of a stream, which is reached once */
#ifndef HIPSOFT_MARK_H
#define HIPSOFT_MARK_H

#include <stdint.h>

struct mark; /* counted */

struct mark *mark_create(void); /* NULL: no memory */
struct mark *mark_ref(struct mark *mark);
void mark_unref(struct mark *mark); /* NULL is allowed */

/* It is reached now, or will not be: -errno. Once. */
void mark_reach(struct mark *mark, int error);

/* 0; -EAGAIN: not yet; or why it will not be. Wait is the same without -EAGAIN. */
int mark_query(struct mark *mark);
int mark_wait(struct mark *mark);

/* Of one that was reached: CLOCK_MONOTONIC. */
uint64_t mark_time_ns(const struct mark *mark);

#endif
