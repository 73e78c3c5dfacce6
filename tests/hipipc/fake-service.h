/* SPDX-License-Identifier: MIT */
/*
 * fake-service.h - fakes of libdmabuffs and of a runtime for libhipipc, in this process
 *
 * The linker wraps the calls of libdmabuffs (local.mk). Names are numbers; calls are
 * counted; each call can be made to fail, or to wait.
 */
#ifndef DMABUFFS_TEST_FAKE_SERVICE_H
#define DMABUFFS_TEST_FAKE_SERVICE_H

#include <stdatomic.h>

#include <hipipc-provider.h>

struct fake_service {
	/* Results of the next calls, if not 0. */
	atomic_int open_error;
	atomic_int export_error;
	atomic_int withdraw_error;
	atomic_int import_error;
	atomic_int exchange_error;
	atomic_ulong limit; /* of everything, all used; 0: not told */
	atomic_int ended;   /* of dmabuffs_ended(): a cause, or -errno */
	/* How many more exports and imports lose the connection, and the service with it.
	 */
	atomic_int losses;
	atomic_int exchange_losses; /* the same of exchanges */
	atomic_bool ends;
	/* The service of the instances that were opened so far has exited. */
	atomic_int exited_opens;
	/* The descriptor of the root directory; by default no directory, where a look-up
	 * tells nothing. */
	atomic_int root_fd;
	/* Counters. */
	atomic_int opens;
	atomic_int closes;
	atomic_int exports;
	atomic_int withdrawals;
	atomic_int exchanges;
	atomic_uint last_mode;
	atomic_uint last_flags;
	atomic_int last_access;
	/* Called during an export, without a lock held; may be NULL. */
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
	/* Allocations are at their id * FAKE_BYTES; there are none above last_id. */
	atomic_ulong freed_id;
	atomic_int imports;
	atomic_int releases;
	atomic_int last_failure;
	hipipc_freed_fn freed;
	/* Called during an import; may be NULL. */
	void (*_Atomic during_import)(void);
};
extern struct fake_runtime fake_runtime;

#define FAKE_BYTES   0x10000UL
#define FAKE_LAST_ID 100000UL

/* With and without a hook that reports frees. */
extern const struct hipipc_provider fake_provider;
extern const struct hipipc_provider fake_silent_provider;

/* Of a live allocation. */
struct hipipc_allocation fake_allocation(uint64_t id);

#endif
