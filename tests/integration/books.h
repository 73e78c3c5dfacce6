/* SPDX-License-Identifier: MIT */
/* books.h - what an instance has charged, and names that have ended */
#ifndef DMABUFFS_TEST_BOOKS_H
#define DMABUFFS_TEST_BOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "instance.h"

/* Two names are one. */
bool same(const uint8_t a[16], const uint8_t b[16]);

/* For wait_until(), of a struct shared; asserts that it is there or does not exist. */
bool name_is_gone(void *shared);

/* So many names, and pages for them, are charged to anybody; asserts. */
void expect_books(const struct instance *instance, uint64_t names, uint64_t blocks);

/* Waits until nothing is charged any more; there must be no name then. */
void expect_nothing_left(const struct instance *instance);

#endif
