/* SPDX-License-Identifier: MIT */
/*
 * accel.h - libaccel: accelerator devices, their contexts and the objects in them
 *
 * The core beneath a mount's `.accel` directory, also for use by itself in simulators and
 * tests: it knows no file system and no socket. All functions that return int return 0 or
 * a negative errno, and write outputs only on success. The argument structs and their
 * errors are documented in accel-abi.h.
 *
 * Structs of this header that begin with a size, and those that the calls for information
 * (accel_*_get_info(), accel_device_query()) fill in, grow at their end. The caller sets
 * @size to sizeof() the struct and zeroes what it does not use; a field that an older
 * caller's struct lacks counts as zero and is not written. -EINVAL: @size is less than
 * that of the first version. -E2BIG: a field that this library does not know is not zero.
 * In the arguments of all other calls @size is not checked.
 *
 * Threads: every function may be called from any thread, but a registry must be destroyed
 * after its last use, and a context once. No call waits for a device longer than one
 * piece of a command takes. Two calls wait for a client: accel_buffer_revoke(), since a
 * holder of the memory can keep its inode locked, and accel_asid_create_sva(), which
 * queries the process's memory. Other work that can take long is done by threads of the
 * core.
 *
 * Signals: the first registry installs a handler for SIGBUS in the process, since a
 * client can truncate the memory that it shares. The handler passes signals that are not
 * the core's to the handler that was installed before. SIGURG, which is ignored by
 * default, may arrive while the core queries the kernel for the holders of a memfd.
 */
#ifndef ACCEL_H
#define ACCEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <accel-abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* ---- registry and devices ---------------------------------------------------------- */

struct accel_registry; /* the devices of a process */
struct accel_device;
struct accel_backend; /* accel-backend.h */

/* The default: engines in threads, memory in memfds. */
extern const struct accel_backend accel_soft_backend;

/* Parameters of a new device. 0 means the default, which follows the range. */
struct accel_device_params {
	uint32_t size;              /* sizeof(struct accel_device_params) */
	uint32_t queues;            /* 1 to 1024; 64 */
	char name[ACCEL_NAME_SIZE]; /* letters, digits, '-' and '_' */
	uint64_t memory;            /* bytes, whole pages; 1 GiB */
	uint32_t asid_bits;         /* 1 to 20; 16 */
	uint32_t latency_ns;        /* at most 1 s; 0 */
	bool exclusive;             /* one context at a time */
	uint8_t reserved[7];        /* 0 */
};

/* @level as of syslog(3): 3 error, 4 warning, 6 info, 7 debug. @text has no newline. */
typedef void (*accel_log_fn)(void *data, int level, const char *text);

/* @log may be NULL. */
int accel_registry_create(accel_log_fn log, void *data,
			  struct accel_registry **ret_registry);

/*
 * Stops and frees the devices. All contexts must be destroyed before, and all references
 * of accel_asid_share() dropped. False: an engine is stuck in an access to memory whose
 * client does not provide it. Then nothing is freed, and the process should exit.
 */
bool accel_registry_destroy(struct accel_registry *registry);

/*
 * A thread of the core releases freed memory and its descriptors. Waits, for @ms at most,
 * until it has released everything that was freed before this call; for callers that are
 * out of descriptors.
 */
void accel_registry_settle(struct accel_registry *registry, unsigned ms);

/*
 * Adds a device. -EINVAL: a parameter is out of range, or the backend's table is
 * incomplete; -E2BIG; -EEXIST: the name is taken; or the backend's error.
 */
int accel_device_create(struct accel_registry *registry,
			const struct accel_backend *backend,
			const struct accel_device_params *params,
			struct accel_device **ret_device);

/* By name or by position; NULL: none. Devices exist until the registry is destroyed. */
struct accel_device *accel_device_find(struct accel_registry *registry, const char *name);
struct accel_device *accel_device_at(struct accel_registry *registry, size_t index);

/* Fills in as much of @info as its size has room for; the size alone is an input. */
void accel_device_query(struct accel_device *device, struct accel_device_info *info);

