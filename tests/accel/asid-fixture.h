/* SPDX-License-Identifier: MIT */
/*
 * asid-fixture.h - a device, a context, and short names for what tests of ASIDs do
 *
 * Criterion runs each test in a process of its own, so these may be variables.
 */
#ifndef ACCEL_TESTS_ASID_FIXTURE_H
#define ACCEL_TESTS_ASID_FIXTURE_H

#include <accel.h>
#include <stdatomic.h>

#include "../support/wait.h"
#include "fake-backend.h"

#define PAGE UINT64_C(4096)
#define RW   (ACCEL_MAP_READ | ACCEL_MAP_WRITE)
#define AT   ACCEL_MAP_FIXED

/*
 * The device's addresses: 15 pages, a reserved one, 16 pages, a reserved one, 32 pages,
 * and a reserved one up to the end. Page 0 is not among them.
 */
#define APERTURE_END (66 * PAGE)

extern struct accel_registry *registry;
extern struct accel_device *device;
extern struct accel_context *context;
extern char last_log[256]; /* text of the last line, which was of last_level */
extern int last_level;

/* What is charged to the context's owner now, and how much of each he may have. */
extern _Atomic uint64_t charged[ACCEL_RES_COUNT];
extern uint64_t limits[ACCEL_RES_COUNT];

/* With what fake_properties and device_params say, which a test may have changed. */
extern struct accel_device_params device_params;
void asid_fixture_init(void);

/* Destroys context and registry; fails the test if anything stays charged or in use. */
void asid_fixture_finish(void);

struct accel_context *new_context(void);

/* Ids of new objects in a context. */
uint32_t new_asid(struct accel_context *in, uint32_t flags);
uint32_t new_buffer(struct accel_context *in, uint64_t bytes, uint32_t flags);

/* Of a new memfd, opened for @access; *ret_fd stays open for the test. */
uint32_t import_memfd(uint64_t bytes, int access, int *ret_fd);

/*
 * The calls, which allocate nothing themselves. -EPROTO: an output was written although
 * the call failed, or is not what it must be.
 */
int map(uint32_t asid, uint32_t buffer, uint64_t offset, uint64_t length, uint32_t flags,
	uint64_t iova);
/* Anywhere; where it is, or an errno of the high end. */
uint64_t map_any(uint32_t asid, uint32_t buffer, uint64_t length, uint32_t flags);
/* Bytes that were removed, or -errno. */
int64_t unmap(uint32_t asid, uint64_t iova, uint64_t length);
int copy(uint32_t dst, uint64_t dst_iova, uint32_t src, uint64_t src_iova,
	 uint64_t length, uint32_t flags);
int destroy_asid(struct accel_context *in, uint32_t asid);

struct accel_asid_info info_of(struct accel_context *in, uint32_t asid);

/* Fails the test unless the ASID has this many mappings and bytes. */
void expect_mapped(uint32_t asid, uint64_t mappings, uint64_t bytes);

/* accel_asid_resolve_locked() with its lock. */
struct accel_window;
int resolve(struct accel_asid *object, uint64_t iova, uint64_t length, uint32_t access,
	    struct accel_window *ret_window);

/*
 * What a device sees there: the buffer's id and the offset into it in *ret_offset. 0: no
 * access, and *ret_offset is -EFAULT or -EACCES.
 */
uint32_t look_at(uint32_t asid, uint64_t iova, uint32_t access, int64_t *ret_offset);

#endif
