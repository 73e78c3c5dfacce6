/* SPDX-License-Identifier: MIT */
/*
 * policy.h - what files cannot say
 *
 * The kernel decides who may open a name (default_permissions). Added here is only what
 * modes and ACLs cannot express. Pure functions of their arguments.
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
 * May an importer in @importer's namespaces open what was exported in @exporter's? Those
 * in @mask must be the same. 0; -EXDEV: one differs; -EREMOTE: one is not known (0).
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
 * May a descriptor open with @fd_access be exported? Whoever may not write through it
 * cannot let others write. 0; -EBADF for O_PATH; -EACCES.
 */
int policy_check_export(int fd_flags, bool readonly);

/*
 * May a description with @description_access be handed to who opened the name with
 * @file_access? Only if it allows nothing more. 0 or -EACCES.
 */
int policy_check_exchange(int file_access, int description_access);

/* May @caller take back what @owner exported? 0 or -EPERM. */
int policy_check_revoke(uid_t caller, uid_t owner);

#endif
