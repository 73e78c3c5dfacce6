/* SPDX-License-Identifier: MIT */
/*
 * uniques.h - a set of 64-bit keys with what each stands for
 *
 * For a takeover, which fills it once. Open addressing; a key stands for one value of
 * each kind (@what), so that equal keys, as of damaged records, cost no more than others.
 * Not thread safe while it is filled.
 */
#ifndef DMABUFFS_UNIQUES_H
#define DMABUFFS_UNIQUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNIQUES_NONE UINT32_MAX

struct unique {
	uint64_t key; /* 0: unused */
	uint32_t what;
	uint32_t value;
};

struct uniques {
	struct unique *entries; /* owned */
	size_t room;            /* a power of two, or 0 */
	size_t n;
};

/* Makes room for @n keys in all. 0 or -ENOMEM. A zeroed set is a valid empty one. */
int uniques_reserve(struct uniques *uniques, size_t n);
void uniques_finish(struct uniques *uniques);

/* There must be room for it. False: it is there already, or 0, and is not added. */
bool uniques_add(struct uniques *uniques, uint64_t key, uint32_t what, uint32_t value);

/* UNIQUES_NONE: not there. */
uint32_t uniques_find(const struct uniques *uniques, uint64_t key, uint32_t what);

#endif
