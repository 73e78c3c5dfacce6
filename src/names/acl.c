/* SPDX-License-Identifier: MIT */
#include "names/acl.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

static size_t acl_n_entries(size_t size)
{
	return (size - sizeof(struct posix_acl_xattr_header)) /
	       sizeof(struct posix_acl_xattr_entry);
}

static struct posix_acl_xattr_entry *acl_entries(const void *acl)
{
	return (struct posix_acl_xattr_entry *)((const struct posix_acl_xattr_header *)
							acl +
						1);
}

static struct posix_acl_xattr_entry *acl_find(const void *acl, size_t size, unsigned tag)
{
	struct posix_acl_xattr_entry *entry = acl_entries(acl);

	for (size_t i = 0; i < acl_n_entries(size); i++)
		if (le16toh(entry[i].e_tag) == tag)
			return &entry[i];
	return NULL;
}

/* The group bits of the mode correspond to the mask if the ACL has one. */
static struct posix_acl_xattr_entry *acl_group_class(const void *acl, size_t size)
{
	struct posix_acl_xattr_entry *mask = acl_find(acl, size, ACL_MASK);

	return mask ? mask : acl_find(acl, size, ACL_GROUP_OBJ);
}

static int acl_check_entry(const struct posix_acl_xattr_entry *entry, unsigned count[],
			   bool *named)
{
	unsigned tag = le16toh(entry->e_tag);

	if (le16toh(entry->e_perm) & ~07u)
		return -EINVAL;
	switch (tag) {
	case ACL_USER:
	case ACL_GROUP:
		*named = true;
		return 0;
	case ACL_USER_OBJ:
	case ACL_GROUP_OBJ:
	case ACL_MASK:
	case ACL_OTHER:
		return ++count[tag] > 1 ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

int acl_check(const void *acl, size_t size)
{
	const struct posix_acl_xattr_header *header = acl;
	unsigned count[ACL_OTHER + 1] = {0};
	bool named = false;

	if (size < sizeof(*header) || size > ACL_MAX_SIZE ||
	    (size - sizeof(*header)) % sizeof(struct posix_acl_xattr_entry) ||
	    le32toh(header->a_version) != POSIX_ACL_XATTR_VERSION)
		return -EINVAL;
	for (size_t i = 0; i < acl_n_entries(size); i++)
		if (acl_check_entry(&acl_entries(acl)[i], count, &named) < 0)
			return -EINVAL;
	if (!count[ACL_USER_OBJ] || !count[ACL_GROUP_OBJ] || !count[ACL_OTHER])
		return -EINVAL;
	return named && !count[ACL_MASK] ? -EINVAL : 0;
}

static mode_t acl_perm_of(const struct posix_acl_xattr_entry *entry)
{
	return le16toh(entry->e_perm) & 07u;
}

mode_t acl_to_mode(const void *acl, size_t size)
{
	return acl_perm_of(acl_find(acl, size, ACL_USER_OBJ)) << 6 |
	       acl_perm_of(acl_group_class(acl, size)) << 3 |
	       acl_perm_of(acl_find(acl, size, ACL_OTHER));
}

bool acl_is_extended(const void *acl, size_t size)
{
	return acl_n_entries(size) > 3;
}

void acl_apply_mode(void *acl, size_t size, mode_t mode)
{
	acl_find(acl, size, ACL_USER_OBJ)->e_perm = htole16(mode >> 6 & 07);
	acl_group_class(acl, size)->e_perm = htole16(mode >> 3 & 07);
	acl_find(acl, size, ACL_OTHER)->e_perm = htole16(mode & 07);
}
