/* SPDX-License-Identifier: MIT */
/*
 * clients.h - where the service finds the processes of its clients
 *
 * In a root of its own (process/confine.h) /proc has the service alone, and the processes
 * of all others are in a directory in which no link can be followed: /proc/PID/root would
 * lead back to the root of the host.
 */
#ifndef DMABUFFS_CLIENTS_H
#define DMABUFFS_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The directory; a procfs. */
#define CLIENTS_ROOT "/clients"

/* True on a kernel on which clients_user_namespace() has to follow a link. */
bool clients_need_links(void);

/* From now on they are in CLIENTS_ROOT, and not in /proc. Before any thread is started.
 */
void clients_move(void);

/* Formats the path of @name in the directory of process or thread @pid. */
void clients_path(char *path, size_t size, pid_t pid, const char *name);

/*
 * A descriptor of the user namespace of a process or thread, or -errno; -ESRCH: there is
 * no such process, or it is hidden from us.
 */
int clients_user_namespace(pid_t pid);

#endif
