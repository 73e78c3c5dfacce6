/* SPDX-License-Identifier: MIT */
/*
 * dmabuffs-accel.h - libdmabuffs: accelerator devices of a mount
 *
 * A context is a descriptor: pass it, inherit it, close it. What is in it is named by ids
 * and is asked for with dmabuffs_accel_call(), one call a command of
 * dmabuffs-accel-ioctl.h; here is what needs more than that. Return values, outputs and
 * descriptors as in dmabuffs.h.
 */
#ifndef DMABUFFS_ACCEL_H
#define DMABUFFS_ACCEL_H

#include <dmabuffs-accel-ioctl.h>
#include <dmabuffs.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- devices and contexts ---------------------------------------------------------- */

/*
 * Calls @visit with the name of each device. A negative return ends the walk and is
 * returned. -ENOENT: the instance has no devices (mount option noaccel).
 */
int dmabuffs_accel_list(struct dmabuffs *instance,
			int (*visit)(const char *device, void *data), void *data);

/*
 * What a device is and how much of it is in use, also while it is exclusive and in use.
 * @size is sizeof(*ret_info), as for dmabuffs_query_fd(). -ENOENT: no such device.
 */
int dmabuffs_accel_query(struct dmabuffs *instance, const char *device,
			 struct accel_device_info *ret_info, size_t size);

/*
 * Opens a context of @device; -EAGAIN, an exclusive one being scrubbed, is tried again
 * for a second. Errors: of open(2), see dmabuffs-accel-ioctl.h.
 */
int dmabuffs_accel_open(struct dmabuffs *instance, const char *device, int *ret_context);

/*
 * Any command. @request is DMABUFFS_ACCEL_IOC_*, @arg its struct, with its size filled in
 * here. Repeated while signals interrupt it.
 */
int dmabuffs_accel_call(int context, unsigned long request, void *arg);

/* ---- what takes or gives descriptors ----------------------------------------------- */

/*
 * Imports a memfd, a dma-buf or an opened name; falls back to a ticket. The caller keeps
 * @fd.
 */
int dmabuffs_accel_import_buffer(struct dmabuffs *instance, int context, int fd,
				 uint32_t *ret_buffer);

/* The descriptor of a buffer of the context (O_RDWR, or O_RDONLY where it is no more). */
int dmabuffs_accel_buffer_fd(struct dmabuffs *instance, int context, uint32_t buffer,
			     int *ret_fd);

/*
 * An ASID that is the memory of the calling process, as it is now and later; not that of
 * its children, and nothing after exec. Who has the context can then read and write it
 * with commands, as far as page protections allow.
 */
int dmabuffs_accel_bind_self(struct dmabuffs *instance, int context, uint32_t flags,
			     uint32_t set, uint32_t *ret_asid);

/* A UUID name for an ASID; @options as for dmabuffs_export(), only DMABUFFS_EXPORT_MODE.
 */
int dmabuffs_accel_export_asid(int context, uint32_t asid,
			       const struct dmabuffs_export_options *options,
			       dmabuffs_uuid *ret_uuid);
int dmabuffs_accel_import_asid(struct dmabuffs *instance, int context,
			       const dmabuffs_uuid *uuid, uint32_t *ret_asid);

/* ---- queues ------------------------------------------------------------------------ */

/*
 * A queue as this process uses it. A child of fork(2) does not inherit it: its memory is
 * not mapped there, and every call answers -ECHILD; it can make one of its own. One
 * thread at a time submits; any number may wait.
 */
struct dmabuffs_accel_queue;

/*
 * @flags, @entries, @set: of struct accel_queue_create. @context is borrowed: it stays
 * open as long as the queue is used.
 */
int dmabuffs_accel_queue_create(struct dmabuffs *instance, int context, uint32_t flags,
				uint32_t entries, uint32_t set,
				struct dmabuffs_accel_queue **ret_queue);

/*
 * The queue @id of a context that came from elsewhere. Only one process may submit to a
 * user-mode queue at a time; it goes on where the former one stopped.
 */
int dmabuffs_accel_queue_open(struct dmabuffs *instance, int context, uint32_t id,
			      struct dmabuffs_accel_queue **ret_queue);

/* Forgets it here; NULL is allowed. The context's queue stays:
 * DMABUFFS_ACCEL_IOC_QUEUE_DESTROY.
 */
void dmabuffs_accel_queue_close(struct dmabuffs_accel_queue *queue);

uint32_t dmabuffs_accel_queue_id(const struct dmabuffs_accel_queue *queue);

/*
 * Submits all @n commands (1 to ACCEL_SUBMIT_MAX) or none. @ret_index, which may be NULL,
 * is that of the first: the n-th command of this queue. -EAGAIN: no room now. -EIO: the
 * queue has faulted. -EINVAL: more than can ever fit.
 */
int dmabuffs_accel_queue_submit(struct dmabuffs_accel_queue *queue,
				const struct accel_command *commands, unsigned n,
				uint64_t *ret_index);

/*
 * Waits until the command @index has completed. @timeout_ns: 0 just looks, negative waits
 * for ever. -ETIMEDOUT; -EIO: the queue faulted before that, or its last reset
 * dropped the command; -ENODEV: it was destroyed, and its engine has ended.
 */
int dmabuffs_accel_queue_wait(struct dmabuffs_accel_queue *queue, uint64_t index,
			      int64_t timeout_ns);

/* How many commands have completed. */
uint64_t dmabuffs_accel_queue_completed(const struct dmabuffs_accel_queue *queue);

/* The fault it stands still with; -ENODATA: none. */
int dmabuffs_accel_queue_fault(struct dmabuffs_accel_queue *queue,
			       struct accel_fault *ret_fault);

/* After a fault: drops what was submitted, runs again. -EINVAL, -EIO as the command. */
int dmabuffs_accel_queue_reset(struct dmabuffs_accel_queue *queue);

#ifdef __cplusplus
}
#endif

#endif
