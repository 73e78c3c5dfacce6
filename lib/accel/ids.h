/* SPDX-License-Identifier: MIT */
/*
 * ids.h - numbers of a limited width, each in use once
 *
 * Allocated in turn, so a number that was freed is not reused before all others were: a
 * stale number stays invalid for as long as possible. The bitmap grows with use. Not
 * thread safe.
 */
#ifndef ACCEL_IDS_H
#define ACCEL_IDS_H

#include <stdint.h>

struct accel_ids {
	uint64_t *used; /* a bit for each number, owned */
	uint32_t max;   /* numbers are 1 to this */
	uint32_t next;  /* where the search begins */
	uint32_t n_used;
	uint32_t n_words; /* allocated */
};

/* @bits: 1 to 20. */
void accel_ids_init(struct accel_ids *ids, unsigned bits);
void accel_ids_finish(struct accel_ids *ids);

/* 0, -ENOSPC: all in use; -ENOMEM. */
int accel_ids_get(struct accel_ids *ids, uint32_t *ret_id);
/* Takes this one. 0, -EINVAL: there is none of that number; -EEXIST: in use; -ENOMEM. */
int accel_ids_claim(struct accel_ids *ids, uint32_t id);

void accel_ids_put(struct accel_ids *ids, uint32_t id);

#endif
