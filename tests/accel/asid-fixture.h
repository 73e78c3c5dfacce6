/* SPDX-License-Identifier: MIT */
/*
 * asid-fixture.h - a device, a context, and helpers for the tests of ASIDs
 *
 * Criterion runs each test in its own process, so the state is in plain variables.
 */
#ifndef ACCEL_TESTS_ASID_FIXTURE_H
#define ACCEL_TESTS_ASID_FIXTURE_H

#include <accel.h>
#include <stdatomic.h>

#include "../support/make-memfd.h"
#include "../support/wait.h"
#include "fake-backend.h"
#include "owner.h"

#define PAGE UINT64_C(4096)
#define RW   (ACCEL_MAP_READ | ACCEL_MAP_WRITE)
#define AT   ACCEL_MAP_FIXED

/*
 * The aperture: 15 pages, a reserved one, 16 pages, a reserved one, 32 pages, and a
 * reserved one at the end. It starts at page 1.
 */
#define APERTURE_END (66 * PAGE)

extern struct accel_registry *registry;
extern struct accel_device *device;
extern struct accel_context *context;
extern char last_log[256]; /* text of the last line, logged at last_level */
extern int last_level;

/*
 * Creates the device from fake_properties and device_params, which a test may change
 * first.
 */
extern struct accel_device_params device_params;
void asid_fixture_init(void);

/* Destroys context and registry; fails the test if anything stays charged or in use. */
void asid_fixture_finish(void);

struct accel_context *new_context(void);

/* These return the id of a new object in a context. */
uint32_t new_asid(struct accel_context *in, uint32_t flags);
uint32_t new_buffer(struct accel_context *in, uint64_t bytes, uint32_t flags);

/* Imports a new memfd, opened for @access; *ret_fd stays open for the test. */
uint32_t import_memfd(uint64_t bytes, int access, int *ret_fd);

/*
 * Wrappers of the calls under test; they allocate nothing themselves. -EPROTO: an output
 * was written on failure, or has a wrong value.
 */
int map(uint32_t asid, uint32_t buffer, uint64_t offset, uint64_t length, uint32_t flags,
	uint64_t iova);
/* Maps at any address; returns the address, or -errno as an unsigned value. */
uint64_t map_any(uint32_t asid, uint32_t buffer, uint64_t length, uint32_t flags);
/* Returns the bytes removed, or -errno. */
int64_t unmap(uint32_t asid, uint64_t iova, uint64_t length);
int copy(uint32_t dst, uint64_t dst_iova, uint32_t src, uint64_t src_iova,
	 uint64_t length, uint32_t flags);
int destroy_asid(struct accel_context *in, uint32_t asid);

struct accel_asid_info info_of(struct accel_context *in, uint32_t asid);

/* Fails the test unless the ASID has exactly @mappings and @bytes. */
void expect_mapped(uint32_t asid, uint64_t mappings, uint64_t bytes);

/* accel_asid_resolve_locked() with the ASID locked. */
struct accel_window;
int resolve(struct accel_asid *object, uint64_t iova, uint64_t length, uint32_t access,
	    struct accel_window *ret_window);

/*
 * The id of the buffer mapped at @iova; *ret_offset is the offset into it. Returns 0
 * without access; *ret_offset is then -EFAULT or -EACCES.
 */
uint32_t look_at(uint32_t asid, uint64_t iova, uint32_t access, int64_t *ret_offset);

#endif
