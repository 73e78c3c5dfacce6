/* SPDX-License-Identifier: MIT */
/*
 * drivers.h - the drivers whose character devices may be exported
 *
 * The administrator names them as /proc/devices does. That file is read for each check:
 * a module can be loaded later, and get another major number each time. Drivers that
 * share a major number are accepted together, because the file lists major numbers only.
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

/* Does a driver of the list have this major number now? 1, 0, or -errno of open(2). */
int drivers_have_major(const struct driver_list *drivers, unsigned major);

/* The same with another file in the format of /proc/devices. */
bool drivers_have_major_in(const struct driver_list *drivers, unsigned major,
			   FILE *devices);

#endif
