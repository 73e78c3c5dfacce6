/* SPDX-License-Identifier: MIT */
/* namespaces.h - moves a child into new namespaces */
#ifndef DMABUFFS_TEST_NAMESPACES_H
#define DMABUFFS_TEST_NAMESPACES_H

#include <stdint.h>

#include <dmabuffs-ioctl.h>

#include "child.h"

/* The namespaces of a usual container. */
#define ALL_NAMESPACES                                                                   \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET |      \
	 CLONE_NEWUTS | CLONE_NEWCGROUP)

/*
 * Enters who->namespaces. With CLONE_NEWPID it forks and returns in the child; the parent
 * waits and exits with the same status.
 */
void namespaces_enter(const struct identity *who);

/*
 * Maps the ids of a user namespace as container runtimes do: the person's own uid is 0
 * there, and 1 to @n are its subuids. Needs root.
 */
void namespaces_map_subids(pid_t pid, uid_t person, unsigned int n);

/* Their names in /proc/PID/ns. */
extern const char *const namespace_names[DMABUFFS_NS_COUNT];

/* The inode number of this process's namespace. */
uint64_t own_namespace(enum dmabuffs_ns which);

#endif
