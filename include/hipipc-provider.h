/* SPDX-License-Identifier: MIT */
/*
 * hipipc-provider.h - interface between libhipipc and a runtime whose memory it shares
 *
 * A runtime is described by one constant struct hipipc_provider. libhipsoft exports its
 * own (symbol HIPIPC_SOFT_SYMBOL), which libhipipc finds in the process. Those for AMD's
 * and NVIDIA's runtimes are part of libhipipc and call the runtimes' export functions
 * through dlsym(3).
 *
 * Callbacks may be called from any thread, concurrently, and without a lock of libhipipc
 * held. They return 0 or a negative errno, and write their outputs on success only.
 *
 * Compatibility: a change that an older side cannot handle increments
 * HIPIPC_PROVIDER_VERSION. New callbacks are added at the end of the table, and libhipipc
 * calls one only if the table's @size covers it. The other structs have reserved members:
 * the side that fills in a struct sets those it does not know to 0.
 */
#ifndef HIPIPC_PROVIDER_H
#define HIPIPC_PROVIDER_H

#include <stddef.h>
#include <stdint.h>

#define HIPIPC_PROVIDER_VERSION 2
#define HIPIPC_SOFT_SYMBOL      "hipsoft_provider"

/* The kind of descriptor behind an allocation or event; part of the handle. */
enum hipipc_kind {
	HIPIPC_KIND_MEMFD = 1,
	HIPIPC_KIND_DMABUF = 2,
	HIPIPC_KIND_CUDA_VMM = 3, /* from cuMemExportToShareableHandle() */
	HIPIPC_KIND_EVENT = 4,    /* a page of libhipsoft, see lib/hipsoft/event_page.h */
};

/**
 * struct hipipc_allocation - a live allocation
 * @id: identifies the allocation, not its address; never reused, and never equal to the
 *	id of an event
 * @base: address of its first byte
 * @bytes: its size
 * @reserved: 0
 */
struct hipipc_allocation {
	uint64_t id;
	uint64_t base;
	uint64_t bytes;
	uint64_t reserved[5];
};

/**
 * struct hipipc_backing - the buffer behind an allocation
 * @fd: close-on-exec. For export_memory() the caller becomes the owner; for
 *	import_memory() it stays the owner
 * @kind: enum hipipc_kind
 * @offset: of the allocation in the buffer, in bytes
 * @reserved: 0
 */
struct hipipc_backing {
	int32_t fd;
	uint32_t kind;
	uint64_t offset;
	uint64_t reserved[6];
};

/**
 * struct hipipc_place - a context and its device
 * @context: identifies the context, and is not reused while it exists
 * @device: ordinal of the device
 * @reserved: 0
 *
 * Per device, a handle can be open in one context at a time.
 */
struct hipipc_place {
	uint64_t context;
	int32_t device;
	uint32_t reserved[5];
};

/* Called by a provider when an exported allocation or event is freed. */
typedef void (*hipipc_freed_fn)(uint64_t id);

struct hipipc_provider {
	uint32_t version; /* HIPIPC_PROVIDER_VERSION */
	uint32_t size;    /* sizeof(struct hipipc_provider) of the provider */
	const char *name; /* for the log */

	/*
	 * The allocation that @pointer points into. -EINVAL: not live device memory;
	 * -ECHILD: in a child of fork(2).
	 */
	int (*find)(uint64_t pointer, struct hipipc_allocation *ret_allocation);

	/*
	 * Its descriptor. -EOPNOTSUPP: it cannot be exported, and the provider has set
	 * the reason; -ENOENT: it was freed meanwhile.
	 */
	int (*export_memory)(const struct hipipc_allocation *allocation,
			     struct hipipc_backing *ret_backing);

	/*
	 * Maps @bytes at @backing->offset of @backing->fd for the current device. All
	 * arguments come from a handle and are not trusted. -EBADMSG: the descriptor
	 * does not match them. A memfd is passed as the opened name first; if the
	 * provider cannot map that, it returns -ENODEV and gets the memfd itself.
	 */
	int (*import_memory)(const struct hipipc_backing *backing, uint64_t bytes,
			     uint64_t *ret_pointer);
	int (*release_memory)(uint64_t pointer);

	/* The thread's current context and its device. Creates a context if needed. */
	int (*place)(struct hipipc_place *ret_place);

	/*
	 * Sets the function to call, once, with the id of an exported allocation or
	 * event when it is freed, before its address is reused. NULL: the runtime does
	 * not report frees; libhipipc then calls find() from time to time.
	 */
	void (*watch)(hipipc_freed_fn freed);

	/*
	 * Events; all NULL: events are passed on to the runtime's own calls. find_event:
	 * -EINVAL: not an event; -EBADF: not an interprocess event. export_event: the
	 * caller owns the descriptor. import_event: @fd stays the caller's.
	 */
	int (*find_event)(void *event, uint64_t *ret_id);
	int (*export_event)(uint64_t id, int *ret_fd);
	int (*import_event)(int fd, void **ret_event);

	/* May be NULL. Sets the error that the runtime's hipGetLastError() returns. */
	void (*failed)(int error);
};

/* libhipsoft's own, under HIPIPC_SOFT_SYMBOL. */
extern const struct hipipc_provider hipsoft_provider;

/* The layout is an ABI between the libraries. */
#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
_Static_assert(offsetof(struct hipipc_allocation, bytes) == 16, "version 2");
_Static_assert(sizeof(struct hipipc_allocation) == 64, "version 2");
_Static_assert(offsetof(struct hipipc_backing, offset) == 8, "version 2");
_Static_assert(sizeof(struct hipipc_backing) == 64, "version 2");
_Static_assert(offsetof(struct hipipc_place, device) == 8, "version 2");
_Static_assert(sizeof(struct hipipc_place) == 32, "version 2");
_Static_assert(offsetof(struct hipipc_provider, size) == 4, "version 2");
_Static_assert(offsetof(struct hipipc_provider, name) == 8, "version 2");
_Static_assert(offsetof(struct hipipc_provider, failed) == 8 + 10 * sizeof(void *),
	       "version 2");
#endif

#endif
