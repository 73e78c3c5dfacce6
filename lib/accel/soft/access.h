/* SPDX-License-Identifier: MIT */
/*
 * access.h - the memory that a command names, in pieces that can be computed on
 *
 * A piece is contiguous for each operand. Mapped memory is computed on in place, with the
 * locks of its ASIDs held, so the computation is short and under guard.h. Memory of a
 * process (SVA) goes through a bounce buffer with no lock held, since an access may wait.
 */
#ifndef ACCEL_SOFT_ACCESS_H
#define ACCEL_SOFT_ACCESS_H

#include "engine.h"
#include "operand.h"

struct piece {
	char *memory[ENGINE_OPERANDS]; /* in the order of the operands */
	size_t length;
	uint64_t offset; /* of its first byte, in all operands */
	void *data;
	bool enough; /* set by the computation: it needs no more */
};

/* Computes on a struct piece, on its memory alone, see guard.h. */
typedef void (*compute_fn)(void *piece);

struct access {
	struct engine *engine;
	const struct operand *operands[ENGINE_OPERANDS];
	unsigned n;
	struct accel_fault *fault;
};

/*
 * Computes on @length bytes of all operands, in order. 0; -EFAULT: @fault says why, and
 * the pieces before are done; -ECANCELED: the engine is to stop.
 */
int access_each(const struct access *access, uint64_t length, compute_fn compute,
		void *data);

/* A computation: copies the second operand to the first. */
void access_copy(void *piece);

/* Between private memory and @n bytes at @offset of an operand. */
int access_get(struct engine *engine, const struct operand *from, uint64_t offset,
	       void *to, size_t n, struct accel_fault *fault);
int access_put(struct engine *engine, const struct operand *to, uint64_t offset,
	       void *from, size_t n, struct accel_fault *fault);

#endif
