/* SPDX-License-Identifier: MIT */
/* operand.h - one range of memory that a command names */
#ifndef ACCEL_SOFT_OPERAND_H
#define ACCEL_SOFT_OPERAND_H

#include <stdbool.h>

#include "asid.h"
#include "queue.h"

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

/* Says in *ret_fault that @address of the operand faulted. Returns -EFAULT. */
int operand_fault(struct accel_fault *ret_fault, const struct operand *operand,
		  uint64_t address, enum accel_fault_reason reason);

static inline bool operand_is_sva(const struct operand *operand)
{
	return operand->asid && operand->asid->flags & ACCEL_ASID_SVA;
}

static inline bool operand_is_mapped(const struct operand *operand)
{
	return operand->asid && !(operand->asid->flags & ACCEL_ASID_SVA);
}

static inline bool operand_is_written(const struct operand *operand)
{
	return operand->access & ACCEL_MAP_WRITE;
}

#endif
