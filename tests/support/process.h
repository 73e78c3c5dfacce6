/* SPDX-License-Identifier: MIT */
/* process.h - the process that serves: the child of the one that was started */
#ifndef DMABUFFS_TESTS_PROCESS_H
#define DMABUFFS_TESTS_PROCESS_H

#include <sys/types.h>

/* A child of a process, or -1. */
pid_t process_child(pid_t pid);

#endif
