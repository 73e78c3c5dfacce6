/* SPDX-License-Identifier: MIT */
/*
 * hipipc-provider.h - what libhipipc asks of a runtime whose memory it shares
 *
 * One const table for each runtime. libhipsoft exports its own (symbol
 * HIPIPC_SOFT_SYMBOL), which libhipipc finds in the process; those for AMD's and NVIDIA's
 * are in libhipipc and call these runtimes' export functions through dlopen(3). All calls
 * may come from any thread, with no lock of libhipipc held, and answer 0 or a negative
 * errno; outputs are written only on success.
 */
#ifndef HIPIPC_PROVIDER_H
#define HIPIPC_PROVIDER_H

#include <stdint.h>

#define HIPIPC_PROVIDER_VERSION 1
#define HIPIPC_SOFT_SYMBOL      "hipsoft_provider"

/* What kind of descriptor stands behind an allocation; travels in the handle. */
enum hipipc_kind {
	HIPIPC_KIND_MEMFD = 1,
	HIPIPC_KIND_DMABUF = 2,
	HIPIPC_KIND_CUDA_VMM = 3, /* what cuMemExportToShareableHandle() gives */
	HIPIPC_KIND_EVENT = 4,    /* a page of hipsoft, see lib/hipsoft/event_page.h */
};

/* A live allocation. */
struct hipipc_allocation {
	uint64_t id; /* of this, not of its address; never used twice, nor for an event */
	uint64_t base;
	uint64_t bytes;
};

/* What is behind it: @bytes bytes of the allocation begin at @offset of @fd. */
struct hipipc_backing {
	int fd;        /* the receiver's, close-on-exec */
	uint32_t kind; /* enum hipipc_kind */
	uint64_t offset;
};

/* Where something is opened: a handle is open in one context of a device at most. */
struct hipipc_place {
	uint64_t context;
	int device;
};

/* Names that libhipipc made end when what they name does. */
typedef void (*hipipc_freed_fn)(uint64_t id);

struct hipipc_provider {
	uint32_t version; /* HIPIPC_PROVIDER_VERSION */
	uint32_t reserved;
	const char *name; /* for the log */

	/* -EINVAL: points into no live device memory; -ECHILD: a forked child. */
	int (*find)(uint64_t pointer, struct hipipc_allocation *ret_allocation);

	/*
	 * Its descriptor. -EOPNOTSUPP: cannot be exported, and the provider has given the
	 * reason; -ENOENT: it was freed meanwhile.
	 */
	int (*export_memory)(const struct hipipc_allocation *allocation,
			     struct hipipc_backing *ret_backing);

	/*
	 * Maps @bytes at @offset of @backing->fd, which stays the caller's, for the
	 * current device. What is described comes from a handle and is not to be trusted:
	 * -EBADMSG, the descriptor is not that. A memfd comes as the opened name first;
	 * -ENODEV: that cannot be mapped, then as itself.
	 */
	int (*import_memory)(const struct hipipc_backing *backing, uint64_t bytes,
			     uint64_t *ret_pointer);
	int (*release_memory)(uint64_t pointer);

	/* The thread's current context and its device. Makes one if there is none. */
	int (*place)(struct hipipc_place *ret_place);

	/*
	 * Called with the id, once, when an allocation or event that was exported is
	 * freed, before its address is used again. NULL: the runtime does not tell;
	 * libhipipc then asks find() from time to time.
	 */
	void (*watch)(hipipc_freed_fn freed);

	/*
	 * Events. All NULL: they are passed on to the runtime's own calls. find: -EINVAL
	 * no event, -EBADF not an interprocess one. The descriptor is the receiver's;
	 * that of import stays the caller's.
	 */
	int (*find_event)(void *event, uint64_t *ret_id);
	int (*export_event)(uint64_t id, int *ret_fd);
	int (*import_event)(int fd, void **ret_event);

	/* hipGetLastError() of a runtime that keeps it shall know; may be NULL. */
	void (*failed)(int error);
};

/* libhipsoft's own, under HIPIPC_SOFT_SYMBOL. */
extern const struct hipipc_provider hipsoft_provider;

#endif
