/* SPDX-License-Identifier: MIT */
/*
 * acl.h - POSIX ACLs of a node, as far as a file system must parse them
 *
 * The kernel checks ACLs. The file system stores them and keeps them consistent with the
 * permission bits, see "Correspondence between ACL entries and file permission bits" in
 * acl(5). An ACL is the value of the xattr system.posix_acl_access
 * (linux/posix_acl_xattr.h): 4 bytes of version, then entries of 8 bytes, little endian.
 */
#ifndef DMABUFFS_ACL_H
#define DMABUFFS_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define ACL_ACCESS_XATTR  "system.posix_acl_access"
#define ACL_DEFAULT_XATTR "system.posix_acl_default"

/* Bytes; longer values are refused. ext4 with blocks of 4 KiB has the same limit. */
#define ACL_MAX_SIZE 4096

/* Checks version, entries, and that the required ones occur once. 0 or -EINVAL. */
int acl_check(const void *acl, size_t size);

/* The permission bits that correspond to a well-formed ACL. */
mode_t acl_to_mode(const void *acl, size_t size);

/* True if it has entries that permission bits cannot express. */
bool acl_is_extended(const void *acl, size_t size);

/* Applies the permission bits of a chmod(2) to it. */
void acl_apply_mode(void *acl, size_t size, mode_t mode);

#endif
