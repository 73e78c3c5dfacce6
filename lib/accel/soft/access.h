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

#include "asid.h"
#include "engine.h"

/* One range of a command. */
struct operand {
	struct accel_asid *asid; /* a reference; NULL: private memory */
	char *memory;            /* the private memory */
	uint64_t address;
	uint32_t id;     /* of the ASID, for faults */
	uint32_t access; /* ACCEL_MAP_READ or _WRITE */
};

/*
 * Takes @like, which has no ASID yet, if its address is a multiple of @align and @length
 * bytes there do not wrap. 0, or -EFAULT: *ret_fault says why. operand_close() is needed
 * after both, and allowed on a zeroed one.
 */
int operand_open(struct operand *operand, struct accel_queue *queue,
		 const struct operand *like, uint64_t length, unsigned align,
		 struct accel_fault *ret_fault);
void operand_close(struct operand *operand);

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
