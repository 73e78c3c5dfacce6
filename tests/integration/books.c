/* SPDX-License-Identifier: MIT */
/* books.c - charges of an instance, and names that no longer exist */
#include <string.h>
#include <sys/statvfs.h>

#include "books.h"
#include "harness.h"
#include "raw.h"

bool same(const uint8_t a[16], const uint8_t b[16])
{
	return memcmp(a, b, 16) == 0;
}

bool name_is_gone(void *data)
{
	struct shared *shared = data;
	int result = raw_exists(shared->instance, shared->uuid);

	ASSERT(result == 0 || result == -ENOENT);
	return result == -ENOENT;
}

/* The charges summed over all users. */
struct books {
	const struct instance *instance;
	uint64_t names, blocks;
};

static void look_at_books(struct books *books, const struct instance *instance)
{
	struct statvfs st;

	ASSERT_OK(SYS(statvfs(instance->dir, &st)));
	books->instance = instance;
	books->names = st.f_files - st.f_ffree;
	books->blocks = st.f_blocks - st.f_bfree;
}

static bool books_are_empty(void *data)
{
	struct books *books = data;

	look_at_books(books, books->instance);
	return books->names == 0 && books->blocks == 0;
}

void expect_books(const struct instance *instance, uint64_t names, uint64_t blocks)
{
	struct books books;

	look_at_books(&books, instance);
	ASSERT_EQ(books.names, names);
	ASSERT_EQ(books.blocks, blocks);
}

void expect_nothing_left(const struct instance *instance)
{
	struct books books = {.instance = instance};

	ASSERT(wait_until(books_are_empty, &books));
	ASSERT_EQ(raw_count(instance), 0);
}
