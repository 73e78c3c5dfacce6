/* SPDX-License-Identifier: MIT */
/* acl.h - POSIX ACLs as extended attributes */
#ifndef DMABUFFS_TEST_ACL_H
#define DMABUFFS_TEST_ACL_H

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdint.h>
#include <sys/types.h>

#define ACL_XATTR "system.posix_acl_access"

struct acl {
	struct posix_acl_xattr_header header;
	struct posix_acl_xattr_entry entries[5];
};

/* What `setfacl -m u:USER:PERMISSIONS,m::MASK` stores for a file of mode 0600. */
struct acl acl_for_user(uid_t user, uint16_t permissions, uint16_t mask);

#endif
