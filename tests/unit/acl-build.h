/* SPDX-License-Identifier: MIT */
/* acl-build.h - builds ACLs for tests */
#ifndef DMABUFFS_TESTS_ACL_BUILD_H
#define DMABUFFS_TESTS_ACL_BUILD_H

#include <endian.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stddef.h>
#include <stdint.h>

#define ACL_ENTRIES_MAX 600

struct acl_value {
	struct posix_acl_xattr_header header;
	struct posix_acl_xattr_entry entries[ACL_ENTRIES_MAX];
};

/* Appends an entry; returns the new size. */
static inline size_t acl_append(struct acl_value *acl, size_t size, unsigned tag,
				unsigned perm, uint32_t id)
{
	size_t n;

	if (!size) {
		acl->header.a_version = htole32(POSIX_ACL_XATTR_VERSION);
		size = sizeof(acl->header);
	}
	n = (size - sizeof(acl->header)) / sizeof(acl->entries[0]);
	acl->entries[n] = (struct posix_acl_xattr_entry){
		.e_tag = htole16((uint16_t)tag),
		.e_perm = htole16((uint16_t)perm),
		.e_id = htole32(id),
	};
	return size + sizeof(acl->entries[0]);
}

/* The ACL that is equivalent to @mode. */
static inline size_t acl_minimal(struct acl_value *acl, unsigned mode)
{
	size_t size = acl_append(acl, 0, ACL_USER_OBJ, mode >> 6 & 7, ACL_UNDEFINED_ID);

	size = acl_append(acl, size, ACL_GROUP_OBJ, mode >> 3 & 7, ACL_UNDEFINED_ID);
	return acl_append(acl, size, ACL_OTHER, mode & 7, ACL_UNDEFINED_ID);
}

/* u::rw- u:1000:rwx g::r-- m::rw- o::--- */
static inline size_t acl_extended(struct acl_value *acl)
{
	size_t size = acl_append(acl, 0, ACL_USER_OBJ, 6, ACL_UNDEFINED_ID);

	size = acl_append(acl, size, ACL_USER, 7, 1000);
	size = acl_append(acl, size, ACL_GROUP_OBJ, 4, ACL_UNDEFINED_ID);
	size = acl_append(acl, size, ACL_MASK, 6, ACL_UNDEFINED_ID);
	return acl_append(acl, size, ACL_OTHER, 0, ACL_UNDEFINED_ID);
}

#endif
