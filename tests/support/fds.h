/* SPDX-License-Identifier: MIT */
/* fds.h - the descriptors of this process */
#ifndef DMABUFFS_TESTS_FDS_H
#define DMABUFFS_TESTS_FDS_H

#include <stdbool.h>

/* How many are open. */
unsigned count_fds(void);

/* For wait_until(): *(unsigned *)@n are open, exactly or at most. */
bool has_fds(void *n);
bool has_at_most_fds(void *n);

#endif
