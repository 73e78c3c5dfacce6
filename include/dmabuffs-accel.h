/* SPDX-License-Identifier: MIT */
/*
 * dmabuffs-accel.h - libdmabuffs: accelerator devices of a mount
 *
 * A context is a descriptor: pass it, inherit it, close it. Ids name the objects in it.
 * dmabuffs_accel_call() executes any command of dmabuffs-accel-ioctl.h; the other
 * functions are for what takes more than one command. Return values, outputs and
 * descriptors are as in dmabuffs.h.
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
 * Calls @visit with the name of each device. A negative return stops the walk and is
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
 * Opens a context of @device; retries for a second while queues of the last context of an
 * exclusive device are being stopped, or its memory scrubbed (-EAGAIN). Errors: of
 * open(2), see dmabuffs-accel-ioctl.h.
 */
int dmabuffs_accel_open(struct dmabuffs *instance, const char *device, int *ret_context);

/*
 * Executes a command. @request is DMABUFFS_ACCEL_IOC_*, @arg its struct, whose size is
 * filled in here. Restarts after signals.
 */
int dmabuffs_accel_call(int context, unsigned long request, void *arg);

/* ---- descriptors into a context and out of it -------------------------------------- */

/*
 * Imports a memfd, a dma-buf or an opened name, through the broker if necessary. The
 * caller keeps @fd.
 */
int dmabuffs_accel_import_buffer(struct dmabuffs *instance, int context, int fd,
				 uint32_t *ret_buffer);

/* A descriptor of a buffer of the context: O_RDWR, else O_RDONLY. */
int dmabuffs_accel_buffer_fd(struct dmabuffs *instance, int context, uint32_t buffer,
			     int *ret_fd);

/*
 * Makes an ASID of the memory of the calling process, as it is now and later; not of its
 * children, and empty after execve(2). Every holder of the context can then read and
 * write that memory with commands, as far as page protections allow.
 */
int dmabuffs_accel_bind_self(struct dmabuffs *instance, int context, uint32_t flags,
			     uint32_t set, uint32_t *ret_asid);

/*
 * Gives an ASID a UUID name. @options as for dmabuffs_export(), of the flags
 * DMABUFFS_EXPORT_MODE only.
 */
int dmabuffs_accel_export_asid(int context, uint32_t asid,
			       const struct dmabuffs_export_options *options,
			       dmabuffs_uuid *ret_uuid);
int dmabuffs_accel_import_asid(struct dmabuffs *instance, int context,
			       const dmabuffs_uuid *uuid, uint32_t *ret_asid);

/* ---- queues ------------------------------------------------------------------------ */

/*
 * A queue in use by this process. A child of fork(2) does not inherit it: the ring is not
 * mapped there, and every call returns -ECHILD; the child can open the queue again. One
 * thread at a time may submit or reset; any number may wait.
 */
struct dmabuffs_accel_queue;

/*
 * @flags, @entries, @set: of struct accel_queue_create. @context is borrowed: keep it
 * open while the queue is in use.
 */
int dmabuffs_accel_queue_create(struct dmabuffs *instance, int context, uint32_t flags,
				uint32_t entries, uint32_t set,
				struct dmabuffs_accel_queue **ret_queue);

/*
 * Opens the queue @id of a context that another process made. Only one process at a time
 * may submit to a user-mode queue; this one continues where the former stopped.
 */
int dmabuffs_accel_queue_open(struct dmabuffs *instance, int context, uint32_t id,
			      struct dmabuffs_accel_queue **ret_queue);

/*
 * Releases it in this process; NULL is allowed. The queue itself stays in the context
 * until DMABUFFS_ACCEL_IOC_QUEUE_DESTROY.
 */
void dmabuffs_accel_queue_close(struct dmabuffs_accel_queue *queue);

uint32_t dmabuffs_accel_queue_id(const struct dmabuffs_accel_queue *queue);

/*
 * Submits all @n commands (1 to ACCEL_SUBMIT_MAX) or none. @ret_index, which may be NULL,
 * receives the index of the first, counted from 0 over the life of the queue. -EAGAIN: no
 * room now. -EIO: the queue has faulted. -EINVAL: more than can ever fit.
 */
int dmabuffs_accel_queue_submit(struct dmabuffs_accel_queue *queue,
				const struct accel_command *commands, unsigned n,
				uint64_t *ret_index);

/*
 * Waits until the command @index has completed. @timeout_ns: 0 only checks, negative
 * waits without a limit. -ETIMEDOUT; -EIO: the queue faulted before that, or its last
 * reset dropped the command; -ENODEV: the queue was destroyed and its engine has stopped.
 */
int dmabuffs_accel_queue_wait(struct dmabuffs_accel_queue *queue, uint64_t index,
			      int64_t timeout_ns);

/* The number of completed commands. */
uint64_t dmabuffs_accel_queue_completed(const struct dmabuffs_accel_queue *queue);

/* The fault that stopped the queue; -ENODATA: none. */
int dmabuffs_accel_queue_fault(struct dmabuffs_accel_queue *queue,
			       struct accel_fault *ret_fault);

/* After a fault: drops what was submitted and restarts. -EINVAL, -EIO as the command. */
int dmabuffs_accel_queue_reset(struct dmabuffs_accel_queue *queue);

#ifdef __cplusplus
}
#endif

#endif
