/* SPDX-License-Identifier: MIT */
/* books.h - charges of an instance, and names that no longer exist */
#ifndef DMABUFFS_TEST_BOOKS_H
#define DMABUFFS_TEST_BOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "instance.h"

/* True if the two UUIDs are equal. */
bool same(const uint8_t a[16], const uint8_t b[16]);

/* A wait_until() predicate on a struct shared; asserts any error other than ENOENT. */
bool name_is_gone(void *shared);

/* Asserts the total number of names and pages charged, over all users. */
void expect_books(const struct instance *instance, uint64_t names, uint64_t blocks);

/* Waits until all charges are released; asserts that no name is left. */
void expect_nothing_left(const struct instance *instance);

#endif
