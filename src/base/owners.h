/* SPDX-License-Identifier: MIT */
/*
 * owners.h - which users stand behind the uid of a process
 *
 * An ordinary user can create a user namespace and own all the uids that are mapped into
 * it, 65,536 with the usual subuid ranges. So what a process holds is charged to its uid
 * and to the owner of each user namespace between its own and ours, as the kernel does
 * with its ucounts (user_namespaces(7)).
 */
#ifndef DMABUFFS_OWNERS_H
#define DMABUFFS_OWNERS_H

#include <stddef.h>
#include <sys/types.h>

/* The kernel nests at most 32 levels below the initial user namespace. */
#define OWNERS_MAX 32

/*
 * Stores the owners of the user namespaces from that of process @pid, which acts as @uid,
 * up to, but without, ours, innermost first. Left out is uid 0, our namespace's
 * administrator, whose containers are many users, not one. Returns their number; -ESRCH:
 * there is no such process, it is in a namespace that is not below ours, is hidden from
 * us, or it has no owner but acts as @uid with credentials of another process, which may;
 * -errno.
 */
int owners_read(pid_t pid, uid_t uid, uid_t ret_owners[OWNERS_MAX]);

#endif
