/* SPDX-License-Identifier: MIT */
/* acl.c - POSIX ACLs as extended attributes */
#include "acl.h"

#include <endian.h>

static struct posix_acl_xattr_entry acl_entry(uint16_t tag, uint16_t permissions,
					      uint32_t id)
{
	return (struct posix_acl_xattr_entry){.e_tag = htole16(tag),
					      .e_perm = htole16(permissions),
					      .e_id = htole32(id)};
}

struct acl acl_for_user(uid_t user, uint16_t permissions, uint16_t mask)
{
	return (struct acl){
		.header.a_version = htole32(POSIX_ACL_XATTR_VERSION),
		.entries = {
			acl_entry(ACL_USER_OBJ, 6, (uint32_t)ACL_UNDEFINED_ID),
			acl_entry(ACL_USER, permissions, user),
			acl_entry(ACL_GROUP_OBJ, 0, (uint32_t)ACL_UNDEFINED_ID),
			acl_entry(ACL_MASK, mask, (uint32_t)ACL_UNDEFINED_ID),
			acl_entry(ACL_OTHER, 0, (uint32_t)ACL_UNDEFINED_ID),
		}};
}
