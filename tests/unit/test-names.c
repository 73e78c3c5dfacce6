/* SPDX-License-Identifier: MIT */
/* test-names.c - valid names of exports */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "fs/fs.h"
#include "util.h"

Test(names, a_uuid)
{
	static const uint8_t wanted[DMABUFFS_UUID_SIZE] = {
		0x0f, 0x8f, 0xad, 0x5b, 0xd9, 0xcb, 0x46, 0x9f,
		0xa1, 0x65, 0x70, 0x86, 0x77, 0x28, 0x95, 0x0e,
	};
	uint8_t uuid[DMABUFFS_UUID_SIZE];

	cr_assert(zero(int, fs_parse_name("0f8fad5b-d9cb-469f-a165-70867728950e", uuid)));
	cr_assert(zero(int, memcmp(uuid, wanted, sizeof(uuid))));
	cr_assert(zero(int, fs_parse_name("00000000-0000-0000-0000-000000000000", uuid)));
	cr_assert(zero(int, fs_parse_name("ffffffff-ffff-ffff-ffff-ffffffffffff", uuid)));
}

/* Each buffer must have exactly one spelling of its name. */
Test(names, nothing_else)
{
	static const char *const wrong[] = {
		"",
		".",
		"..",
		".broker",
		"0F8FAD5B-D9CB-469F-A165-70867728950E",
		"0f8fad5b-d9cb-469f-a165-70867728950E",
		"0f8fad5b-d9cb-469f-a165-70867728950",
		"0f8fad5b-d9cb-469f-a165-70867728950e0",
		"0f8fad5b-d9cb-469f-a165-70867728950g",
		" f8fad5b-d9cb-469f-a165-70867728950e",
		"+f8fad5b-d9cb-469f-a165-70867728950e",
		"0xfad5bd-d9cb-469f-a165-70867728950e",
		"0f8fad5bd9cb-469f-a165-707867728950e",
		"0f8fad5bd9cb469fa16570867728950e",
		"0f8fad5b-d9cb-469f-a165-7086772895\n0",
		"0f8fad5b_d9cb_469f_a165_70867728950e",
	};
	uint8_t uuid[DMABUFFS_UUID_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		cr_assert(eq(int, fs_parse_name(wrong[i], uuid), -ENOENT), "\"%s\"",
			  wrong[i]);
}
