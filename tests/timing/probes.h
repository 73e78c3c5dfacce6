/* SPDX-License-Identifier: MIT */
/*
 * probes.h - the UUIDs to look up, of either class
 *
 * No probe comes twice: the kernel keeps the names that were looked up, found or not, and
 * a second look-up takes another path.
 */
#ifndef DMABUFFS_TIMING_PROBES_H
#define DMABUFFS_TIMING_PROBES_H

#include <stddef.h>

#include "contrast.h"
#include "welch.h"
#include "util.h"

/* What a look-up takes. */
struct probe {
	uint8_t uuid[16];
	char text[37];
};

/* Zero-initialised: probes_finish() is allowed. */
struct probes {
	struct contrast contrast;
	const uint8_t (*names)[16]; /* borrowed */
	uint8_t (*decoys)[16];      /* owned */
	size_t n_models;            /* of each class: the first names, and the decoys */
	/* Where few bits are free, a bit for each value that was used of each model; else
	 * NULL. */
	uint8_t *used[CLASS_COUNT];
};

/* For @n_names names, which stay the caller's. 0 or -ENOMEM. */
int probes_init(struct probes *probes, const struct contrast *contrast,
		const uint8_t (*names)[16], size_t n_names) _must_check_;
void probes_finish(struct probes *probes);

/*
 * How many can be drawn, if each class is drawn with the same probability; SIZE_MAX: any
 * number.
 */
size_t probes_room(const struct probes *probes);

/* Draws one. */
void probes_draw(struct probes *probes, enum class class, struct probe *ret_probe);

/* One of the two classes, at random. */
enum class probes_draw_class(void);

#endif
