/* SPDX-License-Identifier: MIT */
/*
 * policy.h - the checks that file permissions cannot express
 *
 * The kernel checks owner, group, mode and ACL of a name (default_permissions); these are
 * the checks that modes and ACLs have no bit for. Pure functions of their arguments.
 */
#ifndef DMABUFFS_POLICY_H
#define DMABUFFS_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <dmabuffs-ioctl.h>

/* The name of a namespace as in /proc/PID/ns, and back; -EINVAL when unknown. */
const char *policy_ns_name(enum dmabuffs_ns ns);
int policy_ns_by_name(const char *name, size_t length);

/*
 * May an importer in the namespaces @importer open an export from the namespaces
 * @exporter (inode numbers)? Those in @mask must be the same. 0; -EXDEV: one differs;
 * -EREMOTE: one is not known (0).
 */
int policy_check_ns(uint32_t mask, const uint64_t exporter[DMABUFFS_NS_COUNT],
		    const uint64_t importer[DMABUFFS_NS_COUNT]);

/*
 * May the file be opened with these open(2) flags? A read-only export, or a memfd sealed
 * against writing, may not be opened for writing: passthrough would bypass the seal.
 * 0 or -EPERM.
 */
int policy_check_open(int open_flags, bool readonly, uint32_t seals);

/* True if the above refuses every open for writing. */
bool policy_is_readonly(bool readonly, uint32_t seals);

/*
 * May a descriptor with these open flags be exported? One that is not open for writing
 * can be exported for reading only. 0; -EBADF for O_PATH; -EACCES.
 */
int policy_check_export(int fd_flags, bool readonly);

/*
 * May a client that opened the name with @file_access receive a description open with
 * @description_access? Only if that allows nothing more. 0 or -EACCES.
 */
int policy_check_exchange(int file_access, int description_access);

/* May @caller revoke an export of @owner? 0 or -EPERM. */
int policy_check_revoke(uid_t caller, uid_t owner);

#endif
