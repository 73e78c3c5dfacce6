/* SPDX-License-Identifier: MIT */
/*
 * accel.h - libaccel: accelerator devices, their contexts and what those hold
 *
 * The core beneath a mount's `.accel` directory, and by itself for simulators and tests:
 * it knows no file system and no socket. All functions that return int answer 0 or a
 * negative errno; outputs are written only on success. Argument structs and the errors
 * they lead to are documented in accel-abi.h; their size field is not looked at here.
 *
 * Threads: everything may be called from any thread, except that a registry is destroyed
 * when nobody uses it any more, and a context once. No call waits for a device longer
 * than a piece of a command takes, and none for a client except two:
 * accel_buffer_revoke(), since who has the memory can keep its inode locked, and
 * accel_asid_create_sva(), which asks the process's memory. What else can take long ends
 * in threads of the core.
 *
 * Signals: the process gets a handler for SIGBUS with the first device, since memory that
 * is shared with a client can be truncated by him. It hands on what is not its own to the
 * handler that was there before. SIGURG, which is ignored by default, may come while the
 * core asks the kernel who holds a memfd.
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

/* How a device shall be; zeroed fields mean the default. */
struct accel_device_params {
	char name[ACCEL_NAME_SIZE]; /* letters, digits, '-' and '_' */
	uint32_t queues;            /* 1 to 1024; 64 */
	uint32_t asid_bits;         /* 1 to 20; 16 */
	uint64_t memory;            /* bytes, whole pages; 1 GiB */
	uint32_t latency_ns;        /* at most 1 s; 0 */
	bool exclusive;
};

/* Level as for syslog(3): 3 error, 4 warning, 6 info, 7 debug. The text has no newline.
 */
typedef void (*accel_log_fn)(void *data, int level, const char *text);

/* @log may be NULL. */
int accel_registry_create(accel_log_fn log, void *data,
			  struct accel_registry **ret_registry);

/*
 * Ends the devices; their contexts have been destroyed, and the references that
 * accel_asid_share() gave are dropped. False: an engine does not come
 * back from memory that a client keeps from it. Then everything is left as it is, and the
 * process had better exit.
 */
bool accel_registry_destroy(struct accel_registry *registry);

/*
 * What is freed is given back by a thread of the core, soon. Waits until that has come to
 * what was freed so far, for @ms at most: for who is short of descriptors.
 */
void accel_registry_settle(struct accel_registry *registry, unsigned ms);

/*
 * Adds a device. -EINVAL: a parameter is out of range, or the backend is not whole;
 * -EEXIST: the name is taken; or what the backend says.
 */
int accel_device_create(struct accel_registry *registry,
			const struct accel_backend *backend,
			const struct accel_device_params *params,
			struct accel_device **ret_device);

/* By name or by place, NULL: none. They stay until the registry is destroyed. */
struct accel_device *accel_device_find(struct accel_registry *registry, const char *name);
struct accel_device *accel_device_at(struct accel_registry *registry, size_t index);

void accel_device_query(struct accel_device *device, struct accel_device_info *info);

/* ---- contexts ---------------------------------------------------------------------- */

struct accel_context;

enum accel_resource {
	ACCEL_RES_CONTEXTS,
	ACCEL_RES_ASIDS,
	ACCEL_RES_SETS,
	ACCEL_RES_QUEUES,
	ACCEL_RES_FILES, /* descriptors: one a buffer, one a queue, two an SVA ASID */
	ACCEL_RES_MAPPINGS,
	ACCEL_RES_FENCES,
	ACCEL_RES_MEMORY, /* bytes of device memory, for as long as anybody has them */
	ACCEL_RES_PINNED, /* bytes of imported memory: whoever has it may seal it */
	ACCEL_RES_COUNT
};

/*
 * Who pays for a context, and is told. All may be NULL. They are called from any thread,
 * some with locks of the core held, and must not call back.
 */
struct accel_owner {
	/* Before something is granted: 0, -EDQUOT, -ENOSPC or -ENOMEM. */
	int (*charge)(void *data, enum accel_resource resource, uint64_t n);
	/* When it is given back, which can be after the context's end. */
	void (*uncharge)(void *data, enum accel_resource resource, uint64_t n);
	/* An event has come for a reader. Not after accel_context_destroy() returned. */
	void (*notify)(void *data);
	/* The last call: nothing is charged any more. */
	void (*release)(void *data);
	void *data;
};

