/* SPDX-License-Identifier: MIT */
/* options.h - the daemon's command line and mount options */
#ifndef DMABUFFS_OPTIONS_H
#define DMABUFFS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <accel.h>

#include "base/drivers.h"
#include "base/limits.h"

#define DEVICES_MAX 12 /* of a mount */

struct options {
	char *mountpoint;    /* owned */
	char *source;        /* owned: first field of the mount table, "dmabuffs" */
	char *mount_flags;   /* owned: the kernel's own mount options, comma separated */
	char *text;          /* owned: all of -o as it was given */
	mode_t mode;         /* of the root directory */
	mode_t control_mode; /* of .control */
	uid_t uid;
	gid_t gid;
	uint32_t ns_mask; /* bit per enum dmabuffs_ns that an importer must share */
	struct limits_config limits;
	struct accel_device_params devices[DEVICES_MAX];
	size_t n_devices;
	struct driver_list drivers; /* whose devices may be exported */
	bool accel; /* there are devices; without accel= just one, soft0 */
	int log_level;
	int ready_fd; /* -1: none */
	bool foreground;
	bool supervisor; /* a killed service gets a successor */
	bool fdstore;    /* systemd keeps what a successor of the holder needs */
	bool mkdir;      /* make the mount point if there is none */
	bool passthrough;
	bool idmap;   /* the mount may be idmapped */
	bool isolate; /* the service has no right over the processes of clients */
	bool help, version;
};

/*
 * Fills @ret_options from the command line; 0, or -EINVAL with the reason written to
 * standard error. options_finish() frees it in either case.
 */
int options_parse(int argc, char *argv[], struct options *ret_options);
void options_finish(struct options *options);

/* The value of ns=, "user:net", as a mask. 0 or -EINVAL. */
int options_parse_namespaces(const char *text, uint32_t *ret_mask);

/*
 * option_accel.c: the value of accel=, "NAME:queues=4:exclusive". The device checks the
 * ranges. 0, -EINVAL, -ENOMEM.
 */
int options_parse_device(const char *text, struct accel_device_params *ret_params);

/*
 * option_drivers.c: the value of drivers=, "NAME:NAME". -EINVAL also for the drivers that
 * are never accepted.
 */
int options_parse_drivers(const char *text, struct driver_list *ret_drivers);

void options_print_usage(void);

#endif
