/* SPDX-License-Identifier: MIT */
/*
 * acl.h - POSIX ACLs of a node, as far as a file system must know them
 *
 * The kernel checks ACLs; it leaves to us to keep them and to keep them in step with the
 * permission bits, as acl(5) describes the correspondence. An ACL is the value of the
 * xattr system.posix_acl_access (linux/posix_acl_xattr.h): 4 bytes of version, then
 * entries of 8 bytes, little endian.
 */
#ifndef DMABUFFS_ACL_H
#define DMABUFFS_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define ACL_ACCESS_XATTR  "system.posix_acl_access"
#define ACL_DEFAULT_XATTR "system.posix_acl_default"

/* More than this many bytes are refused: as many entries as ext4 takes in one block. */
#define ACL_MAX_SIZE 4096

/* Well formed: version, entries, exactly the required ones. 0 or -EINVAL. */
int acl_check(const void *acl, size_t size);

/* The permission bits that a well-formed ACL stands for. */
mode_t acl_to_mode(const void *acl, size_t size);

/* True if it says more than permission bits can. */
bool acl_is_extended(const void *acl, size_t size);

/* Applies a chmod(2) to it. */
void acl_apply_mode(void *acl, size_t size, mode_t mode);

#endif
