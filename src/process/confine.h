/* SPDX-License-Identifier: MIT */
/*
 * confine.h - a root and namespaces of the service's own
 *
 * The root is an empty file system, read-only, with
 *
 *   /proc        the service's own directory, and what else of /proc it reads
 *   /dev, /run   in the background, without devices: for syslog(3)
 *
 * The helper's has all of /proc, and nothing else. From /proc/PID/root, code that takes
 * the helper over gets at the root of the host, as it does by CAP_SYS_PTRACE.
 *
 * The namespaces of mounts, of the network, of System V IPC and of host names have
 * nothing else in them. The mount of the instance stays where it is; the keeper unmounts
 * it.
 */
#ifndef DMABUFFS_CONFINE_H
#define DMABUFFS_CONFINE_H

#include <stdbool.h>

/*
 * Before any thread is started. Paths of before lead nowhere afterwards. Without the
 * privilege it logs that and does nothing; so does a build with sanitizers, whose
 * run-time starts programs of the host. 0 or -errno, logged.
 */
int confine(bool with_syslog);

/* The same for the helper. */
int confine_helper(void);

#endif
