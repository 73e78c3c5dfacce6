/* SPDX-License-Identifier: MIT */
/*
 * fake-service.h - libdmabuffs and a runtime as libhipipc sees them, in this process
 *
 * The calls of libdmabuffs are wrapped by the linker (local.mk). Names are numbers; what
 * was done is counted; any call can be made to fail, or to wait.
 */
#ifndef DMABUFFS_TEST_FAKE_SERVICE_H
#define DMABUFFS_TEST_FAKE_SERVICE_H

#include <stdatomic.h>

#include <hipipc-provider.h>

struct fake_service {
	/* What the next calls answer, if not 0. */
	atomic_int open_error;
	atomic_int export_error;
	atomic_int withdraw_error;
	atomic_int import_error;
	atomic_int exchange_error;
	/* How many more exports and imports lose the connection, and the service with it.
	 */
	atomic_int losses;
	atomic_bool ends;
	/* How often. */
	atomic_int opens;
	atomic_int closes;
	atomic_int exports;
	atomic_int withdrawals;
	atomic_int exchanges;
	atomic_uint last_mode;
	atomic_uint last_flags;
	atomic_int last_access;
	/* Called in the middle of an export, with no lock of ours held; may be NULL. */
	void (*_Atomic during_export)(void);
};
extern struct fake_service fake_service;

struct fake_runtime {
	atomic_int export_error;
	atomic_int import_error;
	atomic_int place_error;
	atomic_bool names_cannot_be_mapped;
	atomic_ulong context; /* the current one */
	atomic_int device;
	/* Allocations live at their id * FAKE_BYTES, except those above last_id. */
	atomic_ulong freed_id;
	atomic_int imports;
	atomic_int releases;
	atomic_int last_failure;
	hipipc_freed_fn freed;
	/* Called in the middle of an import; may be NULL. */
	void (*_Atomic during_import)(void);
};
extern struct fake_runtime fake_runtime;

#define FAKE_BYTES   0x10000UL
#define FAKE_LAST_ID 100000UL

/* With a hook that tells of frees, and without. */
extern const struct hipipc_provider fake_provider;
extern const struct hipipc_provider fake_silent_provider;

/* Of a live one. */
struct hipipc_allocation fake_allocation(uint64_t id);

/* How many descriptors this process has open. */

#endif
