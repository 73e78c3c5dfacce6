/* SPDX-License-Identifier: MIT */
#include "operand.h"

#include <errno.h>

int operand_fault(struct accel_fault *ret_fault, const struct operand *operand,
		  uint64_t address, enum accel_fault_reason reason)
{
	ret_fault->reason = reason;
	ret_fault->address = address;
	ret_fault->asid = operand->id;
	return -EFAULT;
}

int operand_open(struct operand *operand, struct accel_queue *queue,
		 const struct operand *like, uint64_t length, unsigned align,
		 struct accel_fault *ret_fault)
{
	if (like->address % align)
		return operand_fault(ret_fault, like, like->address,
				     ACCEL_FAULT_ALIGNMENT);
	*operand = *like;
	operand->asid = accel_queue_asid(queue, like->id);
	if (!operand->asid)
		return operand_fault(ret_fault, like, like->address, ACCEL_FAULT_ASID);
	if (like->address + (length - 1) < like->address)
		return operand_fault(ret_fault, like, like->address,
				     ACCEL_FAULT_UNMAPPED);
	return 0;
}

void operand_close(struct operand *operand)
{
	accel_asid_unref(operand->asid);
	operand->asid = NULL;
}