/* ---- contexts ---------------------------------------------------------------------- */

struct accel_context;

enum accel_resource {
	ACCEL_RES_CONTEXTS,
	ACCEL_RES_ASIDS,
	ACCEL_RES_SETS,
	ACCEL_RES_QUEUES,
	ACCEL_RES_FILES, /* descriptors: 1 per buffer and queue, 2 per bound ASID */
	ACCEL_RES_MAPPINGS,
	ACCEL_RES_FENCES,
	ACCEL_RES_MEMORY, /* bytes of device memory, as long as any process holds them */
	ACCEL_RES_PINNED, /* bytes of imported memory: it cannot be reclaimed */
	ACCEL_RES_COUNT
};

/*
 * The owner of a context: accounting and notification. All functions may be NULL. They
 * are called from any thread, some with locks of the core held, and must not call back.
 */
struct accel_owner {
	uint32_t size;  /* sizeof(struct accel_owner) */
	uint32_t flags; /* 0 */
	/* Before a resource is granted: 0, -EDQUOT, -ENOSPC or -ENOMEM. */
	int (*charge)(void *data, enum accel_resource resource, uint64_t n);
	/* When it is given back, which can be after the context was destroyed. */
	void (*uncharge)(void *data, enum accel_resource resource, uint64_t n);
	/* The context has an event. Never after accel_context_destroy() has returned. */
	void (*notify)(void *data);
	/* The last call: nothing is charged any more. */
	void (*release)(void *data);
	void *data; /* for the functions */
	/*
	 * Contexts with the same number share what is given to one user: queues of a
	 * device, and turns where memory is freed. A person who has many uids is one.
	 */
	uint64_t user;
};

/*
 * A new context. @owner is copied, and may be NULL: nothing is charged. -EBUSY: the
 * device is exclusive and another context exists, or an importer holds memory of the last
 * one that cannot be revoked. -EAGAIN: queues of the last context are being stopped, or
 * its memory scrubbed; try again soon. -EOPNOTSUPP: unknown flags. -EINVAL, -E2BIG; or
 * the error of owner->charge. On failure owner->release is not called.
 */
int accel_context_create(struct accel_device *device, const struct accel_owner *owner,
			 struct accel_context **ret_context);

/* Destroys it in any state. Running commands are cancelled, which is not waited for. */
void accel_context_destroy(struct accel_context *context);

int accel_device_get_info(struct accel_context *context, struct accel_device_info *arg);

/* ---- buffers ----------------------------------------------------------------------- */

int accel_buffer_alloc(struct accel_context *context, struct accel_buffer_alloc *arg);

/*
 * Makes a buffer of the memfd or dma-buf @fd, and takes @fd over on success. The access
 * mode of @fd limits its mappings. -EBADFD: neither kind; -EACCES: not readable; -EINVAL:
 * empty. Its bytes are charged as ACCEL_RES_PINNED until the core has unmapped it.
 */
int accel_buffer_import(struct accel_context *context, int fd, uint32_t *ret_id);

/*
 * The same, and for any regular file that can be mapped shared, such as an opened name of
 * a dmabuffs instance. The caller trusts the file system to provide pages: an access for
 * which it does not stalls the queue. -ENODEV: the file cannot be mapped.
 */
int accel_buffer_import_file(struct accel_context *context, int fd, uint32_t *ret_id);

/*
 * A close-on-exec descriptor of a buffer; of a memfd, with an open file description of
 * its own. @access: O_RDONLY or O_RDWR. -EACCES: more than the buffer allows; -ESTALE: it
 * was revoked.
 */
int accel_buffer_open(struct accel_context *context, uint32_t id, int access,
		      int *ret_fd);

/*
 * Whether @fd is pinned memory of an exclusive device of the registry. Its seals must not
 * be frozen (F_SEAL_SEAL): the device asks with them whether a driver has pinned it.
 */
bool accel_registry_keeps_seals(struct accel_registry *registry, int fd);

int accel_buffer_free(struct accel_context *context, struct accel_object *arg);
int accel_buffer_revoke(struct accel_context *context, struct accel_object *arg);
int accel_buffer_get_info(struct accel_context *context, struct accel_buffer_info *arg);

