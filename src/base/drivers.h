/* SPDX-License-Identifier: MIT */
/*
 * drivers.h - the drivers whose character devices may be exported
 *
 * The administrator names them as /proc/devices does. That file is read anew for each
 * question: modules are loaded later, and may get another major number then. It knows
 * major numbers only, so drivers that share one are taken together.
 */
#ifndef DMABUFFS_DRIVERS_H
#define DMABUFFS_DRIVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define DRIVERS_MAX      16
#define DRIVER_NAME_SIZE 64 /* with its NUL, as the kernel's own limit */

struct driver_list {
	char names[DRIVERS_MAX][DRIVER_NAME_SIZE];
	size_t n;
};

bool drivers_have(const struct driver_list *drivers, const char *name);

/* Whether a driver of the list has this major number now: 1, 0, or -errno of open(2). */
int drivers_have_major(const struct driver_list *drivers, unsigned major);

/* The same with another file of the form of /proc/devices. */
bool drivers_have_major_in(const struct driver_list *drivers, unsigned major,
			   FILE *devices);

#endif
