/* SPDX-License-Identifier: MIT */
/* test-acl.c - POSIX ACLs */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <sys/stat.h>

#include "names/acl.h"
#include "acl-build.h"
#include "util.h"

static struct acl_value acl;

static unsigned perm(size_t i)
{
	return le16toh(acl.entries[i].e_perm);
}

Test(acl, minimal)
{
	for (unsigned mode = 0; mode <= 0777; mode++) {
		size_t size = acl_minimal(&acl, mode);

		cr_assert(zero(int, acl_check(&acl, size)));
		cr_assert(eq(uint, acl_to_mode(&acl, size), mode));
		cr_assert(not(acl_is_extended(&acl, size)));
	}
}

Test(acl, extended)
{
	size_t size = acl_extended(&acl);

	cr_assert(zero(int, acl_check(&acl, size)));
	cr_assert(acl_is_extended(&acl, size));
	cr_assert(eq(uint, acl_to_mode(&acl, size), 0660),
		  "the mask is not in the group bits");
}

/* A mask without named entries is valid, and cannot be expressed as mode bits. */
Test(acl, mask_alone)
{
	size_t size = acl_minimal(&acl, 0777);

	size = acl_append(&acl, size, ACL_MASK, 1, ACL_UNDEFINED_ID);
	cr_assert(zero(int, acl_check(&acl, size)));
	cr_assert(acl_is_extended(&acl, size));
	cr_assert(eq(uint, acl_to_mode(&acl, size), 0717));
}

Test(acl, refuses_wrong_sizes)
{
	size_t size = acl_minimal(&acl, 0644);

	for (size_t wrong = 0; wrong < size; wrong++)
		cr_assert(eq(int, acl_check(&acl, wrong), -EINVAL), "%zu bytes", wrong);
	cr_assert(eq(int, acl_check(&acl, size + 1), -EINVAL));
}

Test(acl, refuses_other_versions)
{
	size_t size = acl_minimal(&acl, 0644);

	acl.header.a_version = htole32(1);
	cr_assert(eq(int, acl_check(&acl, size), -EINVAL));
	acl.header.a_version = 0;
	cr_assert(eq(int, acl_check(&acl, size), -EINVAL));
}

Test(acl, refuses_what_is_missing)
{
	static const unsigned tags[] = {ACL_USER_OBJ, ACL_GROUP_OBJ, ACL_OTHER};

	for (size_t missing = 0; missing < ARRAY_SIZE(tags); missing++) {
		size_t size = 0;

		for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
			if (i != missing)
				size = acl_append(&acl, size, tags[i], 7,
						  ACL_UNDEFINED_ID);
		cr_assert(eq(int, acl_check(&acl, size), -EINVAL), "no tag %#x",
			  tags[missing]);
	}
}

Test(acl, refuses_what_is_there_twice)
{
	static const unsigned tags[] = {ACL_USER_OBJ, ACL_GROUP_OBJ, ACL_OTHER, ACL_MASK};

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		size_t size = acl_extended(&acl);

		size = acl_append(&acl, size, tags[i], 7, ACL_UNDEFINED_ID);
		cr_assert(eq(int, acl_check(&acl, size), -EINVAL), "twice %#x", tags[i]);
	}
}

Test(acl, named_entries_need_a_mask)
{
	static const unsigned tags[] = {ACL_USER, ACL_GROUP};

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		size_t size = acl_minimal(&acl, 0644);

		size = acl_append(&acl, size, tags[i], 7, 1000);
		cr_assert(eq(int, acl_check(&acl, size), -EINVAL));
		size = acl_append(&acl, size, ACL_MASK, 7, ACL_UNDEFINED_ID);
		cr_assert(zero(int, acl_check(&acl, size)));
	}
}

Test(acl, refuses_unknown_tags)
{
	static const unsigned known[] = {ACL_USER,      ACL_GROUP, ACL_USER_OBJ,
					 ACL_GROUP_OBJ, ACL_MASK,  ACL_OTHER};

	for (unsigned tag = 0; tag <= UINT16_MAX; tag++) {
		size_t size = acl_minimal(&acl, 0644);
		bool is_known = false;

		for (size_t i = 0; i < ARRAY_SIZE(known); i++)
			is_known |= known[i] == tag;
		size = acl_append(&acl, size, tag, 7, 1000);
		if (!is_known)
			cr_assert(eq(int, acl_check(&acl, size), -EINVAL), "tag %#x",
				  tag);
	}
}

Test(acl, refuses_unknown_permissions)
{
	for (unsigned bit = 3; bit < 16; bit++) {
		size_t size = acl_minimal(&acl, 0644);

		acl.entries[1].e_perm = htole16((uint16_t)(1U << bit));
		cr_assert(eq(int, acl_check(&acl, size), -EINVAL), "bit %u", bit);
	}
}

Test(acl, refuses_more_than_a_block)
{
	size_t size = acl_extended(&acl);
	uint32_t id = 2000;

	while (size + sizeof(acl.entries[0]) <= ACL_MAX_SIZE) {
		cr_assert(zero(int, acl_check(&acl, size)));
		size = acl_append(&acl, size, ACL_USER, 4, id++);
	}
	cr_assert(zero(int, acl_check(&acl, size)));
	size = acl_append(&acl, size, ACL_USER, 4, id);
	cr_assert(eq(int, acl_check(&acl, size), -EINVAL));
}

Test(acl, a_mode_goes_to_the_minimal_entries)
{
	size_t size = acl_minimal(&acl, 0777);

	acl_apply_mode(&acl, size, S_IFREG | 04640);
	cr_assert(eq(uint, perm(0), 6));
	cr_assert(eq(uint, perm(1), 4));
	cr_assert(eq(uint, perm(2), 0));
}

Test(acl, a_mode_goes_to_the_mask)
{
	size_t size = acl_extended(&acl);

	acl_apply_mode(&acl, size, 0751);
	cr_assert(eq(uint, perm(0), 7));
	cr_assert(eq(uint, perm(1), 7));
	cr_assert(eq(uint, perm(2), 4));
	cr_assert(eq(uint, perm(3), 5));
	cr_assert(eq(uint, perm(4), 1));
	cr_assert(eq(uint, acl_to_mode(&acl, size), 0751));
	cr_assert(zero(int, acl_check(&acl, size)));
}
