/* SPDX-License-Identifier: MIT */
/* hipsoft-fixture.h - for tests of libhipsoft, each of which is a process of its own */
#ifndef HIPSOFT_FIXTURE_H
#define HIPSOFT_FIXTURE_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdbool.h>
#include <stdint.h>

#include <hipipc-provider.h>
#include <hipsoft.h>

#include "../support/fds.h"
#include "../support/make-memfd.h"
#include "../support/wait.h"

#define PAGE 4096

extern const struct hipipc_provider hipsoft_provider;

/* Before the first call: the number of devices, and MiB per device. */
void soft_configure(const char *devices, const char *memory);

#define expect(call, error) cr_assert(eq(int, (int)(call), (int)(error)))
#define expect_ok(call)     expect(call, hipSuccess)

void *soft_malloc(size_t bytes);
struct hipipc_allocation soft_find(const void *pointer);

/* Of an event that other processes can use. */
#define SOFT_SHARED (hipEventInterprocess | hipEventDisableTiming)

/* Monotonic seconds. */
double soft_now_s(void);

hipEvent_t soft_event(unsigned flags);
hipStream_t soft_stream(void);

/* The exit status of a child; -1: it did not exit by itself. */
int wait_for_child(int pid);

#endif
