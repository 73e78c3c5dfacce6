/* SPDX-License-Identifier: MIT */
/* device_take.h - the descriptor that a command on a context brings */
#ifndef DMABUFFS_DEVICE_TAKE_H
#define DMABUFFS_DEVICE_TAKE_H

#include "broker/taken.h"
#include "fs/fs_ioctl.h"

/* The descriptor of a struct dmabuffs_accel_import; the caller refuses or keeps it. */
int device_take_import(struct command_call *call, struct taken *ret_taken);

#endif
