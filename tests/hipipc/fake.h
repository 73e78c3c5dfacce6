/* SPDX-License-Identifier: MIT */
/*
 * fake.h - fakes of the vendors' runtimes, as far as libhipipc calls them
 *
 * libcuda.so.1, libamdhip64.so.6 and libhsa-runtime64.so.1, built by the tests. They
 * model what the vendors document: ownership of descriptors, alignment, ids that are not
 * reused, restrictions of forked children. Memory consists of memfds that are mapped for
 * the CPU, so that a test can access it through the device pointer.
 *
 * Each has one function that returns its controls. Calls that libhipipc does not use are
 * missing.
 */
#ifndef HIPIPC_TEST_FAKE_H
#define HIPIPC_TEST_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_EXPORT __attribute__((visibility("default")))

/* The granularity of mappings of the fakes. */
#define FAKE_GRANULE 65536

enum fake_kind {
	FAKE_VMM,       /* cuMemCreate(), hipMemCreate(), exportable */
	FAKE_VMM_LOCAL, /* the same, exportable as a dma-buf but not as a handle */
	FAKE_SEGMENTS,  /* two of FAKE_VMM in one range, each of the requested size */
	FAKE_PLAIN, /* cudaMalloc(), hipMalloc(): a dma-buf; for HIP at an offset in it */
	FAKE_PRIVATE, /* not exportable at all */
	FAKE_MANAGED,
	FAKE_HOST,
};

enum fake_knob {
	FAKE_CONTEXT,         /* the current context, 0: none; 1 */
	FAKE_DEVICE,          /* of it; 0 */
	FAKE_KNOWS_MAPPINGS,  /* the driver knows attributes 18 to 20; 1 */
	FAKE_IMPORTS_DMABUFS, /* CUDA; 1 */
	FAKE_TAKES_FD,  /* HIP closes imported descriptors; 2: and reuses the number; 0 */
	FAKE_LOCATION,  /* type of the location of imported memory; 1: a device */
	FAKE_HIP_MAJOR, /* before the first call; 6 */
	FAKE_KNOBS,
};

/* Objects that exist now. */
struct fake_counts {
	int handles;    /* references to physical memory returned by calls */
	int reserved;   /* ranges */
	int mapped;     /* mappings in them */
	int externals;  /* imported objects */
	int buffers;    /* mappings of them */
	int references; /* on primary contexts */
};

struct fake_control {
	/*
	 * Allocates at @at, or anywhere if NULL; returns NULL only if there is no room.
	 */
	void *(*alloc)(enum fake_kind kind, size_t bytes, void *at);
	void (*free)(void *pointer);
	/* Puts other memory in the place of a mapping (FAKE_VMM, FAKE_SEGMENTS). */
	void (*replace)(void *pointer);
	void (*set)(enum fake_knob knob, int value);
	/* The @nth call from now on returns @result; 0: none does. */
	void (*fail)(unsigned int nth, int result);
	/* Each call of that name returns @result; NULL: cancels this. */
	void (*fail_call)(const char *name, int result);
	/* Whether a call has failed since fail(); its name, NULL: none has. */
	const char *(*failed)(void);
	/* Called once, during a call of that name; NULL: cancels this. */
	void (*during)(const char *name, void (*hook)(void));
	unsigned int (*calls)(void); /* so far */
	struct fake_counts (*counts)(void);
};

const struct fake_control *fake_cuda(void);
const struct fake_control *fake_hip(void);

/* The real library calls the kernel; this one calls back into the fake libamdhip64. */
typedef int (*fake_hsa_export_fn)(const void *pointer, size_t bytes, int *ret_fd,
				  uint64_t *ret_offset);
void fake_hsa_export_by(fake_hsa_export_fn fn);

/* fake-soft.c: a provider with this version in its table. */
void fake_soft_set_version(uint32_t version);

#endif
