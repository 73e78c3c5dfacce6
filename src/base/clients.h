/* SPDX-License-Identifier: MIT */
/*
 * clients.h - where the helper finds the processes of clients
 *
 * In the root of the service /proc has the service alone (process/confine.h): it asks the
 * helper, see helper.h.
 */
#ifndef DMABUFFS_CLIENTS_H
#define DMABUFFS_CLIENTS_H

#include <stddef.h>
#include <sys/types.h>

/* Formats the path of @name in the directory of process or thread @pid. */
void clients_path(char *path, size_t size, pid_t pid, const char *name);

/*
 * A descriptor of the user namespace of a process or thread, or -errno; -ESRCH: there is
 * no such process, or it is hidden from us.
 */
int clients_user_namespace(pid_t pid);

#endif
