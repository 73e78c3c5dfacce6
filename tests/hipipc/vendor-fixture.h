/* SPDX-License-Identifier: MIT */
/* vendor-fixture.h - what the tests of the vendors' providers have in common */
#ifndef HIPIPC_TEST_VENDOR_FIXTURE_H
#define HIPIPC_TEST_VENDOR_FIXTURE_H

#include <hipipc-provider.h>

#include "../support/fds.h"
#include "fake.h"

#define BYTES ((size_t)3 * FAKE_GRANULE)

/* The provider under test and its fake; set by the test's init(). */
extern const struct hipipc_provider *provider;
extern const struct fake_control *fake;

/* A live allocation of that kind. */
struct hipipc_allocation make(enum fake_kind kind, size_t bytes);
uint64_t make_pointer(enum fake_kind kind, size_t bytes);

/* Its descriptor, which must work. */
struct hipipc_backing export_it(const struct hipipc_allocation *allocation);

/*
 * Exactly this answer, outputs untouched, and with a reason that has this word in it;
 * NULL: none is needed.
 */
void check_find(uint64_t pointer, int expected, const char *word);
void check_export(const struct hipipc_allocation *allocation, int expected,
		  const char *word);
void check_import(const struct hipipc_backing *backing, uint64_t bytes, int expected,
		  const char *word);

/* What was noted since the last of these calls. */
void reason_is(const char *word);

/* The two pointers show the same memory. */
void check_same(uint64_t one, uint64_t other, size_t bytes);

/*
 * Runs the operation with its first call of the runtime failing with @result, then with
 * its second, and so on. It must answer one of @errors (ended by 0) with a reason, unless
 * it is ENOENT, or do without; and leave neither descriptors nor anything in the runtime.
 */
void fail_each_call(int (*act)(void *data), void *data, int result, const int *errors);

/* A child forked from this process is told so by find() and place(), with a reason. */
void check_forked_child(uint64_t pointer);

#endif