/* ---- address spaces ---------------------------------------------------------------- */

int accel_asid_create(struct accel_context *context, struct accel_asid_create *arg);

/*
 * Binds the address space behind @mem (/proc/PID/mem, O_RDWR) and @maps (/proc/PID/maps).
 * Whose process it is, is not checked: the kernel did when they were opened, as for
 * ptrace(2). The binding is permanent; both descriptors are taken
 * over on success. -EBADFD: other files, or of two processes; -EOPNOTSUPP: the kernel
 * does not report page protections (before Linux 6.11); -ESRCH: the process is gone.
 */
int accel_asid_create_sva(struct accel_context *context, struct accel_asid_create *arg,
			  int mem, int maps);

int accel_asid_destroy(struct accel_context *context, struct accel_object *arg);
int accel_asid_get_info(struct accel_context *context, struct accel_asid_info *arg);
int accel_asid_map(struct accel_context *context, struct accel_asid_map *arg);
int accel_asid_unmap(struct accel_context *context, struct accel_asid_unmap *arg);
int accel_asid_copy(struct accel_context *context, struct accel_asid_copy *arg);

/*
 * Passes an address space to another context of the same device. Share returns a
 * reference, which keeps the ASID and its number in use even after its context is gone.
 * The ASID and all mappings in it, also those that an importer makes, stay charged to its
 * creator. Share: -EOPNOTSUPP on an exclusive device. Import: -EXDEV: of another device;
 * -EEXIST: this context has it.
 */
struct accel_asid;
int accel_asid_share(struct accel_context *context, uint32_t id,
		     struct accel_asid **ret_asid);
int accel_asid_import(struct accel_context *context, struct accel_asid *asid,
		      uint32_t *ret_id);
struct accel_asid *accel_asid_ref(struct accel_asid *asid);
void accel_asid_unref(struct accel_asid *asid); /* NULL is allowed */

/* ---- sets -------------------------------------------------------------------------- */

int accel_set_create(struct accel_context *context, struct accel_set_create *arg);
int accel_set_destroy(struct accel_context *context, struct accel_object *arg);
int accel_set_get_info(struct accel_context *context, struct accel_set_info *arg);
int accel_set_bind(struct accel_context *context, struct accel_set_entry *arg);
int accel_set_unbind(struct accel_context *context, struct accel_set_entry *arg);
int accel_set_lookup(struct accel_context *context, struct accel_set_entry *arg);
int accel_set_next(struct accel_context *context, struct accel_set_entry *arg);

/* ---- queues ------------------------------------------------------------------------ */

int accel_queue_create(struct accel_context *context, struct accel_queue_create *arg);
int accel_queue_destroy(struct accel_context *context, struct accel_object *arg);
int accel_queue_attach(struct accel_context *context, struct accel_queue_attach *arg);
int accel_queue_detach(struct accel_context *context, struct accel_queue_attach *arg);
int accel_queue_submit(struct accel_context *context, struct accel_queue_submit *arg);
int accel_queue_reset(struct accel_context *context, struct accel_object *arg);
int accel_queue_get_info(struct accel_context *context, struct accel_queue_info *arg);

/*
 * The queue's memory, for mmap(2): a memfd of sealed size, O_RDWR. Its first page is a
 * struct accel_ring, also in a mediated queue.
 */
int accel_queue_open_ring(struct accel_context *context, uint32_t id, int *ret_fd);

/* ---- fences and events ------------------------------------------------------------- */

int accel_fence_create(struct accel_context *context, struct accel_fence *arg);
int accel_fence_destroy(struct accel_context *context, struct accel_object *arg);
int accel_fence_signal(struct accel_context *context, struct accel_fence *arg);
int accel_fence_query(struct accel_context *context, struct accel_fence *arg);

/* Takes at most @n events, the oldest first, and returns how many. Never waits. */
size_t accel_events_read(struct accel_context *context, struct accel_event *events,
			 size_t n);
bool accel_events_pending(struct accel_context *context);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
