/* SPDX-License-Identifier: MIT */
/* layer.h - where look-ups are timed */
#ifndef DMABUFFS_TIMING_LAYER_H
#define DMABUFFS_TIMING_LAYER_H

#include "probes.h"

/* What an instance is made with. */
struct plan {
	const char *dir; /* an empty directory for mounts */
	struct contrast contrast;
	size_t n_names;
};

struct layer {
	const char *name;
	bool leaks; /* built to be found by every contrast of a few bits */
	/* Makes an instance with names that the contrast admits. 0 or a negative errno.
	 */
	int (*create)(const struct plan *plan, uint8_t (*ret_names)[16],
		      void **ret_instance);
	void (*destroy)(void *instance); /* NULL is allowed */
	/* The timed part. 0: found; -ENOENT; another negative errno. */
	int (*look_up)(void *instance, const struct probe *probe);
	/* After one that found: gives back what it returned. */
	void (*settle)(void *instance);
};

/* A binary search that compares byte by byte, from the contrast's side. */
extern const struct layer control_layer;
/* The service's table, in this process. */
extern const struct layer table_layer;
/* stat(2) and open(2) on a mount of the service. */
extern const struct layer stat_layer, open_layer;

#endif
