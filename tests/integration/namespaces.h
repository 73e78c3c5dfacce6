/* SPDX-License-Identifier: MIT */
/* namespaces.h - moves a child into namespaces of its own */
#ifndef DMABUFFS_TEST_NAMESPACES_H
#define DMABUFFS_TEST_NAMESPACES_H

#include <stdint.h>

#include <dmabuffs-ioctl.h>

#include "child.h"

/* All kinds that a container has. */
#define ALL_NAMESPACES                                                                   \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET |      \
	 CLONE_NEWUTS | CLONE_NEWCGROUP)

/*
 * Enters who->namespaces. With CLONE_NEWPID this forks: it returns in the new process,
 * the old one waits and then ends in the same way.
 */
void namespaces_enter(const struct identity *who);

/* Their names in /proc/PID/ns. */
extern const char *const namespace_names[DMABUFFS_NS_COUNT];

/* The inode number of one that this process is in. */
uint64_t own_namespace(enum dmabuffs_ns which);

#endif
