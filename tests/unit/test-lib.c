/* SPDX-License-Identifier: MIT */
/* test-lib.c - libdmabuffs without a mount: names, arguments, wrong places */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <dmabuffs.h>

#include "../support/make-memfd.h"

#define TEXT "0f8fad5b-d9cb-469f-a165-70867728950e"

static const dmabuffs_uuid sample = {{0x0f, 0x8f, 0xad, 0x5b, 0xd9, 0xcb, 0x46, 0x9f,
				      0xa1, 0x65, 0x70, 0x86, 0x77, 0x28, 0x95, 0x0e}};

Test(uuid, formats_lower_case)
{
	char text[DMABUFFS_UUID_TEXT_SIZE];

	dmabuffs_uuid_format(&sample, text);
	cr_assert(eq(str, text, (char *)TEXT));
}

Test(uuid, parses_what_it_formats)
{
	dmabuffs_uuid uuid;

	cr_assert(eq(int, dmabuffs_uuid_parse(TEXT, &uuid), 0));
	cr_assert(zero(int, memcmp(&uuid, &sample, sizeof(uuid))));
}

Test(uuid, refuses_all_else_and_leaves_the_output)
{
	static const char *const wrong[] = {
		"",
		"0f8fad5b",
		"0F8FAD5B-D9CB-469F-A165-70867728950E",
		"0f8fad5b-d9cb-469f-a165-70867728950E",
		"0f8fad5b-d9cb-469f-a165-70867728950",
		TEXT "0",
		TEXT " ",
		TEXT "\n",
		(" " TEXT),
		"{0f8fad5b-d9cb-469f-a165-70867728950e}",
		"0f8fad5bd9cb469fa16570867728950e",
		"0f8fad5b-d9cb-469fa-165-70867728950e",
		"0f8fad5b-d9cb-469f-a165-7086772895 e",
		"0f8fad5b-d9cb-469f-a165-70867728950g",
		"+f8fad5b-d9cb-469f-a165-70867728950e",
		"0xfad5bd-d9cb-469f-a165-70867728950e",
		".broker",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		dmabuffs_uuid uuid = sample;

		cr_assert(eq(int, dmabuffs_uuid_parse(wrong[i], &uuid), -EINVAL), "%s",
			  wrong[i]);
		cr_assert(zero(int, memcmp(&uuid, &sample, sizeof(uuid))));
	}
}

static int open_at(const char *path)
{
	struct dmabuffs *untouched = (void *)&sample, *instance = untouched;
	int r = dmabuffs_open(path, &instance);

	cr_assert(eq(ptr, instance, untouched));
	return r;
}

Test(open, refuses_other_places)
{
	cr_assert(eq(int, open_at("/nonexistent"), -ENOENT));
	cr_assert(eq(int, open_at("/dev/null"), -ENOTDIR));
	cr_assert(eq(int, open_at("/"), -ENOTTY));
}

Test(open, takes_the_place_of_the_environment)
{
	setenv("DMABUFFS_MOUNT", "/dev/null", 1);
	cr_assert(eq(int, open_at(NULL), -ENOTDIR));
}

Test(open, close_takes_null)
{
	dmabuffs_close(NULL);
}

Test(query, refuses_what_is_no_name)
{
	struct dmabuffs_info info = {.size = 7};
	int memfd = new_memfd(0);

	cr_assert(eq(int, dmabuffs_query_fd(memfd, &info, sizeof(info)), -ENOTTY));
	cr_assert(eq(int, dmabuffs_query_fd(-1, &info, sizeof(info)), -EBADF));
	cr_assert(eq(int, (int)info.size, 7));
	close(memfd);
}
