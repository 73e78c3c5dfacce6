/* SPDX-License-Identifier: MIT */
/* vendor-fixture.h - shared by the tests of the vendors' providers */
#ifndef HIPIPC_TEST_VENDOR_FIXTURE_H
#define HIPIPC_TEST_VENDOR_FIXTURE_H

#include <hipipc-provider.h>

#include "../support/fds.h"
#include "fake.h"

#define BYTES ((size_t)3 * FAKE_GRANULE)

/* The provider under test and its fake; set by the test's init(). */
extern const struct hipipc_provider *provider;
extern const struct fake_control *fake;

/* A live allocation of @kind. */
struct hipipc_allocation make(enum fake_kind kind, size_t bytes);
uint64_t make_pointer(enum fake_kind kind, size_t bytes);

/* Exports it, which must succeed. */
struct hipipc_backing export_it(const struct hipipc_allocation *allocation);

/*
 * Expects this result, untouched outputs, and a reason that contains @word; NULL: any or
 * none.
 */
void check_find(uint64_t pointer, int expected, const char *word);
void check_export(const struct hipipc_allocation *allocation, int expected,
		  const char *word);
void check_import(const struct hipipc_backing *backing, uint64_t bytes, int expected,
		  const char *word);

/* The reason set since the last of these calls contains @word. */
void reason_is(const char *word);

/* Fails the test unless both pointers refer to the same memory. */
void check_same(uint64_t one, uint64_t other, size_t bytes);

/*
 * Runs the operation with its first runtime call failing with @result, then with its
 * second, and so on. Each run must succeed, or return one of @errors (terminated by 0)
 * with a reason unless it is ENOENT. No descriptor or runtime object may leak.
 */
void fail_each_call(int (*act)(void *data), void *data, int result, const int *errors);

/*
 * For fail_each_call(): exports @data, a struct hipipc_allocation, and closes the
 * descriptor.
 */
int export_once(void *data);

/* Fails the test unless the provider has released all objects of the runtime. */
void expect_nothing_left(void);

/* In a forked child find() and place() must return -ECHILD, with a reason. */
void check_forked_child(uint64_t pointer);

#endif
