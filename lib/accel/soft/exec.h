/* SPDX-License-Identifier: MIT */
/* exec.h - what each command does */
#ifndef ACCEL_SOFT_EXEC_H
#define ACCEL_SOFT_EXEC_H

#include "engine.h"

/*
 * Checks and executes a command, a private copy. 0; -EFAULT: it faulted,
 * reason, address and asid are in *ret_fault, which was zeroed; -ECANCELED: the engine is
 * to stop.
 */
int exec_command(struct engine *engine, const struct accel_command *command,
		 struct accel_fault *ret_fault);

#endif