/*
 * A new context. -EBUSY: the device is exclusive and another context lives, or memory of
 * the last owner is held by an importer who cannot be made to let go; -EAGAIN: what the
 * last owner left is being scrubbed, in a moment it will do; and what @owner says. On
 * failure owner->release is not called.
 */
int accel_context_create(struct accel_device *device, const struct accel_owner *owner,
			 struct accel_context **ret_context);

/* Ends it in whatever state it is. Commands that run are ended, which is not waited for.
 */
void accel_context_destroy(struct accel_context *context);

int accel_device_get_info(struct accel_context *context, struct accel_device_info *arg);

/* ---- buffers ----------------------------------------------------------------------- */

int accel_buffer_alloc(struct accel_context *context, struct accel_buffer_alloc *arg);

/*
 * Makes a buffer of the memfd or dma-buf @fd, which is taken over on success. What it may
 * be mapped for is @fd's access mode. -EBADFD: neither kind; -EACCES: not readable;
 * -EINVAL: empty. Its bytes are charged (ACCEL_RES_PINNED), until it is unmapped here.
 */
int accel_buffer_import(struct accel_context *context, int fd, uint32_t *ret_id);

/*
 * The same for any regular file that can be mapped shared, too: a name of a dmabuffs
 * instance, as open(2) gives it. The caller trusts the file system to bring pages when
 * they are touched; one that does not stalls the queue that does. -ENODEV: it cannot be
 * mapped.
 */
int accel_buffer_import_file(struct accel_context *context, int fd, uint32_t *ret_id);

/*
 * A descriptor of a buffer, close-on-exec; of a memfd with an open file description of
 * its own. @access: O_RDONLY or O_RDWR; -EACCES: more than the buffer allows; -ESTALE: it
 * was revoked.
 */
int accel_buffer_open(struct accel_context *context, uint32_t id, int access,
		      int *ret_fd);

int accel_buffer_free(struct accel_context *context, struct accel_object *arg);
int accel_buffer_revoke(struct accel_context *context, struct accel_object *arg);
int accel_buffer_get_info(struct accel_context *context, struct accel_buffer_info *arg);

/* ---- address spaces ---------------------------------------------------------------- */

int accel_asid_create(struct accel_context *context, struct accel_asid_create *arg);

/*
 * Binds the address space behind @mem (/proc/PID/mem, O_RDWR) and @maps (/proc/PID/maps),
 * both opened by the process itself, for ever. Both are taken over on success. -EBADFD:
 * they are not that, or not of one process; -EOPNOTSUPP: the kernel cannot tell page
 * protections (before Linux 6.11); -ESRCH: the process is gone.
 */
int accel_asid_create_sva(struct accel_context *context, struct accel_asid_create *arg,
			  int mem, int maps);

int accel_asid_destroy(struct accel_context *context, struct accel_object *arg);
int accel_asid_get_info(struct accel_context *context, struct accel_asid_info *arg);
int accel_asid_map(struct accel_context *context, struct accel_asid_map *arg);
int accel_asid_unmap(struct accel_context *context, struct accel_asid_unmap *arg);
int accel_asid_copy(struct accel_context *context, struct accel_asid_copy *arg);

/*
 * Handing an address space to another context of the same device. What share returns is
 * a reference that keeps it alive and its number in use, also after its context is gone.
 * Its maker goes on paying for it and for all mappings in it, whoever makes them.
 * Import with another device's: -EXDEV; one that this context has: -EEXIST. An exclusive
 * device shares nothing: -EOPNOTSUPP.
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
 * The queue's memory, for mmap(2): a memfd whose size is sealed, O_RDWR. Its first page
 * is a struct accel_ring, of a mediated queue too.
 */
int accel_queue_open_ring(struct accel_context *context, uint32_t id, int *ret_fd);

/* ---- fences and events ------------------------------------------------------------- */

int accel_fence_create(struct accel_context *context, struct accel_fence *arg);
int accel_fence_destroy(struct accel_context *context, struct accel_object *arg);
int accel_fence_signal(struct accel_context *context, struct accel_fence *arg);
int accel_fence_query(struct accel_context *context, struct accel_fence *arg);

/* Takes at most @n events, the oldest first; how many there were. Never waits. */
size_t accel_events_read(struct accel_context *context, struct accel_event *events,
			 size_t n);
bool accel_events_pending(struct accel_context *context);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
