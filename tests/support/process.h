/* SPDX-License-Identifier: MIT */
/*
 * process.h - parents and children: the process that serves is the child of the one that
 * was started
 */
#ifndef DMABUFFS_TESTS_PROCESS_H
#define DMABUFFS_TESTS_PROCESS_H

#include <sys/types.h>

/* The parent of a process, or -1: it is gone. */
pid_t process_parent(pid_t pid);

/* A child of a process that is alive, but not its spare; or -1. */
pid_t process_child(pid_t pid);

/* The spare of a holder, or -1. */
pid_t process_spare(pid_t pid);

/* The system call in which a thread sleeps, and its first arguments; -1: in none. */
long process_call(pid_t pid, pid_t tid, unsigned long ret_arguments[4]);

#endif
